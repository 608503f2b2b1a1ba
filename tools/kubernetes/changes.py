"""Change tools for Kubernetes objects. Each returns what it would do; nothing is written here."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

from tools.change import ApplyManifest, Change, Delete, Patch, Proposal, Ref
from tools.context import Context
from tools.errors import BadRequest, Forbidden, NeedsAnswer, NotFound
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.lookup import get_one, split_name
from tools.kubernetes.look.owners import owners
from tools.kubernetes.manifests import read_documents
from tools.kubernetes.names import check_label, check_namespace, check_port, check_service_name
from tools.kubernetes.workload_changes import MAX_REPLICAS, containers_of, ref_of, restart_change, template_of
from tools.secrets.sealing import sealed

Object = dict[str, Any]


def restart(ctx: Context, *, name: str, kind: str | None = None, namespace: str | None = None) -> Proposal:
    """Restart a Deployment, StatefulSet or DaemonSet: its pods are replaced one after the other."""
    live = find_workload(ctx, name, kind, namespace)
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Proposal(changes=(restart_change(live, at),))


def expose(
    ctx: Context,
    *,
    name: str,
    port: int | None = None,
    target_port: int | None = None,
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP",
    service_name: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Make a workload reachable by a Service. Without ports the ones that its containers declare are used."""
    live = find_workload(ctx, name, None, namespace)
    labels = (template_of(live).get("metadata") or {}).get("labels") or {}
    selector = (live["spec"].get("selector") or {}).get("matchLabels") or labels
    service = check_service_name(service_name or live["metadata"]["name"])
    ports = _service_ports(live, port, target_port)
    place = live["metadata"]["namespace"]
    manifest: Object = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service, "namespace": place},
        "spec": {"type": type, "selector": selector, "ports": ports},
    }
    told = ", ".join(f"{item['port']} → {item['targetPort']}" for item in ports)
    there = list(ctx.cluster.list(ctx.cluster.kinds.resolve("services"), place, fields=f"metadata.name={service}"))
    if there and there[0]["spec"].get("selector") == selector and _same_ports(there[0]["spec"].get("ports"), ports):
        return Proposal(notes=(f"Service {service} exposes {ref_of(live)} already (port {told}).",))
    change = _apply(manifest, f"expose {ref_of(live)} as service {service} ({type}, port {told})", create_only=True)
    return Proposal(changes=(change,))


def _same_ports(there: list[Object] | None, wanted: list[Object]) -> bool:
    return [(item["port"], item.get("targetPort")) for item in there or ()] == [
        (item["port"], item["targetPort"]) for item in wanted
    ]


def _service_ports(live: Object, port: int | None, target_port: int | None) -> list[Object]:
    for given in (port, target_port):
        if given is not None:
            check_port(given)
    declared = [item for container in containers_of(live) for item in container.get("ports") or ()]
    if port is not None or target_port is not None:
        first = next((item["containerPort"] for item in declared), port)
        target = target_port or (port if any(item["containerPort"] == port for item in declared) else first)
        return [{"port": port or target, "targetPort": target, "protocol": "TCP"}]
    if not declared:
        raise NeedsAnswer(f"{ref_of(live)} declares no port. On which one does it listen (like 8080)?", slot="port")
    many = len(declared) > 1
    return [
        {
            "port": item["containerPort"],
            "targetPort": item["containerPort"],
            "protocol": item.get("protocol", "TCP"),
            **({"name": item.get("name") or f"port-{item['containerPort']}"} if many else {}),
        }
        for item in declared
    ]


def delete_objects(
    ctx: Context,
    *,
    kind: str,
    names: list[str] | None = None,
    namespace: str | None = None,
    selector: str | None = None,
) -> Proposal:
    """Delete objects of one kind, by names or by a label selector such as app=web (at least one is needed)."""
    if not names and not selector:
        raise BadRequest(f"Which {kind} is to be deleted?", "Name it, or give a label selector like app=web.")
    found: list[Object] = [get_one(ctx, kind, name, namespace)[1] for name in names or ()]
    if selector:
        resource = ctx.cluster.kinds.resolve(kind)
        place = (namespace or ctx.cluster.namespace) if resource.namespaced else None
        chosen = list(ctx.cluster.list(resource, place, selector=selector))
        if not chosen:
            return Proposal(notes=(f"No {resource.kind.lower()} matches {selector}{f' in {place}' if place else ''}.",))
        found += chosen
    unique = {obj["metadata"]["uid"]: ref_of(obj) for obj in found}
    return Proposal(changes=tuple(Delete(summary=f"delete {ref}", ref=ref) for ref in unique.values()))


def apply_manifest(ctx: Context, *, manifest: str, namespace: str | None = None) -> Proposal:
    """Create or update the objects of a YAML or JSON text (several documents are fine), as `kubectl apply` would."""
    place = check_namespace(namespace) if namespace else ctx.cluster.namespace
    changes: list[Change] = []
    for document in read_documents(manifest):
        ref = Ref(
            api_version=document["apiVersion"], kind=document["kind"], name=document["metadata"]["name"],
            namespace=_namespace_of(ctx, document, namespace, place),
        )  # fmt: skip
        if ref.namespace:
            document["metadata"]["namespace"] = ref.namespace
        changes.append(sealed(ctx, ApplyManifest(summary=f"apply {ref}", ref=ref, manifest=document)))
    return Proposal(changes=tuple(sorted(changes, key=_order)))


def _namespace_of(ctx: Context, document: Object, given: str | None, default: str) -> str | None:
    own = document["metadata"].get("namespace")
    if own and given and own != given:
        raise BadRequest(
            f"{document['kind']} {document['metadata']['name']} says namespace {own}, the request says {given}.",
            "Leave one of them out.",
        )
    known = [
        item for item in ctx.cluster.kinds.all()
        if item.kind == document["kind"] and item.group == document["apiVersion"].rpartition("/")[0]
    ]  # fmt: skip
    if known and not known[0].namespaced:
        return None
    return own or default


_FIRST = ("Namespace", "CustomResourceDefinition", "StorageClass", "ServiceAccount", "ConfigMap", "Secret")


def _order(change: Change) -> int:
    """What others rest on comes first; the rest keeps the order of the text."""
    kind = change.ref.kind if isinstance(change, ApplyManifest) else ""
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def label(
    ctx: Context, *, kind: str, name: str, labels: dict[str, str | None], namespace: str | None = None
) -> Proposal:
    """Set labels on one object; null as a value removes that label."""
    return _mark(ctx, "labels", kind, name, labels, namespace)


def annotate(
    ctx: Context, *, kind: str, name: str, annotations: dict[str, str | None], namespace: str | None = None
) -> Proposal:
    """Set annotations on one object; null as a value removes that annotation."""
    return _mark(ctx, "annotations", kind, name, annotations, namespace)


def _mark(
    ctx: Context, field: str, kind: str, name: str, values: dict[str, str | None], namespace: str | None
) -> Proposal:
    verb = "label" if field == "labels" else "annotate"
    if not values:
        raise BadRequest(
            f"Nothing to {verb} with was given.", "Write it like team=web, or team= with no value to remove it."
        )
    for key, value in values.items():
        check_label(key, value, annotation=field == "annotations")
    _, live = get_one(ctx, kind, name, namespace)
    now = live["metadata"].get(field) or {}
    notes = tuple(f"{key} is not set anyway." for key, value in values.items() if value is None and key not in now)
    wanted = {key: value for key, value in values.items() if now.get(key) != value}
    if not wanted:
        return Proposal(notes=notes or (f"{ref_of(live)} has it already.",))
    told = ", ".join(f"{key}={value}" if value is not None else f"without {key}" for key, value in wanted.items())
    change = Patch(
        summary=f"{verb} {ref_of(live)}: {told}", ref=ref_of(live), verb=verb, type="merge",
        patch={"metadata": {field: wanted}},
    )  # fmt: skip
    return Proposal(changes=(sealed(ctx, change),), notes=notes)


def autoscale(
    ctx: Context,
    *,
    name: str,
    max: int,
    min: int = 1,
    cpu_percent: int = 80,
    kind: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Let a HorizontalPodAutoscaler keep a workload between min and max replicas by its CPU use in percent."""
    if not 1 <= min <= max <= MAX_REPLICAS:
        raise BadRequest(f"The bounds {min} to {max} make no sense.", f"Give 1 ≤ min ≤ max ≤ {MAX_REPLICAS}.")
    if not 1 <= cpu_percent <= 1000:
        raise BadRequest(f"{cpu_percent} % is no sensible target.", "Something like 70 or 80 is usual.")
    live = find_workload(ctx, name, kind, namespace)
    if live["kind"] == "DaemonSet":
        raise BadRequest("A DaemonSet runs once on each node and cannot be autoscaled.")
    scaler = next((owner for owner in owners(ctx, live) if owner.kind == "autoscaler"), None)
    ref = ref_of(live)
    manifest: Object = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": scaler.name if scaler else ref.name, "namespace": ref.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name},
            "minReplicas": min,
            "maxReplicas": max,
            "metrics": [_cpu_metric(cpu_percent)],
        },
    }
    change = _apply(manifest, f"autoscale {ref} between {min} and {max} replicas at {cpu_percent} % CPU")
    without = [item["name"] for item in containers_of(live) if not _requests_cpu(item)]
    notes = (f"Without a CPU request on {', '.join(without)} the autoscaler has nothing to go by.",) if without else ()
    return Proposal(changes=(change,), notes=notes)


def _cpu_metric(percent: int) -> Object:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _requests_cpu(container: Object) -> bool:
    resources = container.get("resources") or {}
    return "cpu" in {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def cordon(ctx: Context, *, node: str, on: bool = True) -> Proposal:
    """Keep new pods off a node (on=false lets them back); pods that run there stay."""
    _, node = split_name("node", node)
    _, live = get_one(ctx, "node", node, None)
    verb = "cordon" if on else "uncordon"
    if bool(live["spec"].get("unschedulable")) == on:
        return Proposal(notes=(f"Node {node} is {'cordoned' if on else 'open for pods'} already.",))
    patch: Object = {"spec": {"unschedulable": True if on else None}}
    return Proposal(
        changes=(Patch(summary=f"{verb} node {node}", ref=ref_of(live), verb=verb, type="merge", patch=patch),)
    )


def create_namespace(ctx: Context, *, name: str) -> Proposal:
    """Create a namespace."""
    check_namespace(name)
    with suppress(NotFound, Forbidden):  # who may not look may still be allowed to make one: the preview tells
        ctx.cluster.get(ctx.cluster.path(ctx.cluster.kinds.resolve("namespaces").ref(name)))
        return Proposal(notes=(f"Namespace {name} exists already.",))
    manifest: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return Proposal(changes=(_apply(manifest, f"create namespace {name}", create_only=True),))


def _apply(manifest: Object, summary: str, *, create_only: bool = False) -> ApplyManifest:
    return ApplyManifest(summary=summary, ref=ref_of(manifest), manifest=manifest, create_only=create_only)
