"""Who and what a change disturbs: pods, services, owners. Told before the yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.kubernetes.look.owners import owners
from tools.kubernetes.rollout.rolling import bounds, replicas_of, template_changed
from tools.kubernetes.workload_changes import template_of
from tools.preview import Risk

SCALABLE = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


class Impact(NamedTuple):
    """What is disturbed, in sentences, and how bad that is."""

    warnings: tuple[str, ...] = ()
    risk: Risk = Risk.LOW


def impact(ctx: Context, live: Mapping[str, Any], after: Mapping[str, Any]) -> Impact:
    """What changing `live` into `after` disturbs."""
    kind = live["kind"]
    if kind == "Service":
        return _service(live, after)
    if kind in ("ConfigMap", "Secret"):
        return Impact(_readers(ctx, live), Risk.LOW)
    if kind == "Node" and (after["spec"].get("unschedulable") and not live["spec"].get("unschedulable")):
        return Impact(("New pods will not be placed on this node; those on it stay.",), Risk.MEDIUM)
    warnings: list[str] = []
    risk = Risk.LOW
    before, later = replicas_of(live), replicas_of(after)
    if kind in SCALABLE and later < before:
        warnings.append(f"{_pods(before - later)} will be stopped.")
        risk = Risk.MEDIUM
    if kind in SCALABLE and later == 0 < before:
        served = service_names(ctx, live)
        warnings.append(
            "Nothing of it will run" + (f", and {_list('service', served)} will have no endpoints." if served else ".")
        )
        risk = Risk.HIGH
    if kind in ("Deployment", "StatefulSet", "DaemonSet") and later and before and template_changed(live, after):
        warnings.append(_replacement(after, min(before, later)))
        risk = Risk.MEDIUM
    return Impact(tuple(warnings), risk)


def owner_warnings(ctx: Context, obj: Mapping[str, Any], *, scaling: bool = False) -> tuple[str, ...]:
    """What its owners would do about a change; autoscalers matter for replica counts only."""
    return tuple(owner.text for owner in owners(ctx, obj) if scaling or owner.kind != "autoscaler")


def service_names(ctx: Context, workload: Mapping[str, Any]) -> list[str]:
    """The services that send traffic to a workload's pods."""
    meta = template_of(workload).get("metadata") or {}
    labels: Mapping[str, str] = meta.get("labels") or {}
    try:
        resource = ctx.cluster.kinds.resolve("services")
        found = list(ctx.cluster.list(resource, workload["metadata"].get("namespace")))
    except (Forbidden, NotFound):
        return []
    return [
        service["metadata"]["name"]
        for service in found
        if (selector := service["spec"].get("selector")) and selector.items() <= labels.items()
    ]


def _replacement(after: Mapping[str, Any], count: int) -> str:
    if after["kind"] != "Deployment":
        return f"{_pods(count)} will be replaced, one after the other."
    if (after["spec"].get("strategy") or {}).get("type") == "Recreate":
        return f"{_pods(count)} will be stopped before new ones start: it is down meanwhile (strategy Recreate)."
    surge, missing = bounds(after)
    steadily = "none is missing meanwhile" if not missing else f"at most {missing} missing at a time"
    return f"{_pods(count)} will be replaced, up to {max(surge, missing)} at a time, {steadily}."


def _service(live: Mapping[str, Any], after: Mapping[str, Any]) -> Impact:
    if live["spec"].get("selector") != after["spec"].get("selector"):
        return Impact(("Its traffic will go to other pods (the selector changes).",), Risk.MEDIUM)
    if live["spec"].get("ports") != after["spec"].get("ports"):
        return Impact(("Whoever uses the former ports loses the connection.",), Risk.MEDIUM)
    return Impact()


def _readers(ctx: Context, live: Mapping[str, Any]) -> tuple[str, ...]:
    """Deployments that read a ConfigMap or Secret into their environment keep the old values until restarted."""
    try:
        resource = ctx.cluster.kinds.resolve("deployments.apps")
        found = list(ctx.cluster.list(resource, live["metadata"].get("namespace")))
    except (Forbidden, NotFound):
        return ()
    names = [
        item["metadata"]["name"]
        for item in found
        if live["metadata"]["name"] in env_sources(template_of(item).get("spec") or {}, live["kind"])
    ]
    if not names:
        return ()
    return (f"{_list('deployment', names)} read it into the environment and see the change only after a restart.",)


def env_sources(spec: Mapping[str, Any], kind: str) -> set[str]:
    """Names of the ConfigMaps or Secrets that a pod reads into its environment."""
    ref, key_ref = ("configMapRef", "configMapKeyRef") if kind == "ConfigMap" else ("secretRef", "secretKeyRef")
    names: set[str] = set()
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        names |= {item[ref]["name"] for item in container.get("envFrom") or () if item.get(ref)}
        sources = [item.get("valueFrom") or {} for item in container.get("env") or ()]
        names |= {source[key_ref]["name"] for source in sources if source.get(key_ref)}
    return names


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _list(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names)}"
