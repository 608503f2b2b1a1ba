"""Wait until an object is healthy, not merely accepted; stop early when waiting is in vain."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from tools.change import Ref
from tools.context import Context
from tools.errors import Failed, Forbidden, NotFound, Unreachable
from tools.finding import Finding
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.look.related import service_names
from tools.kubernetes.rollout.hopeless import hopeless
from tools.kubernetes.rollout.state import DEADLINE, State, condition, patience, state_of
from tools.kubernetes.rollout.steady import Steadiness, watched
from tools.preview import Applied, Verification
from tools.progress import Progress, Steps
from tools.secrets.redact import redact_text

Object = dict[str, Any]

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
_TICK = 1.0  # seconds between two looks at the pods; the object itself is watched
_ENDPOINT_SECONDS = 10.0
_FORMER_SECONDS = 10.0


def settled(ctx: Context, ref: Ref, applied: Applied) -> Steps[Verification]:
    """Healthy after what was applied; a change that rolls nothing out is in place at once."""
    if not applied.facts.get("rolls", True) and ref.kind in _WORKLOADS:
        return Verification(healthy=True, text=f"{applied.summary}: in place; its pods are not touched.")
    return (yield from healthy(ctx, ref, new=_has_new_template(applied)))


def _has_new_template(applied: Applied) -> bool:
    """Whether pods of a template that was never seen to work were started."""
    changed: list[Any] = applied.before if isinstance(applied.before, list) else []
    return bool(applied.facts.get("created")) or any(item["path"][:2] == ["spec", "template"] for item in changed)


def healthy(ctx: Context, ref: Ref, *, new: bool = False) -> Steps[Verification]:
    """Wait until the object is as it wants to be, or until that is certain not to happen.

    `new`: its pods' template is new, so that containers without a probe have to run for a moment, too.
    """
    title = f"{ref.kind} {ref.name}"
    steadiness = Steadiness()
    yield Progress(f"waiting for {ref}")
    began, text = time.monotonic(), ""
    last, first = began, None
    for obj in _looks(ctx, ref):
        if obj is None:
            return Verification(healthy=False, text=f"{title} was deleted while it was waited for.")
        state = state_of(obj)
        if state.done and new and (name := _unsteady(ctx, obj, steadiness)):
            state = state._replace(done=False, text=f"{state.text}, watching that {name} stays up")
        if state.done:
            return (yield from _with_endpoints(ctx, obj, state, title))
        if state.text != text:
            last, text = time.monotonic(), state.text
            yield Progress(f"{title}: {state.text}", state.fraction)
        if _first_consumer(ctx, obj):
            return Verification(healthy=True, text=f"{title} is in place and gets its volume when a pod uses it.")
        limit = min(patience(obj), ctx.patience)
        # The verdict on the rollout before this one stands until the new one gets on; a new one cannot be that quick.
        first = first or state
        of_old = state.failed == DEADLINE or bool(first.failed)
        former = of_old and time.monotonic() - began < min(_FORMER_SECONDS, limit / 2)
        why = "" if former or (state.failed and _only_former_refused(ctx, obj)) else state.failed
        why = why or _in_vain(ctx, obj, time.monotonic() - began)
        if not why and time.monotonic() - last > limit:
            why = f"no progress for {limit:.0f} s"
        if why:
            return _unhealthy(ctx, ref, state, redact_text(why))
    return Verification(healthy=False, text=f"{title} cannot be watched any longer.")


def gone(ctx: Context, ref: Ref, uid: str, limit: float = 300.0) -> Steps[Verification]:
    """Wait until a deleted object is really gone; names the finalizers that hold it back."""
    ends = time.monotonic() + limit
    title, told = f"{ref.kind} {ref.name}", ""
    pause = 0.05
    while True:
        try:
            obj = ctx.cluster.read(ref)
        except NotFound:
            return Verification(healthy=True, text=f"{title} is gone.")
        if obj["metadata"]["uid"] != uid:
            return Verification(healthy=True, text=f"{title} is gone, and a new one of that name was made.")
        held = obj["metadata"].get("finalizers") or (obj.get("spec") or {}).get("finalizers") or []
        note = f"{title} is being deleted" + (f"; waiting for {', '.join(held)}" if held else "")
        if note != told:
            told = note
            yield Progress(note)
        if time.monotonic() > ends:
            why = f"held by {', '.join(held)}" if held else "its containers have not stopped"
            return Verification(healthy=False, text=f"{title} is still being deleted after {limit:.0f} s: {why}.")
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def _looks(ctx: Context, ref: Ref) -> Iterator[Object | None]:
    """The object each time it changes and at least every tick; None once it is deleted."""
    resource = ctx.cluster.kinds.for_ref(ref)
    failures = 0
    while failures < 10:
        obj: Object | None = None
        try:
            for kind, obj in ctx.cluster.watch(resource, ref.namespace, name=ref.name, timeout=_TICK):
                failures = 0
                yield None if kind == "DELETED" else {**obj, "kind": ref.kind, "apiVersion": ref.api_version}
            if obj is None:
                yield None
        except Forbidden:  # reading is allowed more often than watching
            yield ctx.cluster.read(ref)
            time.sleep(_TICK)
        except (Failed, Unreachable):
            failures += 1
            time.sleep(_TICK)


def _unsteady(ctx: Context, obj: Object, steadiness: Steadiness) -> str:
    if obj["kind"] not in _WORKLOADS or not watched(obj):
        return ""
    try:
        return steadiness.unsteady(newest_pods(ctx, obj), time.monotonic())
    except Forbidden:
        return ""


def _in_vain(ctx: Context, obj: Object, watched: float) -> str:
    if obj["kind"] not in (*_WORKLOADS, "Job", "Pod"):
        return ""
    try:
        pods = [obj] if obj["kind"] == "Pod" else newest_pods(ctx, obj)
        if not pods and obj["kind"] == "StatefulSet":
            return _held_up(ctx, obj, watched)
    except Forbidden:
        return ""
    return hopeless(pods, watched=watched)


def _held_up(ctx: Context, obj: Object, watched: float) -> str:
    """A StatefulSet that works in order never replaces a pod that did not become ready, whatever its template says."""
    if obj["spec"].get("podManagementPolicy") == "Parallel":
        return ""
    former = {**obj, "status": {}}  # without the revision, pods of every template are looked at
    pods = newest_pods(ctx, former)
    why = hopeless(pods, watched=watched)
    name = pods[0]["metadata"]["name"] if pods else ""
    return f"{why.rstrip('.')}; a StatefulSet waits for such a pod: delete pod {name}" if why else ""


def newest_pods(ctx: Context, workload: Mapping[str, Any]) -> list[Object]:
    """The pods of a workload's latest template; pods of former ones are on their way out."""
    space = workload["metadata"].get("namespace")
    selector = workload["spec"].get("selector")
    resource = ctx.cluster.kinds.resolve("pods")
    exact = ",".join(f"{key}={value}" for key, value in ((selector or {}).get("matchLabels") or {}).items())
    pods = [
        pod
        for pod in ctx.cluster.list(resource, space, selector=exact)
        if selects(selector, pod["metadata"].get("labels") or {})
    ]
    label, value = _revision_label(ctx, workload, exact)
    return [pod for pod in pods if not value or (pod["metadata"].get("labels") or {}).get(label) == value]


def _revision_label(ctx: Context, workload: Mapping[str, Any], selector: str) -> tuple[str, str]:
    if workload["kind"] == "StatefulSet":
        return "controller-revision-hash", (workload.get("status") or {}).get("updateRevision", "")
    if workload["kind"] != "Deployment":
        return "", ""
    latest = _newest_set(ctx, workload, selector)
    if latest is None:
        return "", ""
    return "pod-template-hash", (latest["metadata"].get("labels") or {}).get("pod-template-hash", "")


def _newest_set(ctx: Context, deployment: Mapping[str, Any], selector: str = "") -> Object | None:
    resource = ctx.cluster.kinds.resolve("replicasets.apps")
    sets = [
        item
        for item in ctx.cluster.list(resource, deployment["metadata"].get("namespace"), selector=selector)
        if any(own.get("uid") == deployment["metadata"]["uid"] for own in item["metadata"].get("ownerReferences") or ())
    ]
    return max(sets, key=lambda item: int((item["metadata"].get("annotations") or {}).get(REVISION, "0")), default=None)


def _only_former_refused(ctx: Context, obj: Object) -> bool:
    """The deployment says that pods are refused, but those are of the template before."""
    if obj["kind"] != "Deployment" or condition(obj, "ReplicaFailure").get("status") != "True":
        return False
    try:
        latest = _newest_set(ctx, obj)
    except Forbidden:
        return False
    return latest is not None and condition(latest, "ReplicaFailure").get("status") != "True"


REVISION = "deployment.kubernetes.io/revision"


def _first_consumer(ctx: Context, obj: Object) -> bool:
    """A claim that is bound only when a pod uses it waits by design."""
    if obj["kind"] != "PersistentVolumeClaim":
        return False
    name = obj["spec"].get("storageClassName")
    try:
        resource = ctx.cluster.kinds.resolve("storageclasses.storage.k8s.io")
        return bool(name) and ctx.cluster.read(resource.ref(name)).get("volumeBindingMode") == "WaitForFirstConsumer"
    except (NotFound, Forbidden):
        return False


def _with_endpoints(ctx: Context, obj: Object, state: State, title: str) -> Steps[Verification]:
    """Ready pods serve only once their services list them."""
    names: list[str] = []
    wanted = obj["kind"] in _WORKLOADS and (obj["spec"].get("replicas", 1) > 0)
    if obj["kind"] == "Service" and obj["spec"].get("selector") and obj["spec"].get("type") != "ExternalName":
        if not _selected(ctx, obj):  # nothing that it could serve yet, which is not its fault
            return Verification(healthy=True, text=f"{title} is in place; no pod matches its selector yet.")
        names = [obj["metadata"]["name"]]
    elif wanted:
        names = service_names(ctx, obj)
    text = f"{title}: {state.text}"
    ends = time.monotonic() + _ENDPOINT_SECONDS
    while names:
        empty = [name for name in names if not _endpoints(ctx, name, obj["metadata"].get("namespace"))]
        if not empty:
            noun = "service" if len(names) == 1 else "services"
            return Verification(healthy=True, text=f"{text}; {noun} {', '.join(names)} can reach it.")
        if time.monotonic() > ends:
            what = f"service {', '.join(empty)} has no ready endpoint"
            ref = Ref(api_version="v1", kind="Service", name=empty[0], namespace=obj["metadata"].get("namespace"))
            return Verification(healthy=False, text=f"{text}, but {what}.", findings=_findings(ctx, ref))
        yield Progress(f"{text}; waiting for the endpoints of {', '.join(empty)}")
        time.sleep(0.2)
    return Verification(healthy=True, text=f"{text}.")


def _selected(ctx: Context, service: Object) -> bool:
    """Whether there is a pod that the service selects."""
    exact = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
    try:
        pods = ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), service["metadata"]["namespace"], selector=exact)
        return any(True for _ in pods)
    except Forbidden:
        return True


def _endpoints(ctx: Context, service: str, namespace: str | None) -> int:
    """Number of ready endpoints; 1 where they cannot be read, for lack of a better word."""
    try:
        resource = ctx.cluster.kinds.resolve("endpointslices.discovery.k8s.io")
        slices = list(ctx.cluster.list(resource, namespace, selector=f"kubernetes.io/service-name={service}"))
    except (Forbidden, NotFound):
        return 1
    return sum(
        1
        for item in slices
        for endpoint in item.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True)
    )


def _unhealthy(ctx: Context, ref: Ref, state: State, why: str) -> Verification:
    text = f"{ref.kind} {ref.name} did not become healthy ({state.text}): {why.rstrip('.')}."
    return Verification(healthy=False, text=text, findings=_findings(ctx, ref))


def _findings(ctx: Context, ref: Ref) -> tuple[Finding, ...]:
    from tools.kubernetes.diagnose.run import findings_for

    return findings_for(ctx, ref)
