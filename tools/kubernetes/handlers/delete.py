"""Delete one object: what goes with it is said before, and what can come back is kept."""

from __future__ import annotations

from typing import Any

from tools.change import Change, Delete
from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.handlers.diff import clean
from tools.kubernetes.handlers.foresight.impact import owner_warnings
from tools.kubernetes.handlers.foresight.losses import RUNNING, losses
from tools.kubernetes.handlers.foresight.preflight import (
    attempt,
    check_shown,
    live_object,
    made_earlier,
    previewing,
)
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.kubernetes.handlers.show_diff import unified
from tools.kubernetes.handlers.undoing.take_back import take_back
from tools.kubernetes.rollout.health import gone
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.secrets.redact import redact_object
from tools.secrets.sealing import seal

Object = dict[str, Any]

# What is lost with an object of that kind and no manifest brings back.
_NOT_BACK = {
    "Namespace": "everything in the namespace goes with it, and only an empty one could be made again",
    "PersistentVolumeClaim": "the data on its volume cannot be brought back by making the claim again",
    "PersistentVolume": "the data on it cannot be brought back by making it again",
    "CustomResourceDefinition": "all objects of that kind go with it",
    "Node": "the node registers itself again, if it still runs",
}
_PLAIN_STATUS = (
    "Service",
    "Ingress",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "CronJob",
)  # made anew by itself


class DeleteHandler:
    """Handles `Delete`."""

    @previewing
    def preview(self, ctx: Context, change: Delete, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        ref, summary = change.ref, change.summary
        try:
            path = ctx.cluster.path(ref)
        except NotFound as error:
            return Preview(summary=summary, blockers=(str(error),))
        writes = (Write(door="kubernetes", method="DELETE", path=path),)
        live = live_object(ctx, ref)
        if live is None:
            if made_earlier(earlier, ref):
                return Preview(summary=summary, blockers=missing_rights(ctx, writes), writes=writes, provisional=True)
            return Preview(summary=summary, writes=writes, noop=True, warnings=(f"There is no {ref}.",))
        uid = live["metadata"]["uid"]
        tried = attempt(ctx, "DELETE", path, _options(change, uid), "application/json")
        if tried.blockers:
            return Preview(summary=summary, blockers=tried.blockers, uid=uid, writes=writes)
        going = frozenset((one.ref.kind, one.ref.name) for one in earlier if one.kind == "delete")
        lost = losses(ctx, live, change.propagation, going)
        why_not = _no_way_back(live)
        return Preview(
            summary=summary,
            diff=unified(clean(live), None, str(ref), redact_object),
            warnings=(*tried.warnings, *lost.warnings, *owner_warnings(ctx, live)),
            risk=lost.risk,
            undo="" if why_not else _way_back(live),
            no_undo=why_not,
            uid=uid,
            writes=writes,
        )

    def apply(self, ctx: Context, change: Delete, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        live = live_object(ctx, change.ref)
        check_shown(ctx, change.ref, live, preview.uid, preview.shown)
        kept = seal(ctx, clean(live or {}))
        applied = Applied(summary=change.summary, before=kept, facts={"uid": preview.uid, "no_undo": preview.no_undo})
        permit.keep(applied)
        ctx.cluster.write(
            permit, "DELETE", ctx.cluster.path(change.ref), _options(change, preview.uid or ""), "application/json"
        )
        return applied

    def verify(self, ctx: Context, change: Delete, applied: Applied) -> Steps[Verification]:
        return (yield from gone(ctx, change.ref, applied.facts["uid"]))

    def invert(
        self, ctx: Context, change: Delete, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


def _options(change: Delete, uid: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": change.propagation,
        "preconditions": {"uid": uid},
    }


def _no_way_back(live: Object) -> str:
    if why := _NOT_BACK.get(live["kind"]):
        return why
    if live["kind"] == "Pod" and any(own.get("controller") for own in live["metadata"].get("ownerReferences") or ()):
        return "its controller makes a new one by itself"
    if live["kind"] == "Secret" and live.get("type") == "kubernetes.io/service-account-token":
        return "its token is valid only while it exists"
    return ""


def _way_back(live: Object) -> str:
    """How it comes back, and what of it does not."""
    kind, anew = live["kind"], ["a new uid"]
    if kind == "Service" and live["spec"].get("clusterIP") not in (None, "None"):
        anew.append("another cluster IP")
    text = f"It is made again from what is kept of it, with {' and '.join(anew)}"
    if kind in RUNNING or kind in ("Pod", "Job"):
        text += "; its pods start anew"
        return f"{text}, what they held in memory and on their own disks is lost."
    return f"{text}; its status is lost." if live.get("status") and kind not in _PLAIN_STATUS else f"{text}."
