"""What an autoscaler does to the workload it is put over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.context import Context
from tools.kubernetes.look.related import visible
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import containers_of

Object = Mapping[str, Any]
_PLURALS = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps", "ReplicaSet": "replicasets.apps"}


def raised(ctx: Context, scaler: Object) -> tuple[Object, Object] | None:
    """The workload as it is and with the replicas that the autoscaler's minimum makes of it, where that is more."""
    target, space = scaler["spec"]["scaleTargetRef"], scaler["metadata"].get("namespace")
    low = scaler["spec"].get("minReplicas", 1)
    for live in _target(ctx, target, space):
        if 0 < replicas_of(live) < low:
            return live, {**live, "spec": {**live["spec"], "replicas": low}}
    return None


def _target(ctx: Context, target: Object, space: str | None) -> list[dict[str, Any]]:
    kind = _PLURALS.get(target["kind"])
    return visible(ctx, kind, space, fields=f"metadata.name={target['name']}") if kind else []


def told(ctx: Context, scaler: Object, live: Object | None = None) -> tuple[str, ...]:
    """What comes of an autoscaler; `live` is the one that is there now."""
    spec, space = scaler["spec"], scaler["metadata"].get("namespace")
    target = spec["scaleTargetRef"]
    title = f"{target['kind']} {target['name']}"
    if target["kind"] not in _PLURALS:
        return ()
    found = _target(ctx, target, space)
    if not found:
        return (f"There is no {title.lower()} for it to scale.",)
    low, high, now = spec.get("minReplicas", 1), spec["maxReplicas"], replicas_of(found[0])
    warnings = [_range(title, low, high, now, was=live["spec"].get("minReplicas", 1) if live else None)]
    warnings += _rivals(ctx, scaler, title)
    if without := _without_requests(spec, found[0]):
        warnings.append(f"It has nothing to go by: {', '.join(without)} state no request for what it measures.")
    return tuple(text for text in warnings if text)


def _range(title: str, low: int, high: int, now: int, was: int | None) -> str:
    """What happens to the number of replicas; a minimum that was there before is no news."""
    if not now:
        return f"{title} has no replicas, and an autoscaler rests until there is one."
    if now < low:
        return f"{title} goes from {now} to {low} replicas at once (its minimum)."
    if now > high:
        return f"{title} goes from {now} to {high} replicas at once (its maximum): {now - high} will be stopped."
    if now > low != was:
        return f"{title} has {now} replicas now and may drop to {low} when there is little load (its minimum)."
    return ""


def _rivals(ctx: Context, scaler: Object, title: str) -> list[str]:
    meta, target = scaler["metadata"], scaler["spec"]["scaleTargetRef"]
    others = visible(ctx, "horizontalpodautoscalers.autoscaling", meta.get("namespace"))
    return [
        f"Autoscaler {one['metadata']['name']} scales {title} already: two of them block each other."
        for one in others
        if one["metadata"]["name"] != meta["name"]
        and all(one["spec"]["scaleTargetRef"].get(key) == target[key] for key in ("kind", "name"))
    ]


def _without_requests(spec: Object, workload: Object) -> list[str]:
    """Containers without the request that a utilisation target is a percentage of."""
    metrics: list[Mapping[str, Any]] = [item.get("resource") or {} for item in spec.get("metrics") or ()]
    names = {item["name"] for item in metrics if (item.get("target") or {}).get("type") == "Utilization"}
    missing: list[str] = []
    for container in containers_of(workload):
        resources: Mapping[str, Any] = container.get("resources") or {}
        stated = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        missing += [container["name"]] if names - set(stated) else []
    return missing
