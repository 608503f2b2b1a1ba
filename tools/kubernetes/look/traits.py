"""What an object is like, by name: the facts that conditions and orders of lists can speak of.

A trait gives one finding for each part of the object that has it to say for itself (each container, each port), with
nothing as the value where it is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.kubernetes.look.pods import containers

if TYPE_CHECKING:
    from tools.kubernetes.look.world import World

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """One value; `part` says of what, where an object has several (`container app`)."""

    value: Any
    part: str = ""

    @property
    def missing(self) -> bool:
        return self.value in (None, False, "", 0, [], {})


Read = Callable[[Object, "World"], list[Found]]


@dataclass(frozen=True)
class Trait:
    """`each`: whether every part must have it, so that one part without it makes the object one without it."""

    read: Read
    each: bool = True


def pod_spec(obj: Object) -> Object:
    """The spec of the pods of a workload, or of the pod itself; empty for what has none."""
    spec: Object = obj.get("spec") or {}
    spec = (spec.get("jobTemplate") or {}).get("spec") or spec
    inner: Object | None = (spec.get("template") or {}).get("spec")
    return inner or (spec if "containers" in spec else {})


def at_path(obj: Any, path: str) -> list[Any]:
    """The values at a dotted path (`.spec.rules.host`); lists are gone through. Nothing there: one None."""
    if not path:
        return [obj]
    if isinstance(obj, list):
        return [value for item in obj for value in at_path(item, path)] or [None]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(obj, Mapping):
        return [None]
    inside: Mapping[str, Any] = obj  # pyright: ignore[reportUnknownVariableType]
    if path in inside:
        return [inside[path]]
    key, _, rest = path.partition(".")
    return at_path(inside[key], rest) if key in inside else [None]


def _of_container(read: Callable[[Object, Object], Any]) -> Read:
    """A trait of each container, read from the container and the spec around it. Init containers count too."""

    def found(obj: Object, _: World) -> list[Found]:
        spec = pod_spec(obj)
        return [Found(read(item, spec), f"container {item['name']}") for _, item, _ in containers({"spec": spec})]

    return found


def _of_main(read: Callable[[Object, Object], Any]) -> Read:
    """The same without init containers, which have no probes."""

    def found(obj: Object, _: World) -> list[Found]:
        spec = pod_spec(obj)
        return [Found(read(item, spec), f"container {item['name']}") for item in spec.get("containers") or ()]

    return found


def _field(path: str, whole: bool = False) -> Trait:
    """A field of the object; as one value where it is a list that counts as a whole."""

    def found(obj: Object, _: World) -> list[Found]:
        values = at_path(obj, path)
        return [Found(values if whole and values != [None] else value) for value in (values[:1] if whole else values)]

    return Trait(found, each=False)


def _of_pods(name: str) -> Trait:
    return Trait(lambda obj, _: [Found(pod_spec(obj).get(name))])


def _amount(side: str, name: str) -> Trait:
    return Trait(_of_container(lambda item, _: ((item.get("resources") or {}).get(side) or {}).get(name)))


def image_parts(image: str) -> tuple[str, str, str, str]:
    """Registry, name, tag and digest; what is not written is Docker's default, but no tag is no tag."""
    image, _, digest = image.partition("@")
    first, slash, rest = image.partition("/")
    if not (slash and (set(".:") & set(first) or first == "localhost")):
        first, rest = "docker.io", image
    name, _, tag = rest.rpartition(":") if ":" in rest.rpartition("/")[2] else (rest, "", "")
    return first, name, tag, digest


def _floating(image: str) -> str:
    """Why an image may become another one by itself; nothing when it cannot."""
    _, _, tag, digest = image_parts(image)
    return "" if digest or (tag and tag != "latest") else f"image {image}"


def _security(item: Object, spec: Object, name: str) -> Any:
    own = (item.get("securityContext") or {}).get(name)
    return own if own is not None else (spec.get("securityContext") or {}).get(name)


def _root(item: Object, spec: Object) -> str:
    user = _security(item, spec, "runAsUser")
    if user is not None:
        return "runs as user 0" if user == 0 else ""
    return "" if _security(item, spec, "runAsNonRoot") else "may run as root"


def _capabilities(side: str) -> Callable[[Object, Object], Any]:
    return lambda item, _: ",".join(((item.get("securityContext") or {}).get("capabilities") or {}).get(side) or ())


def _condition(obj: Object, *wanted: str) -> str:
    """The conditions of these types that hold."""
    told: list[Object] = (obj.get("status") or {}).get("conditions") or []
    return ",".join(one["type"] for one in told if one["type"] in wanted and one["status"] == "True")


def _state(*types: str) -> Trait:
    return Trait(lambda obj, _: [Found(_condition(obj, *types))])


def _at_maximum(obj: Object, _: World) -> list[Found]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    most = spec.get("maxReplicas")
    return [Found(f"{most} replicas" if most and (status.get("currentReplicas") or 0) >= most else "")]


def _taints(obj: Object, _: World) -> list[Found]:
    taints: list[Object] = (obj.get("spec") or {}).get("taints") or []
    return [Found(f"{one['key']}={one.get('value', '')}:{one['effect']}") for one in taints] or [Found(None)]


def _host_path(obj: Object, _: World) -> list[Found]:
    volumes: list[Object] = pod_spec(obj).get("volumes") or []
    return [Found((one.get("hostPath") or {}).get("path")) for one in volumes] or [Found(None)]


def _secure(name: str) -> Read:
    return _of_container(lambda item, spec: _security(item, spec, name))


TRAITS: dict[str, Trait] = {
    "memory limit": _amount("limits", "memory"),
    "cpu limit": _amount("limits", "cpu"),
    "memory request": _amount("requests", "memory"),
    "cpu request": _amount("requests", "cpu"),
    "limits": Trait(_of_container(lambda item, _: (item.get("resources") or {}).get("limits"))),
    "requests": Trait(_of_container(lambda item, _: (item.get("resources") or {}).get("requests"))),
    "resources": Trait(_of_container(lambda item, _: item.get("resources"))),
    "readiness probe": Trait(_of_main(lambda item, _: item.get("readinessProbe"))),
    "liveness probe": Trait(_of_main(lambda item, _: item.get("livenessProbe"))),
    "startup probe": Trait(_of_main(lambda item, _: item.get("startupProbe"))),
    "probes": Trait(_of_main(lambda item, _: item.get("livenessProbe") or item.get("readinessProbe"))),
    "image": Trait(_of_container(lambda item, _: item.get("image"))),
    "registry": Trait(_of_container(lambda item, _: image_parts(item.get("image") or "")[0])),
    "tag": Trait(_of_container(lambda item, _: image_parts(item.get("image") or "")[2])),
    "digest": Trait(_of_container(lambda item, _: image_parts(item.get("image") or "")[3])),
    "latest": Trait(_of_container(lambda item, _: _floating(item.get("image") or "")), each=False),
    "pull policy": Trait(_of_container(lambda item, _: item.get("imagePullPolicy"))),
    "root": Trait(_of_container(_root), each=False),
    "privileged": Trait(_secure("privileged"), each=False),
    "privilege escalation": Trait(
        _of_container(lambda item, spec: _security(item, spec, "allowPrivilegeEscalation") is not False), each=False
    ),
    "read-only root": Trait(_secure("readOnlyRootFilesystem")),
    "added capabilities": Trait(_of_container(_capabilities("add")), each=False),
    "dropped capabilities": Trait(_of_container(_capabilities("drop"))),
    "security context": Trait(
        _of_container(lambda item, spec: item.get("securityContext") or spec.get("securityContext"))
    ),
    "host network": _of_pods("hostNetwork"),
    "host pid": _of_pods("hostPID"),
    "host path": Trait(_host_path, each=False),
    "service account": _of_pods("serviceAccountName"),
    "tolerations": _of_pods("tolerations"),
    "node selector": _of_pods("nodeSelector"),
    "affinity": _of_pods("affinity"),
    "init containers": _of_pods("initContainers"),
    "priority class": _of_pods("priorityClassName"),
    "containers": Trait(lambda obj, _: [Found(len(pod_spec(obj).get("containers") or ()))]),
    "labels": _field("metadata.labels"),
    "annotations": _field("metadata.annotations"),
    "owner": _field("metadata.ownerReferences"),
    "finalizers": _field("metadata.finalizers"),
    "type": Trait(lambda obj, _: [Found((obj.get("spec") or {}).get("type") or obj.get("type"))]),
    "port": _field("spec.ports.port"),
    "node port": _field("spec.ports.nodePort"),
    "selector": _field("spec.selector"),
    "endpoints": Trait(lambda obj, world: [Found(world.endpoints(obj))]),
    "pods": Trait(lambda obj, world: [Found(world.pods(obj))]),
    "unused": Trait(lambda obj, world: [Found(not world.used(obj))]),
    "bound": Trait(lambda obj, _: [Found((obj.get("status") or {}).get("phase") == "Bound")]),
    "size": Trait(
        lambda obj, _: (
            [Found(one) for one in at_path(obj, "spec.resources.requests.storage")]
            if obj.get("kind") == "PersistentVolumeClaim"
            else [Found(one) for one in at_path(obj, "spec.capacity.storage")]
        )
    ),
    "class": Trait(
        lambda obj, _: [
            Found((obj.get("spec") or {}).get("storageClassName") or (obj.get("spec") or {}).get("ingressClassName"))
        ]
    ),
    "tls": _field("spec.tls"),
    "host": _field("spec.rules.host"),
    "pressure": _state("MemoryPressure", "DiskPressure", "PIDPressure"),
    "taints": Trait(_taints, each=False),
    "cordoned": _field("spec.unschedulable"),
    "failed": _state("Failed"),
    "succeeded": _state("Complete", "SuccessCriteriaMet"),
    "suspended": _field("spec.suspend"),
    "paused": _field("spec.paused"),
    "at maximum": Trait(_at_maximum),
    "disruption budget": Trait(lambda obj, world: [Found(world.selected_by("poddisruptionbudgets.policy", obj))]),
    "network policy": Trait(lambda obj, world: [Found(world.selected_by("networkpolicies.networking.k8s.io", obj))]),
    "autoscaler": Trait(lambda obj, world: [Found(world.autoscaler(obj))]),
    "quota": Trait(lambda obj, world: [Found(world.inside("resourcequotas", obj))]),
    "limit range": Trait(lambda obj, world: [Found(world.inside("limitranges", obj))]),
}

_KEYED = re.compile(r"(label|annotation|env) (\S+)")


def trait(name: str) -> Trait | None:
    """The trait of that name: one of the table, `label KEY`, `annotation KEY`, `env NAME`, or a path (`.spec.x`)."""
    if name in TRAITS:
        return TRAITS[name]
    if name.startswith("."):
        return Trait(lambda obj, _: [Found(value) for value in at_path(obj, name[1:])], each=False)
    keyed = _KEYED.fullmatch(name)
    if not keyed:
        return None
    what, key = keyed.groups()
    if what == "env":
        return Trait(_of_container(lambda item, _: _variable(item, key)), each=False)
    return Trait(lambda obj, _: [Found(((obj.get("metadata") or {}).get(f"{what}s") or {}).get(key))])


def _variable(item: Object, name: str) -> Any:
    """Whether a container has the variable; its value is nothing that a list should tell."""
    return any(one.get("name", "").lower() == name.lower() for one in item.get("env") or ())
