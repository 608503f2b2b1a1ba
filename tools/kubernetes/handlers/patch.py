"""Patch one object: only on the state that was shown, and back again field by field."""

from __future__ import annotations

from typing import Any

from tools.change import Change, Patch
from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.handlers.diff import MISSING, changes, clean, look, pointer, saved
from tools.kubernetes.handlers.foresight.beside import beside
from tools.kubernetes.handlers.foresight.impact import impact, owner_warnings
from tools.kubernetes.handlers.foresight.pods_to_come import outlook
from tools.kubernetes.handlers.foresight.preflight import (
    CONTENT_TYPES,
    attempt,
    compare,
    live_object,
    made_earlier,
    previewing,
)
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.kubernetes.handlers.guarded import with_version, write_guarded
from tools.kubernetes.handlers.undoing.marks import Marks
from tools.kubernetes.handlers.undoing.take_back import take_back
from tools.kubernetes.handlers.undoing.threeway import whole_lists
from tools.kubernetes.look.managers import field_owners
from tools.kubernetes.rollout.health import settled
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import ref_of
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Risk, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.secrets.redact import redact_object
from tools.secrets.sealing import seal_value, unseal

Object = dict[str, Any]


class PatchHandler:
    """Handles `Patch`: set image, resources, env, restart, labels, cordon and whatever else is a patch."""

    @previewing
    def preview(self, ctx: Context, change: Patch, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        return preview_patch(ctx, change, earlier)

    def apply(self, ctx: Context, change: Patch, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        path = ctx.cluster.path(change.ref, change.subresource or "")
        patch = unseal(ctx, change.patch)
        live, reply = write_guarded(
            ctx, change.ref, preview, permit, "PATCH", path, CONTENT_TYPES[change.type],
            lambda seen: with_version(change.type, patch, seen),
        )  # fmt: skip
        return written(ctx, change.summary, live, reply.body)

    def verify(self, ctx: Context, change: Patch, applied: Applied) -> Steps[Verification]:
        return (yield from settled(ctx, change.ref, applied))

    def invert(
        self, ctx: Context, change: Patch, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


def preview_patch(ctx: Context, change: Patch, earlier: tuple[Change, ...]) -> Preview:
    """Dry run of a patch against the live object."""
    cluster, ref = ctx.cluster, change.ref
    try:
        path = cluster.path(ref, change.subresource or "")
    except NotFound as error:
        return Preview(summary=change.summary, blockers=(str(error),))
    writes = (Write(door="kubernetes", method="PATCH", path=path),)
    live = live_object(ctx, ref)
    if live is None:
        if made_earlier(earlier, ref):
            note = f"{ref} is made by an earlier step, so this is looked at again before it is applied."
            rights = missing_rights(ctx, writes)
            return Preview(summary=change.summary, warnings=(note,), blockers=rights, writes=writes, provisional=True)
        return Preview(summary=change.summary, blockers=(f"There is no {ref}.",), writes=writes)
    tried = attempt(ctx, "PATCH", path, unseal(ctx, change.patch), CONTENT_TYPES[change.type])
    base = Preview(
        summary=change.summary,
        uid=live["metadata"]["uid"],
        writes=writes,
        warnings=tried.warnings,
        undo="Each changed field gets its former value back.",
    )
    if tried.body is None:
        return base.model_copy(update={"blockers": tried.blockers})
    asked = MISSING if isinstance(change.patch, list) else change.patch
    return judged(
        ctx,
        base,
        live,
        tried.body,
        asked,
        earlier=earlier,
        scaling=_sets_replicas(live, tried.body),
        status=change.subresource == "status",
    )


def judged(
    ctx: Context,
    base: Preview,
    live: Object,
    after: Object,
    asked: Any,
    *,
    scaling: bool,
    status: bool = False,
    earlier: tuple[Change, ...] = (),
) -> Preview:
    """Complete the preview of an update: diff, preconditions, what it disturbs, whether its pods find a place."""
    ref = ref_of(live)
    seen = compare(ctx, ref, live, after, asked, status)
    if not seen.diff:
        return base.model_copy(update={"noop": True})
    disturbed = impact(ctx, live, after)
    pods = outlook(ctx, live, after, ref.namespace or "", beside(ctx, earlier, ref.namespace))
    others = (*owner_warnings(ctx, live, scaling=scaling), *field_owners(live, seen.found))
    warnings = (*base.warnings, *pods.warnings, *disturbed.warnings, *others)
    return base.model_copy(
        update={
            "diff": seen.diff,
            "shown": seen.shown,
            "warnings": tuple(dict.fromkeys(warnings)),
            "blockers": (*base.blockers, *pods.blockers),
            "risk": max(base.risk, disturbed.risk, key=list(Risk).index),
        }
    )


def _sets_replicas(live: Object, after: Object) -> bool:
    return "replicas" in (live.get("spec") or {}) and replicas_of(live) != replicas_of(after)


def written(ctx: Context, summary: str, live: Object, after: Object) -> Applied:
    """What undo and verification need to know of an update, without a secret in it.

    Former values are sealed, so that they can come back; how it was left is kept as marks, to be compared with later.
    """
    old, new, marks = clean(live), clean(after), Marks(ctx)
    safe, left = redact_object(old), marks.of_live(new)
    found = [
        change._replace(
            before=_sealed(ctx, change.before, safe, pointer(old, change.path)),
            after=look(left, pointer(left, change.path)),
        )
        for change in whole_lists(changes(old, new), old, new)
    ]
    generation = after["metadata"].get("generation", 0)
    facts = {
        "uid": after["metadata"]["uid"],
        "generation": generation,
        "rolls": generation != live["metadata"].get("generation", 0),
        "left": left,
    }
    return Applied(summary=summary, before=saved(found), facts=facts)


def _sealed(ctx: Context, value: Any, safe: Object, where: str) -> Any:
    return value if value is MISSING else seal_value(ctx, value, look(safe, where))
