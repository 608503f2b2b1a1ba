"""Where a pod template takes settings from: ConfigMaps, Secrets, their keys; and the patch that takes others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from tools.change import Patch, Ref
from tools.errors import ShipmateError
from tools.kubernetes.diagnose.mending import pod_patch
from tools.kubernetes.diagnose.rule import near
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import template_of

# What a part of a pod that takes from a source is called, by kind: in env, in envFrom, as volume.
_ENV = {"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}
_ALL = {"Secret": "secretRef", "ConfigMap": "configMapRef"}
_VOLUME = {"Secret": ("secret", "secretName"), "ConfigMap": ("configMap", "name")}


def keys_of(snap: Snapshot, kind: str, name: str, namespace: str) -> set[str]:
    """The names of the keys; empty where they may not be read."""
    try:
        found = snap.ctx.cluster.read(Ref(api_version="v1", kind=kind, name=name, namespace=namespace))
    except ShipmateError:
        return set()
    return {*(found.get("data") or {}), *(found.get("binaryData") or {})}


def taken_from(spec: Mapping[str, Any], kind: str, name: str) -> bool:
    """Whether a pod's spec takes anything from this ConfigMap or Secret."""
    return any(piece.get(field) == name for piece, field, _ in _pieces(spec, kind))


def needed(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kind and name of each ConfigMap and Secret that a pod cannot do without."""
    for kind in _ENV:
        for piece, field, _ in _pieces(spec, kind):
            if piece.get(field) and not piece.get("optional"):
                yield kind, piece[field]


def keys_taken(spec: Mapping[str, Any], kind: str, name: str) -> list[str]:
    """The keys that a pod's spec takes from a ConfigMap or Secret one by one."""
    entries = [
        entry
        for piece, field, _ in _pieces(spec, kind)
        if piece.get(field) == name
        for entry in (piece, *(piece.get("items") or ()))
    ]
    return list(dict.fromkeys(entry["key"] for entry in entries if entry.get("key")))


def other_source(owner: Object, kind: str, wrong: str, right: str) -> Patch | None:
    """Take from `right` whatever is taken from `wrong`."""

    def edit(piece: dict[str, Any], field: str) -> bool:
        if piece.get(field) != wrong:
            return False
        piece[field] = right
        return True

    return _patch(owner, kind, edit, f"take {kind} {right} instead of {wrong} for the pods")


def other_key(owner: Object, kind: str, source: str, wrong: str, right: str) -> Patch | None:
    """Take the key `right` of a ConfigMap or Secret instead of `wrong`."""

    def edit(piece: dict[str, Any], field: str) -> bool:
        if piece.get(field) != source:
            return False
        entries = [piece, *(piece.get("items") or ())]
        wanted = [entry for entry in entries if entry.get("key") == wrong]
        for entry in wanted:
            entry["key"] = right
        return bool(wanted)

    return _patch(owner, kind, edit, f"take key {right} of {kind} {source} instead of {wrong} for the pods")


def lacking(snap: Snapshot, spec: Mapping[str, Any], namespace: str, key: str) -> tuple[str, str, str]:
    """Kind and name of the source that a pod's spec takes the key from, and the key that was probably meant."""
    for kind in ("ConfigMap", "Secret"):
        for piece, field, _ in _pieces(spec, kind):
            if key in [entry.get("key") for entry in (piece, *(piece.get("items") or ()))]:
                known = keys_of(snap, kind, piece[field], namespace)
                if key not in known:
                    return kind, piece[field], near(key, known)
    return "", "", ""


def _patch(owner: Object, kind: str, edit: Callable[[dict[str, Any], str], bool], what: str) -> Patch | None:
    """The smallest patch of the template after each piece was edited."""
    spec = deepcopy(dict(template_of(owner).get("spec") or {}))
    body: dict[str, Any] = {}
    for piece, field, put in list(_pieces(spec, kind)):
        if edit(piece, field):
            put(body)
    return pod_patch(owner, "set source", what, body) if body else None


def _pieces(spec: Mapping[str, Any], kind: str) -> Iterator[tuple[dict[str, Any], str, Callable[[Any], None]]]:
    """Each piece that names a source, the field with the name, and what puts the piece into a patch."""
    for part in ("initContainers", "containers"):
        for container in spec.get(part) or ():
            for entry in container.get("env") or ():
                if piece := (entry.get("valueFrom") or {}).get(_ENV[kind]):
                    yield piece, "name", _env(part, container["name"], entry)
            for entry in container.get("envFrom") or ():
                if piece := entry.get(_ALL[kind]):
                    yield piece, "name", _env_from(part, container)
    for volume in spec.get("volumes") or ():
        name, field = _VOLUME[kind]
        if piece := volume.get(name):
            yield piece, field, _volume({"name": volume["name"], name: piece})
        for source in (volume.get("projected") or {}).get("sources") or ():
            if piece := source.get(name):
                sources = {"sources": volume["projected"]["sources"]}
                yield piece, "name", _volume({"name": volume["name"], "projected": sources})


def _env(part: str, container: str, entry: Any) -> Callable[[Any], None]:
    def put(body: Any) -> None:
        _container(body, part, container).setdefault("env", []).append(entry)

    return put


def _env_from(part: str, container: Any) -> Callable[[Any], None]:
    def put(body: Any) -> None:  # the list has no keys: it is replaced as a whole
        _container(body, part, container["name"])["envFrom"] = container["envFrom"]

    return put


def _volume(entry: Any) -> Callable[[Any], None]:
    def put(body: Any) -> None:
        if entry not in body.setdefault("volumes", []):
            body["volumes"].append(entry)

    return put


def _container(body: Any, part: str, name: str) -> Any:
    entries = body.setdefault(part, [])
    found = next((entry for entry in entries if entry["name"] == name), None)
    if found is None:
        found = {"name": name}
        entries.append(found)
    return found
