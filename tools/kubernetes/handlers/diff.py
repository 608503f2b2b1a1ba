"""What differs between two states of an object, leaf by leaf, and the JSON patch that takes it back. Pure.

A path is a tuple of dictionary keys, list indices, and `Item`s: an item of a list whose items have names is known by
its name, so that it is still the same one when others come and go around it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Json = Any


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __deepcopy__(self, memo: object) -> _Missing:
        return self  # there is one, known by identity


MISSING = _Missing()


class Item(NamedTuple):
    """An item of a list, by its name; `position` is where it was."""

    name: str
    position: int


Path = tuple[str | int | Item, ...]


class Changed(NamedTuple):
    """One place that differs; MISSING stands for nothing there."""

    path: Path
    before: Json
    after: Json


# --- comparing ----------------------------------------------------------------------------------------------------

_NOISE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
_NOISY_NOTES = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
)


def clean(obj: Mapping[str, Any], keep_status: bool = False) -> dict[str, Any]:
    """The part of an object that people write: without status and what the server keeps for itself."""
    out = {key: value for key, value in obj.items() if keep_status or key != "status"}
    meta = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _NOISE}
    if notes := meta.get("annotations"):
        notes = {key: value for key, value in notes.items() if key not in _NOISY_NOTES}
        meta = {**meta, "annotations": notes} if notes else {k: v for k, v in meta.items() if k != "annotations"}
    out["metadata"] = meta
    return copy.deepcopy(out)


def changes(before: Json, after: Json, path: Path = ()) -> list[Changed]:
    """The leaves that differ."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: list[Changed] = []
        for key in [*before, *(key for key in after if key not in before)]:
            found += changes(before.get(key, MISSING), after.get(key, MISSING), (*path, key))
        return found
    if isinstance(before, list) and isinstance(after, list):
        return _list_changes(before, after, path)
    return [] if same(before, after) else [Changed(path, before, after)]


def same(one: Json, other: Json) -> bool:
    """Equal as JSON, where true is not 1."""
    return (
        type(one) is type(other) and one == other if isinstance(one, bool) or isinstance(other, bool) else one == other
    )


def _list_changes(before: list[Json], after: list[Json], path: Path) -> list[Changed]:
    old, new = unique_names(before), unique_names(after)
    if old is not None and new is not None and [n for n in old if n in new] == [n for n in new if n in old]:
        found: list[Changed] = []
        for index, name in enumerate(old):
            there = after[new.index(name)] if name in new else MISSING
            found += changes(before[index], there, (*path, Item(name, index)))
        found += [
            Changed((*path, Item(name, index)), MISSING, after[index])
            for index, name in enumerate(new)
            if name not in old
        ]
        return found
    if len(before) == len(after):
        found = []
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            found += changes(one, other, (*path, index))
        return found
    return [Changed(path, before, after)]


def unique_names(items: Json) -> list[str] | None:
    """The names of the items of a list, when each has one of its own; None otherwise."""
    if items is MISSING:
        return []
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    texts = [name for name in names if isinstance(name, str)]
    return texts if len(texts) == len(items) == len(set(texts)) else None


# --- pointing -----------------------------------------------------------------------------------------------------


def pointer(obj: Json, path: Path) -> str:
    """The JSON pointer (RFC 6901) of a path in this object; a named item that is not there points past the end."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, Item):
            names = _item_names(obj)
            number = names.index(part.name) if part.name in names else len(names)
            parts.append(str(number))
            obj = obj[number] if number < len(names) else MISSING
        else:
            parts.append(str(part).replace("~", "~0").replace("/", "~1"))
            obj = _step(obj, part)
    return "".join(f"/{part}" for part in parts)


def look(obj: Json, where: str) -> Json:
    """The value at a JSON pointer, or MISSING."""
    for part in where.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        obj = _step(obj, int(part) if isinstance(obj, list) and part.isdigit() else part)
        if obj is MISSING:
            return MISSING
    return obj


def told(path: Path) -> str:
    """The path for people: spec.template.spec.containers[backend].image."""
    text = ""
    for part in path:
        if isinstance(part, Item):
            text += f"[{part.name}]"
        elif isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + part
    return text


def _step(obj: Json, part: str | int) -> Json:
    if isinstance(obj, Mapping):
        return obj.get(part, MISSING)
    if isinstance(obj, list) and isinstance(part, int) and 0 <= part < len(obj):
        return obj[part]
    return MISSING


def _item_names(obj: Json) -> list[Json]:
    if not isinstance(obj, list):
        return []
    return [item.get("name") if isinstance(item, Mapping) else None for item in obj]


# --- going back ---------------------------------------------------------------------------------------------------


def saved(found: Iterable[Changed]) -> list[dict[str, Json]]:
    """The changes as JSON, to be kept until somebody wants to go back."""
    out: list[dict[str, Json]] = []
    for change in found:
        path = [
            {"name": part.name, "position": part.position} if isinstance(part, Item) else part for part in change.path
        ]
        entry: dict[str, Json] = {"path": path}
        if change.before is not MISSING:
            entry["before"] = change.before
        if change.after is not MISSING:
            entry["after"] = change.after
        out.append(entry)
    return out


def restored(entries: Sequence[Mapping[str, Json]]) -> list[Changed]:
    """What `saved` kept."""
    return [
        Changed(
            tuple(Item(p["name"], p["position"]) if isinstance(p, Mapping) else p for p in entry["path"]),
            entry.get("before", MISSING),
            entry.get("after", MISSING),
        )
        for entry in entries
    ]


def moved(obj: Json, found: Iterable[Changed]) -> list[Changed]:
    """Those changes whose result is no longer what stands in the object."""
    return [change for change in found if not same(look(obj, pointer(obj, change.path)), change.after)]


def way_back(obj: Json, found: Iterable[Changed]) -> list[dict[str, Json]]:
    """JSON patch (RFC 6902) that gives each changed place of `obj` its former value and leaves the rest alone."""
    return rewind(obj, found)[1]


def rewind(obj: Json, found: Iterable[Changed]) -> tuple[Json, list[dict[str, Json]]]:
    """`obj` with the former value at each changed place, and the JSON patch that leads there.

    Added items go first and removed ones come back in their order, so that lists end as they were.
    """
    work = copy.deepcopy(obj)
    found = list(found)
    added = [change for change in found if change.before is MISSING]
    others = [change for change in found if change.before is not MISSING]
    operations: list[dict[str, Json]] = []
    for change in reversed(added):
        operations += _remove(work, change.path)
    for change in others:
        operations += _put(work, change)
    return work, operations


def _remove(work: Json, path: Path) -> list[dict[str, Json]]:
    where = pointer(work, path)
    if look(work, where) is MISSING:
        return []
    parent = look(work, where.rpartition("/")[0])
    key = where.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    del parent[int(key) if isinstance(parent, list) else key]
    return [{"op": "remove", "path": where}]


def _put(work: Json, change: Changed) -> list[dict[str, Json]]:
    """Replace, or add together with the parents that are missing; a named item returns to its old index."""
    operations: list[dict[str, Json]] = []
    node, where = work, ""
    for number, part in enumerate(change.path):
        last = number == len(change.path) - 1
        step = pointer(node, (part,))
        there = look(node, step) is not MISSING
        if last or not there:
            value = copy.deepcopy(change.before) if last else ([] if isinstance(change.path[number + 1], Item) else {})
            if isinstance(node, list) and not there:
                at = min(part.position if isinstance(part, Item) else len(node), len(node))
                node.insert(at, value)
                step = f"/{at}"
            elif isinstance(node, list):
                node[int(step[1:])] = value
            else:
                node[part] = value
            operations.append(
                {"op": "replace" if there else "add", "path": where + step, "value": copy.deepcopy(value)}
            )
        where, node = where + step, look(node, step)
    return operations
