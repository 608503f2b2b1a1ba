"""Server-side apply of one manifest: create what is missing, update what differs, leave what others manage."""

from __future__ import annotations

from typing import Any

from tools.change import ApplyManifest, Change, Ref
from tools.context import Context
from tools.errors import BadRequest, NotFound, ShipmateError
from tools.kubernetes.door.client import MANAGER
from tools.kubernetes.door.paths import collection_path
from tools.kubernetes.handlers.diff import clean
from tools.kubernetes.handlers.foresight.beside import beside
from tools.kubernetes.handlers.foresight.newcomers import arrival
from tools.kubernetes.handlers.foresight.pods_to_come import outlook
from tools.kubernetes.handlers.foresight.preflight import (
    CONTENT_TYPES,
    Tried,
    attempt,
    check_shown,
    compare,
    defines,
    deleted_earlier,
    live_object,
    made_earlier,
    previewing,
)
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.kubernetes.handlers.guarded import field_conflicts, with_version, write_guarded
from tools.kubernetes.handlers.patch import judged, written
from tools.kubernetes.handlers.undoing.dropped import dropped
from tools.kubernetes.handlers.undoing.marks import Marks
from tools.kubernetes.handlers.undoing.take_back import take_back
from tools.kubernetes.look.owners import helm_release, owners
from tools.kubernetes.rollout.health import settled
from tools.kubernetes.rollout.rolling import replicas_of
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.secrets.sealing import unseal

Object = dict[str, Any]

# Fields set by a person's own tool may be taken over, and the preview says so; those of controllers may not.
_PERSONAL = (MANAGER, "kubectl", "before-first-apply", "k9s", "lens", "dashboard")


class ApplyHandler:
    """Handles `ApplyManifest`."""

    @previewing
    def preview(self, ctx: Context, change: ApplyManifest, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        ref = change.ref
        rests = made_earlier(earlier, ref)
        try:
            path = ctx.cluster.path(ref)
        except NotFound as error:
            return _unknown_kind(change, earlier, str(error))
        live = live_object(ctx, ref)
        again = live is not None and deleted_earlier(earlier, ref)
        write = _write(ctx, change, path, None if again else live)
        base = Preview(summary=change.summary, writes=(write,))
        if live is None or again:
            trial = _renamed(change) if again else _moved(change, "default") if rests else change
            return _preview_new(ctx, change, base, trial, earlier)
        if change.create_only:
            what = f"{ref.kind} {ref.name} exists already{f' in {ref.namespace}' if ref.namespace else ''}."
            return base.model_copy(update={"uid": live["metadata"]["uid"], "blockers": (what,)})
        base = base.model_copy(
            update={"uid": live["metadata"]["uid"], "undo": "Each changed field gets its former value back."}
        )
        return _preview_update(ctx, change, base, live, earlier)

    def apply(self, ctx: Context, change: ApplyManifest, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        manifest, ref = unseal(ctx, change.manifest), change.ref
        if preview.uid is None:
            return _create(ctx, change, manifest, preview, permit)
        force = bool(preview.warnings) and any(text.startswith(_TAKES_OVER) for text in preview.warnings)
        query = {"force": "true"} if force else {}
        live, reply = write_guarded(
            ctx, ref, preview, permit, "PATCH", ctx.cluster.path(ref), CONTENT_TYPES["apply"],
            lambda seen: with_version("apply", manifest, seen), **query,
        )  # fmt: skip
        return written(ctx, change.summary, live, reply.body)

    def verify(self, ctx: Context, change: ApplyManifest, applied: Applied) -> Steps[Verification]:
        seen = yield from settled(ctx, change.ref, applied)
        if change.ref.kind == "CustomResourceDefinition":
            ctx.cluster.kinds.forget()
        return seen

    def invert(
        self, ctx: Context, change: ApplyManifest, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


_TAKES_OVER = "Takes over "


def _write(ctx: Context, change: ApplyManifest, path: str, live: Object | None) -> Write:
    """A new object that must not exist yet is posted, which fails if it does; everything else is applied."""
    if live is None and change.create_only:
        return Write(door="kubernetes", method="POST", path=path.rpartition("/")[0])
    return Write(door="kubernetes", method="PATCH", path=path)


def _unknown_kind(change: ApplyManifest, earlier: tuple[Change, ...], text: str) -> Preview:
    """A kind that the cluster does not have: fine only if an earlier step defines it."""
    ref = change.ref
    definition = next((item for item in earlier if item.kind == "apply-manifest" and defines(item.manifest, ref)), None)
    if not isinstance(definition, ApplyManifest):
        return Preview(summary=change.summary, blockers=(text,))
    spec = definition.manifest["spec"]
    group, _, version = ref.api_version.rpartition("/")
    place = ref.namespace if spec.get("scope") == "Namespaced" else None
    path = f"{collection_path(group, version, spec['names']['plural'], place)}/{ref.name}"
    note = f"Kind {ref.kind} is defined by an earlier step, so this can only be checked after it."
    write = Write(door="kubernetes", method="PATCH", path=path)
    return Preview(
        summary=change.summary, warnings=(note,), writes=(write,), provisional=True, undo="It is deleted again."
    )


def _preview_new(
    ctx: Context, change: ApplyManifest, base: Preview, trial: ApplyManifest, earlier: tuple[Change, ...]
) -> Preview:
    """`trial` is what can be tried now: it differs from the change where that rests on earlier steps."""
    ref, rests = change.ref, trial is not change
    base = base.model_copy(update={"undo": "It is deleted again.", "provisional": rests})
    if rests and (blockers := missing_rights(ctx, (*base.writes, _creating(base.writes[0])))):
        return base.model_copy(update={"blockers": blockers})
    tried = _dry_run(ctx, trial, base.writes[0].method)
    if tried.body is None:
        if rests:
            note = f"It cannot be checked fully before the earlier steps: {' '.join(tried.blockers)}"
            return base.model_copy(update={"warnings": (note,)})
        return base.model_copy(update={"blockers": tried.blockers})
    stored = tried.body
    stored["metadata"]["name"] = ref.name
    if ref.namespace:
        stored["metadata"]["namespace"] = ref.namespace
    seen = compare(ctx, ref, None, stored, unseal(ctx, change.manifest))
    # Quota and pod security of a namespace that is not there yet are nobody's to ask; the nodes' room is.
    others = beside(ctx, earlier, ref.namespace)
    pods = outlook(ctx, None, stored, trial.ref.namespace or "default", others)
    comes = arrival(ctx, stored, others.made)
    return base.model_copy(
        update={
            "diff": seen.diff,
            "warnings": tuple(dict.fromkeys((*tried.warnings, *pods.warnings, *comes.warnings))),
            "blockers": pods.blockers,
            "risk": comes.risk,
        }
    )


def _creating(write: Write) -> Write:
    """An apply that makes the object needs the right to create as well."""
    path = write.path if write.method == "POST" else write.path.rpartition("/")[0]
    return Write(door="kubernetes", method="POST", path=path)


def _moved(change: ApplyManifest, namespace: str) -> ApplyManifest:
    """The same in a namespace that is there already."""
    return _placed(change, namespace=namespace) if change.ref.namespace else _placed(change)


def _renamed(change: ApplyManifest) -> ApplyManifest:
    """The same by another name, while the object that an earlier step deletes still has its own."""
    return _placed(change, name=f"{change.ref.name[:40].rstrip('.-')}-again")


def _placed(change: ApplyManifest, **place: str) -> ApplyManifest:
    meta = {**change.manifest.get("metadata", {}), **place}
    return change.model_copy(
        update={"ref": change.ref.model_copy(update=place), "manifest": {**change.manifest, "metadata": meta}}
    )


def _dry_run(ctx: Context, change: ApplyManifest, method: str, **query: Any) -> Tried:
    path = ctx.cluster.path(change.ref)
    try:
        if method == "POST":
            return attempt(ctx, "POST", path.rpartition("/")[0], unseal(ctx, change.manifest), "application/json")
        return attempt(ctx, "PATCH", path, unseal(ctx, change.manifest), CONTENT_TYPES["apply"], **query)
    except ShipmateError as error:
        if isinstance(error, BadRequest):
            return Tried(None, blockers=(str(error),), error=error)
        raise


def _preview_update(
    ctx: Context, change: ApplyManifest, base: Preview, live: Object, earlier: tuple[Change, ...]
) -> Preview:
    tried = _dry_run(ctx, change, "PATCH")
    notes: tuple[str, ...] = ()
    if tried.error and (conflicts := field_conflicts(tried.error)):
        foreign = [item for item in conflicts if not _takeable(item[0], live)]
        if foreign:
            return base.model_copy(update={"blockers": (_conflict_text(ctx, live, foreign),)})
        if others := [item for item in conflicts if item[0] != MANAGER]:
            notes = (_takeover(others),)
        else:
            notes = (f"{_TAKES_OVER}fields that Shipmate itself set in another way before.",)
        tried = _dry_run(ctx, change, "PATCH", force="true")
    base = base.model_copy(update={"warnings": (*notes, *tried.warnings), "blockers": tried.blockers})
    if tried.body is None:
        return base
    scaling = "replicas" in (live.get("spec") or {}) and replicas_of(live) != replicas_of(tried.body)
    manifest = unseal(ctx, change.manifest)
    base = base.model_copy(update={"warnings": (*base.warnings, *dropped(live, manifest, tried.body))})
    return judged(ctx, base, live, tried.body, manifest, scaling=scaling, earlier=earlier)


def _takeable(manager: str, live: Object) -> bool:
    return manager.startswith(_PERSONAL) and not (manager == "helm" or helm_release(live))


def _takeover(conflicts: list[tuple[str, str]]) -> str:
    managers = sorted({manager for manager, _ in conflicts})
    fields = sorted({field for _, field in conflicts})
    return f"{_TAKES_OVER}{', '.join(fields)} from {', '.join(managers)}, which set it last."


def _conflict_text(ctx: Context, live: Object, conflicts: list[tuple[str, str]]) -> str:
    told = "; ".join(f"{field} is managed by {manager}" for manager, field in sorted(set(conflicts)))
    known = " ".join(owner.text for owner in owners(ctx, live))
    way = known or "Change it there, or leave these fields out of the manifest."
    return f"Somebody else manages what this would change: {told}. {way}"


def _create(ctx: Context, change: ApplyManifest, manifest: Object, preview: Preview, permit: Permit) -> Applied:
    ref = change.ref
    check_shown(ctx, ref, live_object(ctx, ref), None, ())
    path = ctx.cluster.path(ref)
    permit.keep(Applied(summary=change.summary, facts={"created": True, "rolls": True}))
    if change.create_only:
        reply = ctx.cluster.write(permit, "POST", path.rpartition("/")[0], manifest)
    else:
        reply = ctx.cluster.write(permit, "PATCH", path, manifest, CONTENT_TYPES["apply"])
    meta = reply.body["metadata"]
    # Somebody may have made it in the moment between; then it is not ours to delete again.
    created = meta.get("generation", 1) == 1
    facts = {"uid": meta["uid"], "created": created, "rolls": True, "left": Marks(ctx).of_live(clean(reply.body))}
    return Applied(summary=change.summary, facts=facts)


def manifest_ref(manifest: Object, namespace: str | None) -> Ref:
    """The object that a manifest describes."""
    meta = manifest["metadata"]
    return Ref(
        api_version=manifest["apiVersion"], kind=manifest["kind"], name=meta["name"],
        namespace=meta.get("namespace") or namespace,
    )  # fmt: skip
