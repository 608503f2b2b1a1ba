"""Images that no chart of the workspace knows: a Deployment with sane defaults, a Service where the port is known."""

from __future__ import annotations

import re
from typing import Any

from tools.change import ApplyManifest, Change, Proposal, Ref
from tools.context import Context
from tools.docker.reference import Reference
from tools.errors import BadRequest, NeedsAnswer, NotFound, Unreachable
from tools.kubernetes.door.paths import check_namespace
from tools.kubernetes.names import check_image
from tools.workspace.components import Component
from tools.workspace.images import image_plan
from tools.workspace.release_look import namespace_exists

# Ports that images are known to serve on, for when the engine does not have the image to look at.
_PORTS = {
    "nginx": 80, "httpd": 80, "caddy": 80, "redis": 6379, "valkey": 6379, "memcached": 11211, "postgres": 5432,
    "mysql": 3306, "mariadb": 3306, "mongo": 27017, "rabbitmq": 5672, "nats": 4222, "grafana": 3000, "registry": 5000,
    "whoami": 80, "adminer": 8080, "tomcat": 8080,
}  # fmt: skip
_LONGEST = 63


def deploy_image(
    ctx: Context, name: str, image: str, replicas: int | None, namespace: str, *, component: Component | None = None
) -> Proposal:
    """A Deployment of an image, with a Service; a component with source is built first."""
    check_image(image)
    check_namespace(namespace)
    label = _label(name)
    steps, reference, notes = _plan(ctx, component or Component(image=image))
    changes: list[Change] = []
    if not namespace_exists(ctx, namespace):
        changes.append(_apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, None))
    changes += steps
    port = _port(ctx, image, reference)
    changes.append(_apply(_deployment(label, namespace, reference, replicas or 1, port), namespace))
    if port:
        changes.append(_apply(_service(label, namespace, port), namespace))
        notes = (*notes, f"Service {label} makes it reachable inside the cluster as {label}.{namespace}:{port}.")
    else:
        notes = (*notes, f'Its port is not known, so there is no Service yet: "expose {label} on port 8080" makes one.')
    return Proposal(changes=tuple(changes), notes=notes)


def _plan(ctx: Context, component: Component) -> tuple[tuple[Change, ...], str, tuple[str, ...]]:
    try:
        plan = image_plan(ctx, component)
    except (NeedsAnswer, Unreachable):
        if component.source is not None:
            raise
        return (), component.image, ("Whether the image can be pulled could not be checked.",)
    return plan.changes, plan.reference, plan.notes


def _label(name: str) -> str:
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not label or not label[0].isalpha() or len(label) > _LONGEST:
        raise BadRequest(
            f"{name[:80]!r} cannot be the name of a Deployment and its Service.",
            f"Begin it with a letter, and keep it to {_LONGEST} characters.",
        )
    return label


def _port(ctx: Context, image: str, reference: str) -> int | None:
    """The port that the image says it serves on, else the usual one of a well-known image."""
    for name in dict.fromkeys((image, reference)):
        try:
            found = ctx.engine.image(name)
        except (Unreachable, NotFound, BadRequest):
            break
        ports = ((found or {}).get("Config") or {}).get("ExposedPorts") or {}
        numbers = sorted(int(port.split("/")[0]) for port in ports if port.endswith("/tcp"))
        if numbers:
            return numbers[0]
    return _PORTS.get(Reference.parse(image).path.rpartition("/")[2])


def _deployment(name: str, namespace: str, image: str, replicas: int, port: int | None) -> dict[str, Any]:
    """Nothing that an image may need is taken away: it may start as root, but can gain no rights beyond that."""
    container: dict[str, Any] = {
        "name": name,
        "image": image,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    if port:
        container["ports"] = [{"name": "main", "containerPort": port}]
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    labels = {"app.kubernetes.io/name": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _service(name: str, namespace: str, port: int) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "main", "port": port, "targetPort": "main"}]},
    }


def _apply(manifest: dict[str, Any], namespace: str | None) -> ApplyManifest:
    ref = Ref(
        api_version=manifest["apiVersion"],
        kind=manifest["kind"],
        name=manifest["metadata"]["name"],
        namespace=namespace,
    )
    replicas = manifest.get("spec", {}).get("replicas")
    many = f" with {replicas} replica{'' if replicas == 1 else 's'}" if replicas else ""
    return ApplyManifest(summary=f"create {ref}{many}", ref=ref, manifest=manifest, create_only=True)
