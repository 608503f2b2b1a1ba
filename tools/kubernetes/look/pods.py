"""Pods: which belong to a workload, and how one is in a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tools.context import Context

Object = dict[str, Any]


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A label selector object as the text that a query takes; empty when it selects nothing in particular."""
    if not selector:
        return ""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        key, operator, values = rule["key"], rule["operator"], ",".join(rule.get("values") or ())
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[operator]
        )
    return ",".join(parts)


def pods_of(ctx: Context, obj: Mapping[str, Any]) -> list[Object]:
    """The pods of a workload or service, by its selector; a CronJob's by way of its jobs."""
    cluster = ctx.cluster
    place = obj["metadata"].get("namespace")
    pods = cluster.kinds.resolve("pods")
    if obj["kind"] == "CronJob":
        jobs = cluster.list(cluster.kinds.resolve("jobs.batch"), place)
        mine = [job for job in jobs if _owned_by(job, obj["metadata"]["uid"])]
        return [pod for job in mine for pod in pods_of(ctx, job)]
    spec: Mapping[str, Any] = obj.get("spec") or {}
    selector = spec.get("selector")
    if obj["kind"] in ("Service", "ReplicationController"):
        selector = {"matchLabels": selector} if selector else None
    text = selector_text(selector)
    return list(cluster.list(pods, place, selector=text)) if text else []


def _owned_by(obj: Mapping[str, Any], uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in obj["metadata"].get("ownerReferences") or ())


def containers(pod: Mapping[str, Any]) -> list[tuple[str, Object, Object]]:
    """Each container of a pod: its role (init, main, ephemeral), its spec, its status (empty before it is known)."""
    spec: Mapping[str, Any] = pod.get("spec") or {}
    status: Mapping[str, Any] = pod.get("status") or {}
    found: list[tuple[str, Object, Object]] = []
    for role, field, statuses in (
        ("init", "initContainers", "initContainerStatuses"),
        ("main", "containers", "containerStatuses"),
        ("ephemeral", "ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        known = {item["name"]: item for item in status.get(statuses) or ()}
        found += [(role, item, known.get(item["name"], {})) for item in spec.get(field) or ()]
    return found


def container_state(status: Mapping[str, Any]) -> str:
    """`running`, or why not: `waiting: CrashLoopBackOff`, `terminated: OOMKilled (exit 137)`."""
    state: Mapping[str, Any] = status.get("state") or {}
    if "running" in state:
        return "running"
    for name in ("waiting", "terminated"):
        if name in state:
            detail = state[name] or {}
            code = f" (exit {detail['exitCode']})" if detail.get("exitCode") else ""
            return f"{name}: {detail.get('reason') or 'no reason given'}{code}"
    return "not started"


def pod_phase(pod: Mapping[str, Any]) -> str:
    """The one word that tells most: a container's trouble before the phase, Terminating before all."""
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status: Mapping[str, Any] = pod.get("status") or {}
    trouble = list(_troubles(pod))
    return trouble[0] if trouble else status.get("reason") or status.get("phase") or "Unknown"


def _troubles(pod: Mapping[str, Any]) -> Iterable[str]:
    for role, _, status in containers(pod):
        state: Mapping[str, Any] = status.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        prefix = "Init:" if role == "init" else ""
        if waiting.get("reason") and waiting["reason"] not in ("PodInitializing", "ContainerCreating"):
            yield prefix + waiting["reason"]
        elif ended and ended.get("exitCode"):
            yield prefix + (ended.get("reason") or "Error")


def restarts(pod: Mapping[str, Any]) -> int:
    """How often its containers were started again."""
    return sum(status.get("restartCount") or 0 for _, _, status in containers(pod))


def ready(pod: Mapping[str, Any]) -> str:
    """Ready containers of all main ones: 1/2."""
    main = [status for role, _, status in containers(pod) if role == "main"]
    return f"{sum(bool(status.get('ready')) for status in main)}/{len(main)}"
