"""How far an object is on its way to being healthy, read from its status alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.kubernetes.rollout.rolling import replicas_of

Object = Mapping[str, Any]

DEADLINE = "it made no progress within its deadline"


class State(NamedTuple):
    """done: it is as wanted; failed: why it never will be; text: how far it is; fraction: 0 to 1 or unknown."""

    done: bool
    text: str
    fraction: float | None = None
    failed: str = ""


def state_of(obj: Object) -> State:
    """The state of a live object; kinds without a notion of health are done once they exist."""
    readers = {
        "Deployment": _deployment,
        "StatefulSet": _stateful_set,
        "DaemonSet": _daemon_set,
        "ReplicaSet": _replica_set,
        "Job": _job,
        "Pod": _pod,
        "PersistentVolumeClaim": _claim,
        "Namespace": _namespace,
        "CustomResourceDefinition": _definition,
    }
    return readers.get(obj["kind"], _other)(obj)


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """The condition of that type, or an empty one."""
    for item in (obj.get("status") or {}).get("conditions") or ():
        if item.get("type") == kind:
            return item
    return {}


def patience(obj: Object) -> float:
    """Seconds without progress after which the object itself would be given up."""
    spec = obj.get("spec") or {}
    if obj["kind"] == "Deployment":
        return float(spec.get("progressDeadlineSeconds") or 600)
    if obj["kind"] == "Job":
        return float(spec.get("activeDeadlineSeconds") or 600)
    if obj["kind"] in ("StatefulSet", "DaemonSet", "ReplicaSet", "Pod"):
        pod = spec if obj["kind"] == "Pod" else (spec.get("template") or {}).get("spec") or {}
        slowest = max((_probe_seconds(item) for item in pod.get("containers") or ()), default=0.0)
        grace = float(pod.get("terminationGracePeriodSeconds") or 30)
        return 180 + slowest + grace + float(spec.get("minReadySeconds") or 0)
    return 60.0


def _probe_seconds(container: Mapping[str, Any]) -> float:
    """The longest that a container may take to become ready by its own probes."""
    total = 0.0
    for name in ("startupProbe", "readinessProbe"):
        if probe := container.get(name):
            total += probe.get("initialDelaySeconds", 0) + probe.get("failureThreshold", 3) * probe.get(
                "periodSeconds", 10
            )
    return total


def _seen(obj: Object) -> bool:
    return (obj.get("status") or {}).get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)


def _ready(ready: int, wanted: int) -> State:
    if not wanted:
        return State(True, "scaled to zero", 1.0)
    noun = "replica" if wanted == 1 else "replicas"
    return State(ready >= wanted, f"{ready} of {wanted} {noun} ready", ready / wanted if wanted else 1.0)


def _deployment(obj: Object) -> State:
    status, wanted = obj.get("status") or {}, replicas_of(obj)
    if not _seen(obj):
        return State(False, "waiting for the controller")
    if obj["spec"].get("paused"):
        return State(True, "the rollout is paused, so the pods are as before")
    failure = condition(obj, "ReplicaFailure")
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    done = updated >= wanted >= total and available >= updated
    if failure.get("status") == "True" and not done:
        return State(False, f"{available} of {wanted} replicas ready", failed=str(failure.get("message", "")))
    if condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded" and not done:
        return State(False, f"{available} of {wanted} replicas ready", failed=DEADLINE)
    if updated < wanted:
        return State(False, f"{updated} of {wanted} new replicas started", updated / (2 * wanted))
    if total > updated:
        return State(False, f"{updated} new replicas, {total - updated} old ones still stop", 0.9)
    if total > wanted:  # kubectl calls this done, while pods that nobody wants still run
        return State(False, f"{total - wanted} replicas still stop", 0.9)
    return _ready(available, wanted)


def _stateful_set(obj: Object) -> State:
    status, spec, wanted = obj.get("status") or {}, obj["spec"], replicas_of(obj)
    if not _seen(obj):
        return State(False, "waiting for the controller")
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if status.get("replicas", 0) > wanted:
        return State(False, f"{status['replicas'] - wanted} replicas still stop")
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("type", "RollingUpdate") == "RollingUpdate"
    kept = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    outdated = status.get("updateRevision") != status.get("currentRevision")
    if rolling and outdated and updated < wanted - kept:
        return State(False, f"{updated} of {wanted - kept} replicas replaced", updated / wanted if wanted else None)
    available = status.get("availableReplicas", ready)
    return _ready(min(ready, available), wanted)


def _daemon_set(obj: Object) -> State:
    status = obj.get("status") or {}
    if not _seen(obj):
        return State(False, "waiting for the controller")
    wanted = status.get("desiredNumberScheduled", 0)
    updated = status.get("updatedNumberScheduled", 0)
    on_delete = (obj["spec"].get("updateStrategy") or {}).get("type") == "OnDelete"
    if updated < wanted and not on_delete:
        return State(False, f"{updated} of {wanted} nodes have the new pod", updated / wanted)
    return _ready(status.get("numberAvailable", 0), wanted)


def _replica_set(obj: Object) -> State:
    status, wanted = obj.get("status") or {}, replicas_of(obj)
    if not _seen(obj):
        return State(False, "waiting for the controller")
    failure = condition(obj, "ReplicaFailure")
    if failure.get("status") == "True":
        return State(False, "pods cannot be made", failed=str(failure.get("message", "")))
    if status.get("replicas", 0) > wanted:
        return State(False, f"{status['replicas'] - wanted} replicas still stop")
    return _ready(status.get("availableReplicas", 0), wanted)


def _job(obj: Object) -> State:
    status = obj.get("status") or {}
    if (failure := condition(obj, "Failed")).get("status") == "True":
        return State(False, "failed", failed=f"the job failed: {failure.get('message') or failure.get('reason')}")
    if condition(obj, "Complete").get("status") == "True":
        return State(True, "complete", 1.0)
    if obj["spec"].get("suspend"):
        return State(True, "suspended")
    wanted = obj["spec"].get("completions", 1)
    return State(False, f"{status.get('succeeded', 0)} of {wanted} done", status.get("succeeded", 0) / wanted)


def _pod(obj: Object) -> State:
    status = obj.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return State(True, "done", 1.0)
    if phase == "Failed":
        return State(False, "failed", failed=status.get("message") or status.get("reason") or "its containers failed")
    if condition(obj, "Ready").get("status") == "True":
        return State(True, "ready", 1.0)
    return State(False, phase.lower())


def _claim(obj: Object) -> State:
    phase = (obj.get("status") or {}).get("phase", "Pending")
    if phase == "Lost":
        return State(False, "lost", failed="its volume is gone")
    return State(phase == "Bound", phase.lower())


def _namespace(obj: Object) -> State:
    phase = (obj.get("status") or {}).get("phase", "Active")
    return State(phase == "Active", phase.lower())


def _definition(obj: Object) -> State:
    names = condition(obj, "NamesAccepted")
    if names.get("status") == "False":
        return State(False, "not served", failed=str(names.get("message") or "its names are taken"))
    served = condition(obj, "Established").get("status") == "True"
    return State(served, "served" if served else "not served yet")


def _other(obj: Object) -> State:
    """Custom resources commonly tell by a Ready or Available condition."""
    for kind in ("Ready", "Available"):
        if (found := condition(obj, kind)).get("status") == "False":
            return State(False, str(found.get("reason") or f"not {kind.lower()} yet"))
    return State(True, "in place")
