"""Taking a change back where others have been since: what only we changed goes back, the rest stays. Pure.

`before` is what a place held before our change, `after` what the change made of it, `now` what it holds today.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tools.kubernetes.handlers.diff import (
    MISSING,
    Changed,
    Item,
    Json,
    Path,
    changes,
    look,
    pointer,
    rewind,
    same,
    unique_names,
)

# Maps whose entries are independent of each other, so that what others put beside ours can stay without it.
_OPEN = ("labels", "annotations", "data", "binaryData", "stringData", "nodeSelector", "resources", "limits", "requests")


class Clash(NamedTuple):
    """A place that somebody else has changed after us, so that neither value is plainly the right one."""

    path: Path
    before: Json
    now: Json


class Taken(NamedTuple):
    """An object after our changes were taken back, and where that could not be done."""

    state: Json
    clashes: tuple[Clash, ...]


def whole_lists(found: Iterable[Changed], before: Json, after: Json) -> list[Changed]:
    """The changes with those inside of lists without names joined to one change of the whole list.

    Positions mean nothing any more once somebody else adds an item, so such a list can only go back as a whole.
    """
    out: dict[Path, Changed] = {}
    for change in found:
        at = next((n for n, part in enumerate(change.path) if isinstance(part, int)), None)
        if at is not None:
            path = change.path[:at]
            change = Changed(path, look(before, pointer(before, path)), look(after, pointer(after, path)))
        out.setdefault(change.path, change)
    return list(out.values())


def taken_back(now: Json, found: Iterable[Changed], force: bool = False) -> Taken:
    """`now` with each changed place as it was before; with `force` also where somebody else changed it since."""
    merge = _Merge(force)
    moves: list[Changed] = []
    for change in found:
        here = look(now, pointer(now, change.path))
        value = merge.back(change.before, change.after, here, change.path)
        if not same(value, here):
            moves.append(Changed(change.path, value, here))
    return Taken(rewind(now, moves)[0], tuple(merge.clashes))


class _Merge:
    def __init__(self, force: bool) -> None:
        self.force = force
        self.clashes: list[Clash] = []

    def back(self, before: Json, after: Json, now: Json, path: Path) -> Json:
        """The value that a place shall have."""
        if same(now, after):
            return copy.deepcopy(before)
        if same(now, before) or same(before, after):
            return now
        if _all(Mapping, before, after, now) and (MISSING not in (before, after, now) or path[-1] in _OPEN):
            return self._map(before, after, now, path)
        if _all(list, before, after, now) and all(unique_names(part) is not None for part in (before, after, now)):
            return self._list(before, after, now, path)
        self.clashes.append(Clash(path, before, now))
        return copy.deepcopy(before) if self.force else now

    def _map(self, before: Json, after: Json, now: Json, path: Path) -> Json:
        maps: list[Mapping[str, Json]] = [{} if value is MISSING else value for value in (before, after, now)]
        out: dict[str, Json] = {}
        for key in dict.fromkeys([*maps[2], *maps[0], *maps[1]]):
            one, two, three = (part.get(key, MISSING) for part in maps)
            value = self.back(one, two, three, (*path, key))
            if value is not MISSING:
                out[key] = value
        return out if out or before is not MISSING else MISSING

    def _list(self, before: Json, after: Json, now: Json, path: Path) -> Json:
        lists: list[list[Json]] = [[] if value is MISSING else value for value in (before, after, now)]
        items = [{item["name"]: item for item in part} for part in lists]
        order = list(items[0])
        out: list[Json] = []
        for name in [*items[2], *(name for name in order if name not in items[2])]:
            position = order.index(name) if name in order else len(order)
            one, two, three = (part.get(name, MISSING) for part in items)
            value = self.back(one, two, three, (*path, Item(name, position)))
            if value is not MISSING:
                out.insert(len(out) if name in items[2] else min(position, len(out)), value)
        return out if out or before is not MISSING else MISSING


def _all(kind: type, *values: Json) -> bool:
    """Whether all are of that kind, where a missing one counts as empty; two of them have to be there."""
    there = [value for value in values if value is not MISSING]
    return len(there) > 1 and all(isinstance(value, kind) for value in there)


def others(left: Json, now: Json, ours: Iterable[Changed]) -> list[Changed]:
    """What is different now from how we left it, apart from the places that we changed ourselves."""
    mine = [change.path for change in ours]
    return [change for change in changes(left, now) if not any(_within(change.path, path) for path in mine)]


def _within(path: Path, other: Path) -> bool:
    """Whether one of two paths lies in the other; an item of a list is the same one wherever it stands."""
    pairs = zip(path, other, strict=False)
    return all(a == b or (isinstance(a, Item) and isinstance(b, Item) and a.name == b.name) for a, b in pairs)
