"""What a new object means for those that are there already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.context import Context
from tools.kubernetes.handlers.foresight import autoscalers, budgets
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.handlers.foresight.impact import Impact, pods_text
from tools.kubernetes.handlers.foresight.references import Need
from tools.kubernetes.look.related import backends, labels_of, named, visible
from tools.preview import Risk

Object = Mapping[str, Any]

# What widens rights or steps into every request deserves a second look.
_GRAVE = ("ClusterRole", "ClusterRoleBinding", "RoleBinding", "Role", "CustomResourceDefinition", "APIService")


def arrival(ctx: Context, new: Object, made: frozenset[Need] = frozenset()) -> Impact:
    """What comes of an object that is made; `made` are those that the same plan or release makes."""
    kind = new["kind"]
    if kind in _GRAVE:
        return Impact((), Risk.HIGH)
    if "Webhook" in kind:
        return _webhooks(new)
    match kind:
        case "HorizontalPodAutoscaler":
            target = new["spec"]["scaleTargetRef"]
            return Impact() if (target["kind"], target["name"]) in made else Impact(autoscalers.told(ctx, new))
        case "PodDisruptionBudget":
            return Impact() if made else Impact(budgets.told(ctx, new))
        case "Ingress":
            return _ingress(ctx, new, made)
        case "NetworkPolicy":
            return _network_policy(ctx, new)
        case _:
            return Impact()


def _ingress(ctx: Context, new: Object, made: frozenset[Need]) -> Impact:
    there = named(visible(ctx, "services", new["metadata"].get("namespace")))
    gone = [name for name in backends(new) if name not in there and ("Service", name) not in made]
    return Impact((f"It leads to service {', '.join(gone)}, which does not exist yet.",) if gone else ())


def _network_policy(ctx: Context, new: Object) -> Impact:
    spec = new["spec"]
    pods = visible(ctx, "pods", new["metadata"].get("namespace"))
    count = sum(selects(spec.get("podSelector") or {}, labels_of(pod)) for pod in pods)
    if not count:
        return Impact()
    ways = {"Ingress": "be reached", "Egress": "reach others"}
    said = " and ".join(ways[way] for way in spec.get("policyTypes") or ("Ingress",))
    return Impact((f"The {pods_text(count)} that it selects can then only {said} as it says.",), Risk.HIGH)


def _webhooks(new: Object) -> Impact:
    closed = [hook["name"] for hook in new.get("webhooks") or () if hook.get("failurePolicy", "Fail") == "Fail"]
    text = f"What {', '.join(closed)} guards can no longer be changed whenever its service does not answer."
    return Impact((text,) if closed else (), Risk.HIGH)
