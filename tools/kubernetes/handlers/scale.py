"""Set a replica count through the `scale` sub-resource."""

from __future__ import annotations

import copy
from typing import Any

from tools.change import Change, Scale
from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.handlers.foresight.preflight import (
    CONTENT_TYPES,
    attempt,
    live_object,
    made_earlier,
    previewing,
)
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.kubernetes.handlers.guarded import with_version, write_guarded
from tools.kubernetes.handlers.patch import judged, written
from tools.kubernetes.handlers.undoing.take_back import take_back
from tools.kubernetes.rollout.health import settled
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification, Write
from tools.progress import Progress, Steps


class ScaleHandler:
    """Handles `Scale`."""

    @previewing
    def preview(self, ctx: Context, change: Scale, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        ref, summary = change.ref, change.summary
        try:
            path = ctx.cluster.path(ref, "scale")
        except NotFound as error:
            return Preview(summary=summary, blockers=(str(error),))
        writes = (Write(door="kubernetes", method="PATCH", path=path),)
        live = live_object(ctx, ref)
        if live is None:
            if made_earlier(earlier, ref):
                note = f"{ref} is made by an earlier step, so this is looked at again before it is applied."
                rights = missing_rights(ctx, writes)
                return Preview(summary=summary, warnings=(note,), blockers=rights, writes=writes, provisional=True)
            return Preview(summary=summary, blockers=(f"There is no {ref}.",), writes=writes)
        before = (live.get("spec") or {}).get("replicas", 1)
        base = Preview(summary=summary, uid=live["metadata"]["uid"], writes=writes, undo=f"Scale back to {before}.")
        if before == change.replicas:
            return base.model_copy(update={"noop": True})
        tried = attempt(ctx, "PATCH", path, _patch(change), CONTENT_TYPES["merge"])
        base = base.model_copy(update={"warnings": tried.warnings, "blockers": tried.blockers})
        if tried.body is None:
            return base
        after = copy.deepcopy(live)
        after["spec"]["replicas"] = tried.body["spec"].get("replicas", 0)
        return judged(ctx, base, live, after, {"spec": {"replicas": change.replicas}}, scaling=True, earlier=earlier)

    def apply(self, ctx: Context, change: Scale, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        live, reply = write_guarded(
            ctx, change.ref, preview, permit, "PATCH", ctx.cluster.path(change.ref, "scale"), CONTENT_TYPES["merge"],
            lambda seen: with_version("merge", _patch(change), seen),
        )  # fmt: skip
        after = copy.deepcopy(live)
        after["spec"]["replicas"] = reply.body["spec"].get("replicas", 0)
        applied = written(ctx, change.summary, live, after)
        return applied.model_copy(update={"facts": {**applied.facts, "rolls": True}})

    def verify(self, ctx: Context, change: Scale, applied: Applied) -> Steps[Verification]:
        return (yield from settled(ctx, change.ref, applied))

    def invert(
        self, ctx: Context, change: Scale, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


def _patch(change: Scale) -> dict[str, Any]:
    return {"spec": {"replicas": change.replicas}}
