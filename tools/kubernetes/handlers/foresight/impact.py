"""Who and what an update disturbs: pods, services, readers, owners. Told before the yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.context import Context
from tools.kubernetes.handlers.foresight import autoscalers, budgets
from tools.kubernetes.handlers.foresight.capacity import selects, tolerates
from tools.kubernetes.handlers.foresight.volumes import claims_after_scaling
from tools.kubernetes.look.owners import owners
from tools.kubernetes.look.related import (
    backends,
    labels_of,
    left_empty,
    named,
    pod_labels,
    services_for,
    visible,
    with_ingresses,
)
from tools.kubernetes.look.users import holders
from tools.kubernetes.rollout.rolling import bounds, replicas_of, template_changed
from tools.preview import Risk

SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_ROLLING = ("Deployment", "StatefulSet", "DaemonSet")

Object = Mapping[str, Any]


class Impact(NamedTuple):
    """What is disturbed, in sentences, and how bad that is."""

    warnings: tuple[str, ...] = ()
    risk: Risk = Risk.LOW


def impact(ctx: Context, live: Object, after: Object) -> Impact:
    """What changing `live` into `after` disturbs."""
    match live["kind"]:
        case "Service":
            return _service(ctx, live, after)
        case "ConfigMap" | "Secret":
            return _read(ctx, live, after)
        case "Node":
            return _node(ctx, live, after)
        case "Pod":
            return _pod(ctx, live, after)
        case "Ingress":
            return _ingress(ctx, after)
        case "HorizontalPodAutoscaler":
            return Impact(autoscalers.told(ctx, after, live), Risk.MEDIUM)
        case "PodDisruptionBudget":
            return Impact(budgets.told(ctx, after))
        case _:
            return _workload(ctx, live, after)


def owner_warnings(ctx: Context, obj: Object, *, scaling: bool = False) -> tuple[str, ...]:
    """What its owners would do about a change; autoscalers matter for replica counts only."""
    return tuple(owner.text for owner in owners(ctx, obj) if scaling or owner.kind != "autoscaler")


# --- workloads ----------------------------------------------------------------------------------------------------


def _workload(ctx: Context, live: Object, after: Object) -> Impact:
    kind = live["kind"]
    warnings: list[str] = []
    risk = Risk.LOW
    before, later = replicas_of(live), replicas_of(after)
    if kind in (*SCALABLE, "Job") and later < before:
        warnings.append(f"{pods_text(before - later)} will be stopped.")
        risk = Risk.MEDIUM
    if kind in SCALABLE and later == 0 < before:
        served = left_empty(ctx, live)
        without = f", and {_list('service', served)} will have no endpoints." if served else "."
        warnings.append(f"Nothing of it will run{without}")
        risk = Risk.HIGH
    elif kind in SCALABLE and later < before:
        warnings += budgets.after_scaling(ctx, live, later)
    if kind == "StatefulSet" and later < before and (lost := claims_after_scaling(ctx, live, later)):
        warnings += lost
        risk = Risk.HIGH
    if kind in _ROLLING and later and before and template_changed(live, after):
        warnings += _replacement(ctx, after, min(before, later))
        risk = Risk.MEDIUM
    moved = _moved_traffic(ctx, live, after) if kind in (*_ROLLING, "ReplicaSet") else []
    return Impact((*warnings, *moved), Risk.HIGH if moved else risk)


def _replacement(ctx: Context, after: Object, count: int) -> list[str]:
    """How the pods are replaced, and who misses them meanwhile."""
    spec: Mapping[str, Any] = after["spec"]
    if spec.get("paused"):
        return ["Its rollout is paused: no pod is replaced until it is resumed."]
    missing, how = _way(after, count)
    if missing < count:
        return [how, *budgets.while_replaced(ctx, after, missing)]
    served = left_empty(ctx, after) if missing else []
    return [f"{how} Meanwhile {_list('service', served)} will have no endpoints." if served else how]


def _way(after: Object, count: int) -> tuple[int, str]:
    """How many pods are missing at a time during the replacement, and the whole in words."""
    spec: Mapping[str, Any] = after["spec"]
    update: Mapping[str, Any] = spec.get("updateStrategy") or {}
    if update.get("type") == "OnDelete":
        return 0, f"{pods_text(count)} stay as they are until somebody deletes them (update strategy OnDelete)."
    if after["kind"] == "StatefulSet":
        kept = min((update.get("rollingUpdate") or {}).get("partition") or 0, count)
        stay = f"; the first {kept} stay as they are (partition {kept})" if kept else ""
        return min(1, count - kept), f"{pods_text(count - kept)} will be replaced, one after the other{stay}."
    surge, missing = bounds(after)
    if (spec.get("strategy") or {}).get("type") == "Recreate":
        how = "will be stopped before new ones start: it is down meanwhile (strategy Recreate)."
        return count, f"{pods_text(count)} {how}"
    if missing >= count:
        how = "may be stopped at once (maxUnavailable): it may be down meanwhile."
        return count, f"{'Its' if count == 1 else 'All of its'} {pods_text(count)} {how}"
    steadily = "none is missing meanwhile" if not missing else f"at most {missing} missing at a time"
    return missing, f"{pods_text(count)} will be replaced, up to {max(surge, missing)} at a time, {steadily}."


def _moved_traffic(ctx: Context, live: Object, after: Object) -> list[str]:
    """Services that lose or gain the pods because the labels of the template change."""
    old, new = pod_labels(live), pod_labels(after)
    if old == new:
        return []
    space = live["metadata"].get("namespace")
    had, has = services_for(ctx, space, old), services_for(ctx, space, new)
    lost = [one for one in had if one["metadata"]["name"] not in named(has)]
    won = [name for name in named(has) if name not in named(had)]
    told = [
        f"Service {with_ingresses(ctx, one['metadata']['name'], space)} does not find its new pods: "
        f"it selects {_pairs(one['spec']['selector'])}."
        for one in lost
    ]
    return [*told, *([f"{_list('Service', won)} will send traffic to its pods as well."] if won else ())]


def _pod(ctx: Context, live: Object, after: Object) -> Impact:
    """A pod whose labels change may leave its controller and its services."""
    old, new = labels_of(live), labels_of(after)
    if old == new:
        return Impact()
    space = live["metadata"].get("namespace")
    warnings: list[str] = []
    for reference in live["metadata"].get("ownerReferences") or ():
        kind = "statefulsets.apps" if reference["kind"] == "StatefulSet" else "replicasets.apps"
        owner = visible(ctx, kind, space, fields=f"metadata.name={reference['name']}")
        if owner and not selects(owner[0]["spec"].get("selector"), new):
            title = f"{reference['kind']} {reference['name']}"
            warnings.append(f"The pod leaves {title}, which makes a new one in its place; nobody replaces this one.")
    lost = [name for name in named(services_for(ctx, space, old)) if name not in named(services_for(ctx, space, new))]
    if lost:
        warnings.append(f"{_list('Service', lost)} no longer sends it traffic.")
    return Impact(tuple(warnings), Risk.MEDIUM if warnings else Risk.LOW)


# --- what others rest on ------------------------------------------------------------------------------------------


def _service(ctx: Context, live: Object, after: Object) -> Impact:
    old, new = live["spec"], after["spec"]
    space, name = live["metadata"].get("namespace"), live["metadata"]["name"]
    warnings: list[str] = []
    risk = Risk.LOW
    if (old.get("selector") or {}) != (new.get("selector") or {}):
        count = len(_selected(ctx, space, new.get("selector")))
        where = f"to {pods_text(count)} that it selects then" if count else "nowhere: no pod has these labels"
        title = with_ingresses(ctx, name, space)
        warnings.append(f"The selector changes: the traffic of service {title} will go {where}.")
        risk = Risk.MEDIUM if count else Risk.HIGH
    if old.get("ports") != new.get("ports"):
        warnings.append("Whoever uses the former ports loses the connection.")
        risk = max(risk, Risk.MEDIUM, key=list(Risk).index)
    if old.get("type") != new.get("type") and old.get("type") in ("LoadBalancer", "NodePort"):
        warnings.append(f"It can no longer be reached from outside as a {old['type']} can.")
        risk = Risk.HIGH
    return Impact(tuple(warnings), risk)


def _selected(ctx: Context, namespace: str | None, selector: Mapping[str, str] | None) -> list[Object]:
    if not selector:
        return []
    return [pod for pod in visible(ctx, "pods", namespace) if selector.items() <= labels_of(pod).items()]


def _ingress(ctx: Context, after: Object) -> Impact:
    space = after["metadata"].get("namespace")
    there = named(visible(ctx, "services", space))
    gone = [name for name in backends(after) if name not in there]
    return Impact((f"It leads to {_list('service', gone)}, which does not exist.",) if gone else (), Risk.MEDIUM)


def _read(ctx: Context, live: Object, after: Object) -> Impact:
    """Who reads a ConfigMap or Secret, and when they see the change."""
    fields = ("data", "stringData", "binaryData")
    if all(live.get(field) == after.get(field) for field in fields):
        return Impact()
    found = holders(ctx, live["kind"], live["metadata"]["name"], live["metadata"].get("namespace"))
    fixed = [who for who, how in found if "environment" in how or "from its key" in how]
    mounted = [who for who, how in found if who not in fixed and "mounts" in how]
    told: list[str] = []
    if fixed:
        told.append(f"{', '.join(fixed)} read it into the environment and see the change only after a restart.")
    if mounted:
        told.append(f"{', '.join(mounted)} mount it and see the change within a minute or two.")
    return Impact(tuple(told), Risk.MEDIUM if found else Risk.LOW)


def _node(ctx: Context, live: Object, after: Object) -> Impact:
    warnings: list[str] = []
    if after["spec"].get("unschedulable") and not live["spec"].get("unschedulable"):
        warnings.append("New pods will not be placed on this node; those on it stay.")
    former = live["spec"].get("taints") or ()
    added = [t for t in after["spec"].get("taints") or () if t["effect"] == "NoExecute" and t not in former]
    if added:
        pods = visible(ctx, "pods", None, fields=f"spec.nodeName={live['metadata']['name']}")
        going = [p for p in pods if any(not _stands(p, taint) for taint in added)]
        warnings.append(f"{pods_text(len(going))} on this node will be evicted at once (taint with NoExecute).")
    return Impact(tuple(warnings), Risk.HIGH if added else Risk.MEDIUM if warnings else Risk.LOW)


def _stands(pod: Object, taint: Mapping[str, Any]) -> bool:
    return any(tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations") or ())


def pods_text(count: int) -> str:
    """1 pod, 2 pods."""
    return "1 pod" if count == 1 else f"{count} pods"


def _list(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _pairs(selector: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in selector.items())
