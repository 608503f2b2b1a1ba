"""One object's fields from the words about it: the phrases of drafts, and those that only fit what exists."""

from __future__ import annotations

from typing import Any, cast

from agent.minds.planner.drafts.draft import Draft
from agent.minds.planner.drafts.fragments import Text
from agent.minds.planner.drafts.head import Head
from agent.minds.planner.drafts.manifest import filled, put
from agent.minds.planner.edits.phrases import REMOVED, edit_fragments, words

Object = dict[str, Any]


class Edit(Draft):
    """The change of one object in the making; `said` is the order without the words that name the object."""

    def __init__(self, kind: str, name: str, form: Object, said: Text) -> None:
        super().__init__(Head(kind, name, 0, 0), form, said)

    def read(self) -> None:
        """Let the phrases of edits take their words, then those of drafts. Raises KeyError where two contradict."""
        for fragment in edit_fragments():
            if self.kind in fragment.kinds:
                while found := self.said.find(fragment):
                    self.said.take(found.span)
                    for path, template in fragment.set:
                        value = filled(template, found.values)
                        where = filled(path, found.values)
                        if value is not None and where is not None:
                            put(self._base(fragment.at), where, _without(value))
        super().read()

    def left(self) -> str:
        """The words that nobody took, verbs of changing apart."""
        known = words("verbs") | (words("traffic") if self.kind == "service" else frozenset())
        known |= words("sizing") if self.kind == "persistentvolumeclaim" else frozenset()
        return " ".join(word for word in super().left().split() if word.lower().strip("\"'`.") not in known)

    def fields(self) -> tuple[Object, str]:
        """What shall be different, as a part of the object, and the namespace if one was said."""
        part = {key: value for key, value in self.manifest.items() if key not in ("apiVersion", "kind")}
        meta = {key: value for key, value in part.pop("metadata").items() if key != "name"}
        place = str(meta.pop("namespace", ""))
        if meta:
            part["metadata"] = meta
        if "pods" in self.form:
            _finish(self._pods())
        return _pruned(part), place

    def _base(self, at: str) -> Object:
        if at == "container":
            containers = cast(list[Object], self._pods().setdefault("containers", []))
            if not containers:
                containers.append({})
            return containers[0]
        return self._pods() if at == "pods" else self.manifest


def _finish(pods: Object) -> None:
    """The pods as Kubernetes writes them: what was said of the main container in one place, mounts with volumes."""
    found: dict[str, Object] = {}
    for one in pods.get("containers", ()):
        mine = found.setdefault(one.get("name", ""), {})
        for key, value in one.items():
            mine[key] = [*mine[key], *value] if isinstance(value, list) and key in mine else value
    named = [name for name in found if name]
    if "" in found and len(named) == 1 and "image" not in found[named[0]]:
        found[named[0]] = {**found.pop(""), **found[named[0]]}
    pods["containers"] = [one for one in found.values() if one.keys() - {"name"}]
    for field in ("containers", "initContainers"):
        for container in pods.get(field, ()):
            _finish_container(container, pods)
    pods.update({field: pods.pop(field) for field in ("initContainers", "volumes") if field in pods})


def _finish_container(container: Object, pods: Object) -> None:
    for key, value in container.pop("environment", {}).items():
        container.setdefault("env", []).append({"name": key, "value": value})
    for variable in container.get("env", ()):
        for reference in (variable.get("valueFrom") or {}).values():
            reference.setdefault("key", variable["name"])
    timing = container.pop("timing", {})
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            container[probe].update(timing)
    for mount in container.pop("mount", ()):
        if "claim" in mount:
            raise KeyError("a claim that is yet to be made")
        name = mount.get("name") or "shared"
        if all(volume["name"] != name for volume in pods.setdefault("volumes", [])):
            pods["volumes"].append({"name": name, **mount["source"]})
        own: Object = {
            "name": name,
            "mountPath": mount["path"],
            **({"readOnly": True} if mount.get("readOnly") else {}),
        }
        container.setdefault("volumeMounts", []).append(own)


def _without(value: Any) -> Any:
    """The value with null where the phrase says that something is taken away."""
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in cast(Object, value).items()}
    return None if value == REMOVED else value


def _pruned(part: Object) -> Object:
    """The fields without the empty places on the way to them."""
    out: Object = {}
    for key, value in part.items():
        if key in ("spec", "template", "jobTemplate") and isinstance(value, dict):
            value = _pruned(cast(Object, value))
            if not value:
                continue
        if value != []:
            out[key] = value
    return out
