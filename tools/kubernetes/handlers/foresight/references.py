"""What the pods of a workload need by name and the namespace does not have: they would hang, silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.change import Ref
from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.kubernetes.look.related import named, visible

Object = Mapping[str, Any]
Need = tuple[str, str]  # kind and name

_KINDS = {"ConfigMap": "configmaps", "Secret": "secrets", "PersistentVolumeClaim": "persistentvolumeclaims"}


def missing(ctx: Context, spec: Object, namespace: str, coming: frozenset[Need] = frozenset()) -> tuple[str, ...]:
    """Warnings on config maps, secrets and claims that a pod cannot start without and that are not there.

    `coming` are those that the same plan or release makes.
    """
    absent: dict[Need, str] = {}
    for need, how in _needs(spec):
        if need not in coming and need not in absent and not _there(ctx, *need, namespace):
            absent[need] = how
    words = {"ConfigMap": "config map", "Secret": "secret", "PersistentVolumeClaim": "volume claim"}
    return tuple(
        f"There is no {words[kind]} {name} in {namespace}, which {how}: its pods cannot start without it."
        for (kind, name), how in absent.items()
    )


def _there(ctx: Context, kind: str, name: str, namespace: str) -> bool:
    """Whether it exists; what may not be looked at is taken to."""
    try:
        ctx.cluster.read(Ref(api_version="v1", kind=kind, name=name, namespace=namespace))
    except NotFound:
        return False
    except Forbidden:
        return True
    return True


def _needs(spec: Object) -> Iterator[tuple[Need, str]]:
    """Each object that a pod cannot start without, and what for; optional ones are left out."""
    for volume in spec.get("volumes") or ():
        how = f"volume {volume['name']} mounts"
        if claim := volume.get("persistentVolumeClaim"):
            yield ("PersistentVolumeClaim", claim["claimName"]), how
        for source in (volume, *((volume.get("projected") or {}).get("sources") or ())):
            for kind, field, keys in (
                ("ConfigMap", "configMap", ("name",)),
                ("Secret", "secret", ("secretName", "name")),
            ):
                part: Mapping[str, Any] = source.get(field) or {}
                name = next((part[key] for key in keys if part.get(key)), "")
                if name and not part.get("optional"):
                    yield (kind, name), how
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        how = f"container {container['name']} reads into its environment"
        refs = [(item.get("configMapRef"), item.get("secretRef")) for item in container.get("envFrom") or ()]
        sources = [item.get("valueFrom") or {} for item in container.get("env") or ()]
        refs += [(source.get("configMapKeyRef"), source.get("secretKeyRef")) for source in sources]
        for pair in refs:
            for kind, ref in zip(("ConfigMap", "Secret"), pair, strict=True):
                if ref and ref.get("name") and not ref.get("optional"):
                    yield (kind, ref["name"]), how


def storage(ctx: Context, claim: Object) -> tuple[str, ...]:
    """Warnings on a claim that nothing will ever give a volume to."""
    spec, name = claim.get("spec") or {}, claim["metadata"]["name"]
    if spec.get("volumeName") or spec.get("storageClassName") == "":
        return ()
    there = named(visible(ctx, "storageclasses.storage.k8s.io", None))
    wanted = spec.get("storageClassName")
    if wanted is None:  # admission would have filled the default one in
        return (f"Volume claim {name} names no storage class, and none is the default: it waits until one is.",)
    if there and wanted not in there:
        return (f"There is no storage class {wanted} for volume claim {name}: it waits. There is: {', '.join(there)}.",)
    return ()
