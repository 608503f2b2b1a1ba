"""Rollouts: how far one is, which revisions there were, and the way back to one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from tools.catalog import Result
from tools.change import Change, Patch, RolloutUndo
from tools.context import Context
from tools.errors import BadRequest, Conflict, NotFound
from tools.kubernetes.handlers.diff import changes, told
from tools.kubernetes.handlers.foresight.preflight import CONTENT_TYPES, live_object, previewing
from tools.kubernetes.handlers.guarded import with_version, write_guarded
from tools.kubernetes.handlers.patch import preview_patch, written
from tools.kubernetes.handlers.undoing.take_back import take_back
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.pods import pod_phase, pods_of
from tools.kubernetes.rollout.health import settled
from tools.kubernetes.rollout.revisions import Revision, revisions
from tools.kubernetes.rollout.state import state_of
from tools.kubernetes.workload_changes import ref_of, template_of
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification
from tools.progress import Progress, Steps
from tools.secrets.redact import redact_text

Object = dict[str, Any]


def rollout_status(ctx: Context, *, name: str, kind: str | None = None, namespace: str | None = None) -> Result:
    """How far the rollout of a workload is: replicas ready, replaced, or why it is stuck."""
    live = find_workload(ctx, name, kind, namespace)
    state = state_of(live)
    images = ", ".join(item.get("image", "") for item in (template_of(live).get("spec") or {}).get("containers") or ())
    lead = "complete" if state.done else "stuck" if state.failed else "in progress"
    text = f"Rollout of {ref_of(live)} is {lead}: {state.text}. Image: {images}."
    if state.failed:
        text += f" {redact_text(state.failed)}"
    if not state.done and (trouble := _trouble(ctx, live)):
        text += f" {trouble}"
    data = {
        "ref": ref_of(live).model_dump(),
        "done": state.done,
        "text": state.text,
        "failed": redact_text(state.failed),
    }
    return Result(text=text, data=data)


def _trouble(ctx: Context, live: Object) -> str:
    """In which states the pods are that keep a rollout from being complete."""
    states = Counter(state for pod in pods_of(ctx, live) if (state := pod_phase(pod)) not in ("Running", "Succeeded"))
    return "Its pods: " + ", ".join(f"{number} {state}" for state, number in states.items()) + "." if states else ""


def rollout_history(ctx: Context, *, name: str, kind: str | None = None, namespace: str | None = None) -> Result:
    """The revisions of a workload that are still kept: number, age, images, what changed, stated cause."""
    live = find_workload(ctx, name, kind, namespace)
    found = revisions(ctx, live)
    if not found:
        return Result(text=f"No revisions of {ref_of(live)} are kept.", data=[])
    lines = [f"Revisions of {ref_of(live)}, newest first:"]
    data: list[Object] = []
    for index in range(len(found) - 1, -1, -1):
        revision = found[index]
        differs = _differs(found[index - 1], revision) if index else []
        now = " (now)" if index == len(found) - 1 else ""
        cause = f"; cause: {redact_text(revision.cause)}" if revision.cause else ""
        changed = f"; changed: {', '.join(differs[:4])}{' …' if len(differs) > 4 else ''}" if differs else ""
        lines.append(f"  {revision.number}{now}  {revision.created}  {', '.join(revision.images)}{changed}{cause}")
        entry = {"revision": revision.number, "created": revision.created, "images": list(revision.images)}
        data.append({**entry, "changed": differs, "cause": redact_text(revision.cause)})
    return Result(text="\n".join(lines), data=data)


def _differs(before: Revision, after: Revision) -> list[str]:
    return [told(change.path).removeprefix("spec.") for change in changes(before.template, after.template)]


class RolloutUndoHandler:
    """Handles `RolloutUndo`: a patch that puts the template of an earlier revision back."""

    @previewing
    def preview(self, ctx: Context, change: RolloutUndo, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        live = live_object(ctx, change.ref)
        if live is None:
            return Preview(summary=change.summary, blockers=(f"There is no {change.ref}.",))
        try:
            target = choose(ctx, live, change.revision)
        except BadRequest as error:
            return Preview(summary=change.summary, blockers=(str(error),), uid=live["metadata"]["uid"])
        patch = _patch(change, live, target)
        if patch is None:
            return Preview(summary=change.summary, uid=live["metadata"]["uid"], noop=True)
        seen = preview_patch(ctx, patch, earlier)
        note = f"Revision {target.number} ran {', '.join(target.images)}."
        return seen.model_copy(update={"digest": _digest(target), "warnings": (note, *seen.warnings)})

    def apply(self, ctx: Context, change: RolloutUndo, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        live = ctx.cluster.read(change.ref)
        target = choose(ctx, live, change.revision)
        patch = _patch(change, live, target)
        if patch is None or _digest(target) != preview.digest:
            raise Conflict(
                f"The revisions of {change.ref} have changed since they were shown; nothing was written.", "Ask again."
            )
        before, reply = write_guarded(
            ctx, change.ref, preview, permit, "PATCH", ctx.cluster.path(change.ref), CONTENT_TYPES["json"],
            lambda seen: with_version("json", patch.patch, seen),
        )  # fmt: skip
        return written(ctx, change.summary, before, reply.body)

    def verify(self, ctx: Context, change: RolloutUndo, applied: Applied) -> Steps[Verification]:
        return (yield from settled(ctx, change.ref, applied))

    def invert(
        self, ctx: Context, change: RolloutUndo, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


def choose(ctx: Context, live: Object, number: int) -> Revision:
    """The revision meant by a number (0: the one before); raises BadRequest or NotFound with the ones there are."""
    if live["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        raise BadRequest(f"{ref_of(live)} keeps no earlier revisions.", "Deployments and StatefulSets do.")
    if live["spec"].get("paused"):
        raise BadRequest(f"{ref_of(live)} is paused, so it cannot be rolled back.", "Resume it first.")
    found = revisions(ctx, live)
    if not number:
        # The newest that differs from what is wanted now: a revision that was put back keeps no double.
        others = [item for item in found if changes(item.template, template_of(live))]
        if not others:
            raise NotFound(f"{ref_of(live)} has no earlier revision to go back to.")
        return others[-1]
    for item in found:
        if item.number == number:
            return item
    kept = ", ".join(str(item.number) for item in found)
    raise NotFound(f"{ref_of(live)} has no revision {number}.", f"Kept are: {kept}." if kept else "None is kept.")


def stands(ctx: Context, change: RolloutUndo, digest: str) -> bool:
    """Whether the workload's template is the revision that a preview's digest names."""
    live = ctx.cluster.read(change.ref)
    wanted = next((item for item in revisions(ctx, live) if _digest(item) == digest), None)
    return wanted is not None and not changes(template_of(live), wanted.template)


def _patch(change: RolloutUndo, live: Object, target: Revision) -> Patch | None:
    """The JSON patch from the live template to the target's, or None when they are the same."""
    if not changes(template_of(live), target.template):
        return None
    operations = [{"op": "replace", "path": "/spec/template", "value": target.template}]
    return Patch(summary=change.summary, ref=change.ref, verb="rollback", type="json", patch=operations)


def _digest(target: Revision) -> str:
    return hashlib.sha256(json.dumps(target.template, sort_keys=True).encode()).hexdigest()
