"""Who else has a say over an object: Helm, an autoscaler, Argo CD, Flux, an operator, a controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tools.context import Context
from tools.errors import Forbidden, NotFound

# Managers that are a person's own tool or part of Kubernetes; any other name in managedFields is an operator.
PEOPLE = (
    "kubectl",
    "helm",
    "shipmate",
    "k9s",
    "lens",
    "dashboard",
    "oc",
    "node-fetch",
    "curl",
    "Mozilla",
    "python",
)
SYSTEM = (
    "kube-",
    "kubelet",
    "k3s",
    "kwok",
    "before-first-apply",
    "cloud-controller-manager",
    "cluster-autoscaler",
)


class Owner(NamedTuple):
    """One that would revert or override a change made past it.

    kind       "helm", "autoscaler", "argocd", "flux", "controller" (of Kubernetes itself) or "operator"
    name       of the release, autoscaler, application or owning object
    text       one sentence on what that means
    minimum, maximum   bounds of an autoscaler
    """

    kind: str
    name: str
    namespace: str
    text: str
    minimum: int = 0
    maximum: int = 0


def helm_release(obj: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name and namespace of the Helm release that owns the object, if one does."""
    meta = obj.get("metadata") or {}
    notes: Mapping[str, str] = meta.get("annotations") or {}
    name = notes.get("meta.helm.sh/release-name")
    if not name:
        return None
    return name, notes.get("meta.helm.sh/release-namespace") or meta.get("namespace", "")


def owners(ctx: Context, obj: Mapping[str, Any]) -> tuple[Owner, ...]:
    """All owners of a live object; autoscalers of its namespace are looked up."""
    scalers: list[dict[str, Any]] = []
    if obj.get("kind") in ("Deployment", "StatefulSet", "ReplicaSet"):
        try:
            resource = ctx.cluster.kinds.resolve("horizontalpodautoscalers.autoscaling")
            scalers = list(ctx.cluster.list(resource, obj["metadata"].get("namespace")))
        except (Forbidden, NotFound):
            scalers = []
    return owners_of(obj, scalers)


def owners_of(obj: Mapping[str, Any], autoscalers: Iterable[Mapping[str, Any]] = ()) -> tuple[Owner, ...]:
    """The owners that an object and the autoscalers of its namespace tell of."""
    meta = obj["metadata"]
    space = meta.get("namespace", "")
    found: list[Owner] = []
    if release := helm_release(obj):
        text = f"Helm release {release[0]} owns it: the next upgrade of the release puts its own values back."
        found.append(Owner("helm", *release, text))
    found.extend(_delivery(meta, space))
    found.extend(_autoscaler(scaler) for scaler in autoscalers if _targets(scaler, obj))
    for reference in meta.get("ownerReferences") or ():
        found.append(_controller(reference, space))
    if not meta.get("ownerReferences"):
        found.extend(_operators(meta, space))
    return tuple(found)


def _delivery(meta: Mapping[str, Any], space: str) -> Iterable[Owner]:
    labels: Mapping[str, str] = meta.get("labels") or {}
    notes: Mapping[str, str] = meta.get("annotations") or {}
    tracked = notes.get("argocd.argoproj.io/tracking-id", "").partition(":")[0]
    synced = any(str(one.get("manager")).startswith("argocd") for one in meta.get("managedFields") or ())
    app = tracked or labels.get("argocd.argoproj.io/instance", "")
    if app := app or (labels.get("app.kubernetes.io/instance") or "(unnamed)" if synced else ""):
        yield Owner("argocd", app, space, f"Argo CD application {app} owns it and may put the state of its Git back.")
    for tool in ("kustomize", "helm"):
        if name := labels.get(f"{tool}.toolkit.fluxcd.io/name"):
            place = labels.get(f"{tool}.toolkit.fluxcd.io/namespace", space)
            yield Owner("flux", name, place, f"Flux ({tool} {name}) owns it and puts the state of its Git back.")


def _targets(scaler: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    target = scaler["spec"]["scaleTargetRef"]
    return (target["kind"], target["name"]) == (obj.get("kind"), obj["metadata"]["name"])


def _autoscaler(scaler: Mapping[str, Any]) -> Owner:
    meta, spec = scaler["metadata"], scaler["spec"]
    low, high = spec.get("minReplicas", 1), spec["maxReplicas"]
    text = f"Autoscaler {meta['name']} keeps it between {low} and {high} replicas and overrides a count set by hand."
    return Owner("autoscaler", meta["name"], meta.get("namespace", ""), text, low, high)


def _controller(reference: Mapping[str, Any], space: str) -> Owner:
    group = reference["apiVersion"].partition("/")[0]
    built_in = "." not in group or group.endswith(".k8s.io")
    title = f"{reference['kind'].lower()} {reference['name']}"
    verb = "makes it anew when it is gone and reverts changes" if built_in else "may revert changes"
    return Owner("controller" if built_in else "operator", title, space, f"It belongs to {title}, which {verb}.")


def _operators(meta: Mapping[str, Any], space: str) -> Iterable[Owner]:
    """Field managers that wrote the object's spec and are no person's tool; delivery tools are told apart above."""
    seen: set[str] = set()
    for entry in meta.get("managedFields") or ():
        name = entry.get("manager", "")
        own = entry.get("subresource") or "f:spec" not in (entry.get("fieldsV1") or {})
        if own or name in seen or name.startswith(("argocd", "kustomize-controller", "helm-controller")):
            continue
        if name.startswith(PEOPLE) or name.startswith(SYSTEM) or not name or "operator" not in name.lower():
            continue
        seen.add(name)
        yield Owner("operator", name, space, f"The operator {name} writes to it and may revert changes.")
