"""Whether the difference between two looks at a namespace is what approved plans said, told from their changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent.guard.plan import Plan
from tools.change import ApplyManifest, Change, Delete, Patch, RolloutUndo, Scale

Path = tuple[str, ...]
_ANY = "*"  # an item of a list, whichever
_ABSENT = object()


def unexplained(before: Mapping[str, Any], now: Mapping[str, Any], plans: Iterable[Plan]) -> list[str]:
    """One line about each difference that no plan accounts for."""
    changes: dict[str, list[Change]] = {}
    for plan in plans:
        for step in plan.steps:
            for write in step.preview.writes:
                changes.setdefault(write.path, []).append(step.change)
    found: list[str] = []
    for path in sorted(before.keys() | now.keys()):
        old, new = before.get(path), now.get(path)
        if old != new:
            mine = _of(path, changes)
            found += [f"{path}: {why}" for why in _strange(old, new, mine)]
    return found


def _of(path: str, changes: Mapping[str, list[Change]]) -> list[Change]:
    """The changes that write to this object: by its own path, its sub-resource, its collection, or a pattern."""
    return [
        change
        for known, those in changes.items()
        if known in (path, f"{path}/scale", path.rpartition("/")[0])
        or (known[-1] == "*" and path.startswith(known[:-1]))
        for change in those
    ]


def _strange(old: Any, new: Any, changes: list[Change]) -> Iterator[str]:
    if not changes:
        yield "no approved plan writes to it"
    elif any(change.kind.startswith("helm") for change in changes):
        return  # what a release holds is Helm's rendering; the tap has checked each of its writes
    elif new is None:
        if not any(isinstance(change, Delete) for change in changes):
            yield "it is gone, and no approved plan deletes it"
    elif old is None:
        if not any(isinstance(change, ApplyManifest) for change in changes):
            yield "it is new, and no approved plan makes it"
    elif old["metadata"]["uid"] == new["metadata"]["uid"]:
        allowed = [one for change in changes for one in _said(change)]
        for path, value in _changed(old, new, ()):
            if not any(_covers(place, wanted, path, value) for place, wanted in allowed):
                yield f"{'.'.join(path)} became {value!r}"
    elif not any(isinstance(change, Delete) for change in changes):
        yield "it was replaced"


def _said(change: Change) -> Iterator[tuple[Path, Any]]:
    """(place, value there) for all that a change says; the value is _ABSENT where the change does not tell it."""
    match change:
        case Scale():
            yield ("spec", "replicas"), change.replicas
        case Patch(type="json", patch=list() as operations):
            for operation in operations:
                yield tuple(part.replace("~1", "/") for part in operation["path"].strip("/").split("/")), _ABSENT
        case Patch():
            yield from _leaves(change.patch, ())
        case ApplyManifest():
            yield from _leaves(change.manifest, ())
        case RolloutUndo():
            yield ("spec", "template"), _ABSENT
        case _:
            return


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        yield path, _ABSENT  # lists are merged by keys of their own
    else:
        yield path, value


def _changed(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The places that differ, with what is there now (None where nothing is)."""
    if old == new:
        return
    if all(isinstance(side, dict) for side in (old, new) if side is not None) and (old or new):
        before, after = old or {}, new or {}
        for key in sorted(before.keys() | after.keys()):
            yield from _changed(before.get(key), after.get(key), (*path, key))
    else:
        yield path, new


def _covers(place: Path, wanted: Any, path: Path, value: Any) -> bool:
    if path[: len(place)] != place:
        return False
    if wanted is _ABSENT or (isinstance(wanted, str) and wanted.startswith("vault:")):
        return True
    return path == place and (wanted == value or place[0] in ("data", "stringData"))
