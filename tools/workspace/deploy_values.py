"""The values of the chart that a deployment sets: switches, images, replicas, a password, the way in from outside."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from tools.context import Context
from tools.errors import BadRequest, Forbidden, NotFound
from tools.helm.values import Values, look, merged, nested
from tools.workspace.chart_values import autoscaled, bounds_values, image_values, replica_values
from tools.workspace.components import Component, Workspace

_CLASS = "ingressclass.kubernetes.io/is-default-class"


def enabled(workspace: Workspace, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[str, ...]:
    """The components that a release with these values runs."""
    values = merged(defaults, given)
    return tuple(
        name
        for name, one in workspace.components.items()
        if look(values, _at(one, "enabled"), one.values == "") is not False
    )


def switches(workspace: Workspace, defaults: Mapping[str, Any], wanted: Iterable[Component], fresh: bool) -> Values:
    """On for what is wanted; in a new release (`fresh`) off for the rest."""
    names = {one.name for one in wanted}
    found: Values = {}
    for name, one in workspace.components.items():
        if look(defaults, _at(one, "enabled")) is not None and (fresh or name in names):
            found[_at(one, "enabled")] = name in names
    return nested(found)


def image_of(defaults: Mapping[str, Any], component: Component, reference: str) -> Values:
    """The image of a component, where the chart has a setting for it."""
    try:
        return image_values(defaults, component.values, reference)
    except NotFound:
        return {}


def replicas_of(values: Mapping[str, Any], component: Component, replicas: int, notes: list[str]) -> Values:
    """The number of replicas; where an autoscaler decides, its bounds."""
    if autoscaled(values, component.values):
        high = max(int(look(values, _at(component, "autoscaling.maxReplicas"), replicas)), replicas)
        bounds = bounds_values(values, component.values, replicas, high)
        if bounds:
            notes.append(f"An autoscaler decides about {component.name}'s replicas; its minimum becomes {replicas}.")
            return bounds
    return replica_values(values, component.values, replicas)


def password_of(ctx: Context, values: Mapping[str, Any], component: Component, release: str, namespace: str) -> Values:
    """A new password where the chart wants one, nobody gave one and none is left from an earlier installation."""
    path = _at(component, "auth.password")
    if look(values, path) != "" or look(values, _at(component, "auth.existingSecret")):
        return {}
    if look(values, _at(component, "engine"), "postgres") == "sqlite":
        return {}
    if _kept_password(ctx, component, release, namespace):
        return {}
    return nested({path: ctx.vault.put(secrets.token_urlsafe(24))})


def _kept_password(ctx: Context, component: Component, release: str, namespace: str) -> bool:
    """Whether a Secret of an earlier installation still has it; its volume cannot be opened with another."""
    try:
        found = ctx.cluster.list(
            ctx.cluster.kinds.resolve("secrets"), namespace, selector=f"app.kubernetes.io/instance={release}",
            metadata_only=True,
        )  # fmt: skip
        return any(item["metadata"]["labels"].get("app.kubernetes.io/component") == component.name for item in found)
    except Forbidden as error:
        raise BadRequest(f"Whether {namespace} has a password already cannot be seen: {error.message}") from error


def ingress_of(ctx: Context, values: Mapping[str, Any], notes: list[str]) -> Values:
    """A way in from outside, where the chart offers one, the cluster has a controller and nobody decided otherwise."""
    if look(values, "ingress.enabled") is not False:
        return {}
    try:
        classes = list(ctx.cluster.list(ctx.cluster.kinds.resolve("ingressclasses.networking.k8s.io")))
    except (Forbidden, NotFound):
        return {}
    if not classes:
        notes.append("The cluster has no ingress controller, so the page is reached by a port-forward.")
        return {}
    default = [one for one in classes if (one["metadata"].get("annotations") or {}).get(_CLASS) == "true"]
    chosen = str((default or classes)[0]["metadata"]["name"])
    return nested({"ingress.enabled": True, "ingress.className": chosen})


def _at(component: Component, key: str) -> str:
    return f"{component.values}.{key}" if component.values else key
