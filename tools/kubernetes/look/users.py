"""Who uses something: a config map, a secret, a volume claim, a service account, a service, an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, Forbidden, NotFound
from tools.kubernetes.look.lookup import get_one
from tools.kubernetes.look.tables import render
from tools.secrets.redact import redact_text

Object = Mapping[str, Any]
_HOLDERS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch", "pods")
_USABLE = ("ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount", "Service")


def users(ctx: Context, *, kind: str, name: str, namespace: str | None = None) -> Result:
    """Who uses a config map, secret, persistent volume claim, service account or service, and how."""
    resource, obj = get_one(ctx, kind, name, namespace)
    if resource.kind not in _USABLE:
        raise BadRequest(f"Who uses a {resource.kind.lower()} cannot be told.", f"It can of: {', '.join(_USABLE)}.")
    name, place = obj["metadata"]["name"], obj["metadata"]["namespace"]
    if resource.kind == "Service":
        found = list(_service_users(ctx, obj, place))
    else:
        found = holders(ctx, resource.kind, name, place)
    what = f"{resource.kind.lower()} {name} in namespace {place}"
    data = [{"user": user, "how": how} for user, how in found]
    if not found:
        return Result(text=f"Nothing uses {what}.", data=data)
    head = f"{len(found)} use{'s' * (len(found) == 1)} {what}:"
    lines = [f"{user}: {how}" for user, how in found]
    return Result(text=redact_text("\n".join((head, *lines))), data=data)


def holders(ctx: Context, kind: str, name: str, namespace: str | None) -> list[tuple[str, str]]:
    """Who uses a config map, secret, volume claim or service account, and how, as far as may be seen."""
    found: list[tuple[str, str]] = []
    # the claims of a stateful set stand in its pods only
    kinds = ("pods",) if kind == "PersistentVolumeClaim" else _HOLDERS
    for holder, spec in _pod_specs(ctx, namespace, kinds):
        if ways := dict.fromkeys(_ways(spec, kind, name)):
            found.append((holder, ", ".join(ways)))
    if kind == "Secret":
        found += _certificates(ctx, name, namespace or "")
    return found


def running_images(
    ctx: Context, *, name: str | None = None, namespace: str | None = None, all_namespaces: bool = False
) -> Result:
    """The images that the workloads of a namespace run, each with who runs it. name: part of a workload or image."""
    place = None if all_namespaces else namespace or ctx.cluster.namespace
    seen: dict[str, list[str]] = {}
    for holder, spec in _pod_specs(ctx, place):
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            image = container.get("image") or ""
            if not name or name in holder or name in image:
                seen.setdefault(image, []).append(holder)
    where = f"in namespace {place}" if place else "in the cluster"
    if not seen:
        return Result(text=f"No image{f' of {name}' if name else ''} runs {where}.", data={})
    rows = [(image, ", ".join(dict.fromkeys(holders))) for image, holders in sorted(seen.items())]
    head = f"{len(rows)} image{'s' * (len(rows) != 1)} {where}:"
    return Result(text=f"{head}\n{render(('image', 'run by'), rows)}", data=seen)


def _pod_specs(ctx: Context, namespace: str | None, kinds: tuple[str, ...] = _HOLDERS) -> Iterator[tuple[str, Object]]:
    """Every workload with the spec of its pods; pods and jobs only where none of these kinds made them."""
    for kind in kinds:
        try:
            resource = ctx.cluster.kinds.resolve(kind)
            for item in ctx.cluster.list(resource, namespace):
                made = item["metadata"].get("ownerReferences") and len(kinds) > 1
                if made and resource.kind in ("Job", "Pod"):
                    continue
                spec = item.get("spec") or {}
                spec = (spec.get("jobTemplate") or {}).get("spec") or spec
                spec = (spec.get("template") or {}).get("spec") or spec
                where = f"{item['metadata']['namespace']}/" if namespace is None else ""
                yield f"{where}{resource.kind.lower()}/{item['metadata']['name']}", spec
        except (Forbidden, NotFound):
            continue


def _ways(spec: Object, kind: str, name: str) -> Iterator[str]:
    """How a pod uses the object."""
    if kind == "ServiceAccount":
        if (spec.get("serviceAccountName") or "default") == name:
            yield "runs as it"
        return
    for volume in spec.get("volumes") or ():
        if name in _sources(volume, kind):
            yield f"mounts it (volume {volume['name']})"
    if kind == "PersistentVolumeClaim":
        return
    if kind == "Secret" and any(item.get("name") == name for item in spec.get("imagePullSecrets") or ()):
        yield "pulls images with it"
    whole, one = ("configMapRef", "configMapKeyRef") if kind == "ConfigMap" else ("secretRef", "secretKeyRef")
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        if any((item.get(whole) or {}).get("name") == name for item in container.get("envFrom") or ()):
            yield f"container {container['name']} takes all of it into its environment"
        for item in container.get("env") or ():
            source = (item.get("valueFrom") or {}).get(one) or {}
            if source.get("name") == name:
                yield f"container {container['name']} takes {item['name']} from its key {source.get('key')}"


def _sources(volume: Object, kind: str) -> set[str]:
    """The names of the objects of that kind that a volume is made of."""
    if kind == "PersistentVolumeClaim":
        return {(volume.get("persistentVolumeClaim") or {}).get("claimName") or ""}
    parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
    field, key = ("configMap", "name") if kind == "ConfigMap" else ("secret", "secretName")
    return {(part.get(field) or {}).get(key) or (part.get(field) or {}).get("name") or "" for part in parts}


def _certificates(ctx: Context, name: str, namespace: str) -> Iterator[tuple[str, str]]:
    for ingress in _listed(ctx, "ingresses.networking.k8s.io", namespace):
        for tls in ingress["spec"].get("tls") or ():
            if tls.get("secretName") == name:
                yield f"ingress/{ingress['metadata']['name']}", "its TLS certificate"


def _service_users(ctx: Context, service: Object, namespace: str) -> Iterator[tuple[str, str]]:
    """Ingresses that lead to a service; who calls it from inside of the cluster cannot be seen."""
    for ingress in _listed(ctx, "ingresses.networking.k8s.io", namespace):
        for rule in ingress["spec"].get("rules") or ():
            for path in (rule.get("http") or {}).get("paths") or ():
                if (path["backend"].get("service") or {}).get("name") == service["metadata"]["name"]:
                    yield f"ingress/{ingress['metadata']['name']}", f"{rule.get('host') or '*'}{path.get('path', '/')}"


def _listed(ctx: Context, kind: str, namespace: str) -> list[dict[str, Any]]:
    try:
        return list(ctx.cluster.list(ctx.cluster.kinds.resolve(kind), namespace))
    except (Forbidden, NotFound):
        return []
