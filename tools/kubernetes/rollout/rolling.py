"""How a workload replaces its pods: how many come, how many may be missing meanwhile. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.kubernetes.workload_changes import template_of

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "ReplicationController")


class Coming(NamedTuple):
    """Pods that a change makes.

    total     replicas wanted afterwards
    more      pods that must fit beside those that run now, in the end
    surge     pods more than that for a while, during a rolling replacement
    replaced  pods that are replaced by new ones
    stuck     without room for the surge the replacement cannot even begin
    """

    total: int
    more: int
    surge: int = 0
    replaced: int = 0
    stuck: bool = False


def replicas_of(obj: Mapping[str, Any]) -> int:
    """How many pods a workload wants (a DaemonSet: as many as its nodes)."""
    spec = obj.get("spec") or {}
    match obj["kind"]:
        case "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController":
            return spec.get("replicas", 1)
        case "DaemonSet":
            return (obj.get("status") or {}).get("desiredNumberScheduled", 0)
        case "Job":
            return 0 if spec.get("suspend") else min(spec.get("parallelism", 1), spec.get("completions") or 10_000)
        case "Pod":
            return 1
        case _:
            return 0


def template_changed(live: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether new pods would be made from another template."""
    return template_of(live) != template_of(after)


def coming(live: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Coming:
    """The pods that come when `live` (None: nothing) becomes `after`."""
    total = replicas_of(after)
    if live is None:
        return Coming(total, total)
    now = replicas_of(live)
    more = max(total - now, 0)
    if live["kind"] not in ("Deployment", "StatefulSet", "DaemonSet") or not template_changed(live, after):
        return Coming(total, more)
    replaced = min(now, total)
    if after["kind"] != "Deployment" or not replaced:
        return Coming(total, more, replaced=replaced)
    surge, missing = bounds(after)
    return Coming(total, more, surge, replaced, stuck=surge > 0 and missing == 0)


def bounds(deployment: Mapping[str, Any]) -> tuple[int, int]:
    """(pods too many, pods too few) that a Deployment allows while it replaces its pods."""
    spec = deployment["spec"]
    count = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, count
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), count, math.ceil)
    missing = _share(rolling.get("maxUnavailable", "25%"), count, math.floor)
    return (surge, missing) if surge or missing else (0, 1)


def _share(value: int | str, count: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounded(count * int(value[:-1]) / 100))
    return int(value)
