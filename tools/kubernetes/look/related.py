"""What belongs together in a namespace though no object names the other: services, ingresses, budgets and pods."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.workload_changes import template_of

Object = dict[str, Any]
Labels = Mapping[str, str]


def visible(ctx: Context, kind: str, namespace: str | None, **query: Any) -> list[Object]:
    """The objects of a kind, none where they may not be listed or the cluster does not know the kind."""
    try:
        return list(ctx.cluster.list(ctx.cluster.kinds.resolve(kind), namespace, **query))
    except (Forbidden, NotFound):
        return []


def labels_of(obj: Mapping[str, Any]) -> Labels:
    """An object's own labels."""
    return (obj.get("metadata") or {}).get("labels") or {}


def pod_labels(workload: Mapping[str, Any]) -> Labels:
    """The labels of the pods that a workload makes."""
    return (template_of(workload).get("metadata") or {}).get("labels") or {}


def named(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of these objects."""
    return [item["metadata"]["name"] for item in found]


def services_for(ctx: Context, namespace: str | None, labels: Labels) -> list[Object]:
    """The services that send traffic to pods with these labels."""
    found = visible(ctx, "services", namespace)
    return [one for one in found if (want := one["spec"].get("selector")) and want.items() <= labels.items()]


def service_names(ctx: Context, workload: Mapping[str, Any]) -> list[str]:
    """The services that send traffic to a workload's pods."""
    return named(services_for(ctx, workload["metadata"].get("namespace"), pod_labels(workload)))


def left_empty(ctx: Context, workload: Mapping[str, Any], going: Collection[str] = ()) -> list[str]:
    """The services that have no pod but those of this workload, each with the ingresses that lead to it.

    Services that are `going` themselves are left out.
    """
    space = workload["metadata"].get("namespace")
    found = [one for one in services_for(ctx, space, pod_labels(workload)) if one["metadata"]["name"] not in going]
    if not found:
        return []
    own = workload["spec"].get("selector") if workload["kind"] != "ReplicationController" else None
    others = [labels_of(pod) for pod in visible(ctx, "pods", space) if not selects(own, labels_of(pod))]
    empty = [one for one in found if not any(one["spec"]["selector"].items() <= labels.items() for labels in others)]
    return [with_ingresses(ctx, one["metadata"]["name"], space) for one in empty]


def with_ingresses(ctx: Context, service: str, namespace: str | None) -> str:
    """The service, and in brackets the ingresses through which people reach it."""
    through = ingresses_for(ctx, service, namespace)
    return f"{service} (behind ingress {', '.join(through)})" if through else service


def ingresses_for(ctx: Context, service: str, namespace: str | None) -> list[str]:
    """The ingresses that lead to a service."""
    found = visible(ctx, "ingresses.networking.k8s.io", namespace)
    return named(one for one in found if service in backends(one))


def backends(ingress: Mapping[str, Any]) -> list[str]:
    """The services that an ingress leads to."""
    spec: Mapping[str, Any] = ingress.get("spec") or {}
    rules = [
        path["backend"] for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()
    ]
    ends = [*rules, spec.get("defaultBackend") or {}]
    return list(dict.fromkeys(name for end in ends if (name := (end.get("service") or {}).get("name"))))


def budgets_for(ctx: Context, namespace: str | None, labels: Labels) -> list[Object]:
    """The disruption budgets that count pods with these labels."""
    found = visible(ctx, "poddisruptionbudgets.policy", namespace)
    return [one for one in found if selects(one["spec"].get("selector"), labels)]
