"""Pods of a StatefulSet that are of a former template and stand in the way of the new one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.kubernetes.rollout.state import condition

Object = Mapping[str, Any]
HASH = "controller-revision-hash"
_HOPELESS = frozenset(
    "CrashLoopBackOff ImagePullBackOff ErrImagePull InvalidImageName ErrImageNeverPull CreateContainerConfigError "
    "CreateContainerError RunContainerError".split()
)


def ordinal(pod: Object) -> int:
    """The number at the end of the pod's name."""
    number = pod["metadata"]["name"].rpartition("-")[2]
    return int(number) if number.isdigit() else 0


def superseded(owner: Object, pod: Object) -> bool:
    """Whether a pod is not ready and of a template that its StatefulSet no longer has: what ails it is history."""
    if owner["kind"] != "StatefulSet" or condition(pod, "Ready").get("status") == "True":
        return False
    spec, status = owner["spec"], owner.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate" or status.get("observedGeneration", 0) < owner[
        "metadata"
    ].get("generation", 0):
        return False
    if ordinal(pod) < (strategy.get("rollingUpdate") or {}).get("partition", 0):
        return False
    wanted = status.get("updateRevision")
    return bool(wanted) and (pod["metadata"].get("labels") or {}).get(HASH, wanted) != wanted


def hopeless(pod: Object) -> bool:
    """Whether a pod will not become ready by waiting: a container that keeps failing, or no node for it."""
    status = pod.get("status") or {}
    units = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waits = {((item.get("state") or {}).get("waiting") or {}).get("reason") for item in units}
    unplaced = condition(pod, "PodScheduled").get("reason") == "Unschedulable"
    return bool(waits & _HOPELESS) or unplaced or any(item.get("restartCount", 0) > 1 for item in units)
