"""Run a helper Job and remove it: in the same step, whatever becomes of that step."""

from __future__ import annotations

import time
from typing import Any

from tools.change import Change, Delete, HelperJob
from tools.context import Context
from tools.errors import NotFound, Refused, ShipmateError
from tools.kubernetes.door.errors import not_carried_out
from tools.kubernetes.handlers.foresight.beside import beside
from tools.kubernetes.handlers.foresight.pods_to_come import outlook
from tools.kubernetes.handlers.foresight.preflight import attempt, live_object, made_earlier, previewing
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.kubernetes.handlers.show_diff import unified
from tools.kubernetes.helpers.answers import Answer, answer
from tools.kubernetes.helpers.images import script_name
from tools.kubernetes.helpers.job import STARTING, stays_at_most
from tools.kubernetes.helpers.running import until_ended, until_started
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.secrets.redact import redact_object

_REMOVAL = 20.0  # seconds to wait until Job and pod are gone; they go without anybody waiting, too


class HelperHandler:
    """Handles `HelperJob`."""

    @previewing
    def preview(self, ctx: Context, change: HelperJob, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        ref = change.ref
        folder, path = ctx.cluster.path(ref).rpartition("/")[0], ctx.cluster.path(ref)
        writes = (Write(door="kubernetes", method="POST", path=folder),)
        if not change.keeps:
            writes += (Write(door="kubernetes", method="DELETE", path=path),)
        base = Preview(
            summary=change.summary,
            writes=writes,
            diff=unified(None, _for_people(change.manifest), str(ref), redact_object),
            undo=_undo(change),
        )
        if made_earlier(earlier, ref):
            return base.model_copy(update={"provisional": True, "blockers": missing_rights(ctx, writes)})
        tried = attempt(ctx, "POST", folder, change.manifest, "application/json")
        if tried.body is None:
            return base.model_copy(update={"blockers": tried.blockers})
        others = beside(ctx, earlier, ref.namespace)
        pods = outlook(ctx, None, tried.body, ref.namespace or "default", others)
        notes = tuple(str(note) for note in change.about.get("notes") or ())
        return base.model_copy(
            update={
                "warnings": tuple(dict.fromkeys((*notes, *tried.warnings, *pods.warnings))),
                "blockers": (*pods.blockers, *_rights(ctx, change, writes[1:])),
            }
        )

    def apply(self, ctx: Context, change: HelperJob, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        path = ctx.cluster.path(change.ref)
        permit.keep(Applied(summary=change.summary))
        left, present, uid = "", True, ""
        try:
            uid = _make(ctx, change, path, permit)
            if change.keeps:
                return Applied(summary=change.summary, facts={"uid": uid})
            ran = yield from until_ended(ctx, change.ref, _seconds(change))
        except ShipmateError as error:
            present = bool(uid) or not not_carried_out(error)
            raise
        finally:
            if present and not change.keeps:
                left = _remove(ctx, change, path, uid, permit)
        found = answer(change.asks, change.about, ran)
        left = left or (yield from _gone(ctx, change))
        return Applied(summary=change.summary, facts={**found._asdict(), "left": left})

    def verify(self, ctx: Context, change: HelperJob, applied: Applied) -> Steps[Verification]:
        if not change.keeps:
            found = Answer(*(applied.facts[name] for name in Answer._fields))
            text = "\n".join(part for part in (found.text, applied.facts["left"]) if part)
            return Verification(healthy=found.answered, text=text)
        ran = yield from until_started(ctx, change.ref, STARTING)
        if ran.problem:
            return Verification(healthy=False, text=f"The copy does not run: {ran.problem}.")
        container = change.manifest["spec"]["template"]["spec"]["containers"][0]["name"]
        way = f"kubectl exec -it -n {change.ref.namespace} {ran.pod} -c {container} -- sh"
        minutes = (_seconds(change) - STARTING) // 60
        text = (
            f"The copy runs as pod {ran.pod}, for {minutes:.0f} minutes or until you say undo. Look inside with: {way}"
        )
        return Verification(healthy=True, text=text)

    def invert(
        self, ctx: Context, change: HelperJob, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        if not change.keeps:
            raise Refused("Nothing of it is left to undo: it only looked, and its job was removed.")
        live = live_object(ctx, change.ref)
        if live is None or live["metadata"]["uid"] != applied.facts.get("uid"):
            raise Refused("Nothing of it is left to undo: the copy has removed itself.")
        back = Delete(summary=f"delete {change.ref}", ref=change.ref)
        return Undo(changes=(back,))


def _seconds(change: HelperJob) -> float:
    """How long the helper may take from its making to its end."""
    return float(change.manifest["spec"]["activeDeadlineSeconds"])


def _undo(change: HelperJob) -> str:
    at_most = stays_at_most(change.manifest)
    if change.keeps:
        return f"The copy is deleted; after {at_most // 60} minutes the cluster does so by itself."
    return f"Nothing is left to undo: the job is removed at the end, and by the cluster itself after {at_most} s."


def _for_people(value: Any) -> Any:
    """The manifest with Shipmate's own scripts named instead of quoted."""
    if isinstance(value, list):
        return [_for_people(one) for one in value]
    if isinstance(value, dict):
        return {key: _for_people(inner) for key, inner in value.items()}
    name = script_name(value) if isinstance(value, str) else ""
    return f"(the script {name} of Shipmate)" if name else value


def _rights(ctx: Context, change: HelperJob, writes: tuple[Write, ...]) -> tuple[str, ...]:
    """What cannot be tried: to remove what is not there yet, and to read what it will print."""
    lacking = missing_rights(ctx, writes)
    pods = ctx.cluster.kinds.resolve("pods")
    if not change.keeps and not ctx.cluster.can("get", pods, change.ref.namespace, "log"):
        lacking += ("The answer stands in a log, and the right to read logs (get pods/log) is missing.",)
    return lacking


def _make(ctx: Context, change: HelperJob, path: str, permit: Permit) -> str:
    """Create the Job and return its uid; one of that name is an error, so it is never somebody else's."""
    reply = ctx.cluster.write(permit, "POST", path.rpartition("/")[0], change.manifest)
    return str(reply.body["metadata"]["uid"])


def _remove(ctx: Context, change: HelperJob, path: str, uid: str, permit: Permit) -> str:
    """Have the Job and its pod deleted; what is left to say if that was not possible."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
    if uid:
        options["preconditions"] = {"uid": uid}
    try:
        ctx.cluster.write(permit, "DELETE", path, options)
    except NotFound:
        return ""
    except ShipmateError as error:
        at_most = stays_at_most(change.manifest)
        return f"{change.ref} could not be removed ({error.message}); the cluster does so within {at_most} s."
    return ""


def _gone(ctx: Context, change: HelperJob) -> Steps[str]:
    """Wait until Job and pod are really gone; they are on their way, so not seeing it is worth a word at most."""
    ends = time.monotonic() + _REMOVAL
    while time.monotonic() < ends:
        if live_object(ctx, change.ref) is None:
            return ""
        yield Progress("removing the helper")
        time.sleep(0.2)
    return f"{change.ref} is still being removed."
