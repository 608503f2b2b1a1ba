"""Any fields of a live object changed by a partial object of the same shape. Pure: nothing is read or written here.

Null takes a field away. Elements of lists are the ones of that name (a port of that number, a mount of that path); one
without a name is the only one there is. Lists of nameless things, like tolerations, are added to; other lists replaced.
`{"$patch": "delete", …}` takes the element away that has these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tools.change import Patch
from tools.errors import BadRequest, NotFound
from tools.kubernetes.workload_changes import pick_container, ref_of

Object = dict[str, Any]

_NAMED = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "hostAliases": "ip",
}
_ADDED = frozenset(("tolerations", "envFrom", "add", "drop", "rules", "subjects", "tls", "topologySpreadConstraints"))
_HANDLERS = ("httpGet", "tcpSocket", "exec", "grpc")
_INSTEAD = {  # of these only one can be set, so that a new one takes the former away
    "livenessProbe": _HANDLERS,
    "readinessProbe": _HANDLERS,
    "startupProbe": _HANDLERS,
    "env": ("value", "valueFrom"),
}
_FIXED = ("apiVersion", "kind", "status")
_OWN_META = ("labels", "annotations", "finalizers", "name", "namespace")
_MOST_TOLD = 5
_BUILT_IN = ("", "apps", "batch", "autoscaling", "policy")


def edit_change(obj: Mapping[str, Any], fields: Mapping[str, Any], container: str | None = None) -> Patch | None:
    """The patch that brings these fields into the object; None when it has them already.

    Raises BadRequest where an element cannot be told, NotFound where one that is to go is not there.
    """
    wanted = _checked(obj, fields)
    editor = _Editor(obj, container)
    body = editor.mapping(obj, wanted, "")
    if not body:
        return None
    told = list(dict.fromkeys(_told(body)))
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    summary = f"change {ref_of(obj)}: {', '.join(told[:_MOST_TOLD])}{more}"
    kind = "strategic" if editor.strategic else "merge"
    return Patch(summary=summary, ref=ref_of(obj), verb="edit", type=kind, patch=body)


def _checked(obj: Mapping[str, Any], fields: Mapping[str, Any]) -> Object:
    """The fields without what merely names the object; raises BadRequest for what no edit can change."""
    wanted = {key: value for key, value in fields.items() if key not in _FIXED or value != obj.get(key)}
    if fixed := next((key for key in _FIXED if key in wanted), ""):
        raise BadRequest(f"The field {fixed} cannot be changed by an edit.", "Name fields of spec, data or metadata.")
    meta = dict(cast(Mapping[str, Any], wanted.pop("metadata", None) or {}))
    for key in ("name", "namespace"):
        if key in meta and meta.pop(key) != obj["metadata"].get(key):
            raise BadRequest(f"An edit cannot give {ref_of(obj)} another {key}.", "Make a new object for that.")
    if other := next((key for key in meta if key not in _OWN_META), ""):
        raise BadRequest(f"metadata.{other} is the server's to set.", "Labels and annotations can be changed.")
    if meta:
        wanted["metadata"] = meta
    if not wanted:
        raise BadRequest("No field was given.", 'Give a part of the object, like {"spec": {"suspend": true}}.')
    return wanted


class _Editor:
    """The difference between what is there and what is wanted, as the body of a patch."""

    def __init__(self, obj: Mapping[str, Any], container: str | None) -> None:
        self._obj, self._container = obj, container
        group = str(obj["apiVersion"]).rpartition("/")[0]
        self.strategic = group in _BUILT_IN or group.endswith(".k8s.io")

    def mapping(self, live: Mapping[str, Any], wanted: Mapping[str, Any], field: str) -> Object:
        """What has to be said about one object of the tree; empty when it is so already."""
        out: Object = {}
        for key, value in wanted.items():
            now = live.get(key)
            if value is None:
                if key in live:
                    out[key] = None
            elif isinstance(value, Mapping):
                inner = cast(Mapping[str, Any], now) if isinstance(now, Mapping) else {}
                part = self.mapping(inner, cast(Mapping[str, Any], value), key)
                if part or not isinstance(now, Mapping):
                    out[key] = part
            elif isinstance(value, list):
                elements = self._list(cast(list[Any], now or []), cast(list[Any], value), key)
                if elements is not None:
                    out[key] = elements
            elif now != value:
                out[key] = value
        rivals = _INSTEAD.get(field, ())
        if any(wanted.get(key) is not None for key in rivals):
            out |= {key: None for key in rivals if key in live and key not in wanted}
        if field == "strategy" and wanted.get("type") == "Recreate" and live.get("rollingUpdate"):
            out["rollingUpdate"] = None
        return out

    def _list(self, live: list[Any], wanted: list[Any], field: str) -> list[Any] | None:
        """What has to be said about a list; None when it is so already."""
        name = self._name_of(field, live, wanted)
        if name and self.strategic:
            parts = [self._element(live, item, field, name) for item in wanted]
            return self._named_ports(live, [part for part in parts if part], field) or None
        after = self._whole(live, wanted, field, name)
        return after if after != live else None

    def _name_of(self, field: str, live: list[Any], wanted: list[Any]) -> str:
        """The field that tells the elements of a list apart; empty where none does."""
        if not all(isinstance(item, dict) for item in (*live, *wanted)):
            return ""
        if field == "ports":
            return "port" if self._obj["kind"] == "Service" else "containerPort"
        return _NAMED.get(field, "")

    def _element(self, live: list[Object], item: Object, field: str, name: str) -> Object | None:
        """The part of a patch for one element, None when nothing is to change."""
        item = {**item, name: self._key(live, item, field, name)}
        now = next((one for one in live if one.get(name) == item[name]), None)
        if item.get("$patch") == "delete":
            if now is None:
                raise NotFound(f"{ref_of(self._obj)} has no {_singular(field)} {item[name]}.", _there(live, name))
            return {name: item[name], "$patch": "delete"}
        if now is None:
            return item
        part = self.mapping(now, item, field)
        return {name: item[name], **part} if part else None

    def _key(self, live: list[Object], item: Object, field: str, name: str) -> Any:
        if name in item:
            return item[name]
        if field == "containers":
            return pick_container(self._obj, self._container)["name"]
        if len(live) != 1:
            told = _there(live, name)
            raise BadRequest(f"Which {_singular(field)} of {ref_of(self._obj)} is meant is not said.", told)
        return live[0].get(name)

    def _named_ports(self, live: list[Object], parts: list[Object], field: str) -> list[Object]:
        """A service with several ports needs a name for each."""
        fresh = [part for part in parts if all(one.get("port") != part.get("port") for one in live)]
        if field != "ports" or self._obj["kind"] != "Service" or not fresh or not live:
            return parts
        for part in fresh:
            if "$patch" not in part:
                part.setdefault("name", f"port-{part['port']}")
        unnamed = [one for one in live if "name" not in one]
        return [*parts, *({"port": one["port"], "name": f"port-{one['port']}"} for one in unnamed)]

    def _whole(self, live: list[Any], wanted: list[Any], field: str, name: str) -> list[Any]:
        """The list as it shall be, for lists that are written as a whole."""
        gone = [_match(item) for item in wanted if isinstance(item, dict) and "$patch" in item]
        fresh = [item for item in wanted if not (isinstance(item, dict) and "$patch" in item)]
        kept = [item for item in live if not any(_has(item, match) for match in gone)]
        if gone and len(kept) == len(live):
            raise NotFound(f"{ref_of(self._obj)} has no such {_singular(field)}.", _there(live, name or "key"))
        if name:
            named = {item.get(name): item for item in kept}
            for item in fresh:
                named[item.get(name)] = {**named.get(item.get(name), {}), **item}
            return list(named.values())
        if gone or field in _ADDED:
            return [*kept, *(item for item in fresh if item not in kept)]
        return fresh


def _match(item: Mapping[str, Any]) -> Object:
    return {key: value for key, value in item.items() if key != "$patch"}


def _has(item: Any, match: Mapping[str, Any]) -> bool:
    """Whether an element of a list has these fields, inner ones too."""
    if not isinstance(item, Mapping):
        return False
    there = cast(Mapping[str, Any], item)
    return all(
        _has(there.get(key), cast(Object, value)) if isinstance(value, Mapping) else there.get(key) == value
        for key, value in match.items()
    )


def _singular(field: str) -> str:
    return "variable" if field == "env" else field.removesuffix("s")


def _there(live: list[Any], name: str) -> str:
    names = [str(one.get(name)) for one in live if isinstance(one, Mapping) and one.get(name) is not None]
    return f"There are: {', '.join(names)}." if names else "There is none."


def _told(body: Mapping[str, Any]) -> list[str]:
    """The changed fields in words: without where they lie, and without values, which may be secret."""
    told: list[str] = []
    for key, value in body.items():
        if key in ("spec", "template", "jobTemplate", "metadata"):
            told += _told(cast(Mapping[str, Any], value))
        elif key in ("containers", "initContainers"):
            for item in cast(list[Object], value):
                fields = _told({field: inner for field, inner in item.items() if field not in ("name", "$patch")})
                gone = "remove " if item.get("$patch") else ""
                inside = f" ({', '.join(fields)})" if fields else ""
                told.append(f"{gone}container {item['name']}{inside}")
        elif isinstance(value, bool) or value is None:
            told.append(f"remove {key}" if value is None else f"{key} {str(value).lower()}")
        else:
            told.append(key)
    return told
