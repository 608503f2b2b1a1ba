"""Fixes of several faults of one workload as one: neither alone makes it well, and it is rolled out once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.change import Change, Patch, Ref
from tools.finding import Finding, Fix

Chosen = tuple[Finding, Fix]


def with_it(first: Chosen, others: Iterable[Chosen]) -> list[Chosen]:
    """The first fix, and those of others that patch just the same object."""
    ref = _patched(first[1].changes)
    return [first, *(one for one in others if ref is not None and not one[1].asks and _patched(one[1].changes) == ref)]


def together(changes: Sequence[Change]) -> list[Change]:
    """The same changes, with the strategic patches of one object as one patch at the place of the first."""
    done: list[Change] = []
    for change in changes:
        ref = _patched([change])
        place = next((n for n, one in enumerate(done) if ref is not None and _patched([one]) == ref), None)
        before = done[place] if place is not None else None
        if place is None or not isinstance(before, Patch) or not isinstance(change, Patch):
            done.append(change)
        elif before.patch != change.patch:
            patch, told = _merged(before.patch, change.patch), f"{before.summary}; {change.summary}"
            done[place] = before.model_copy(update={"summary": told, "verb": "change", "patch": patch})
    return done


def _patched(changes: Sequence[Change]) -> Ref | None:
    """What the changes patch, when they do nothing else."""
    refs = [one.ref for one in changes if isinstance(one, Patch) and one.type == "strategic" and not one.subresource]
    alike = bool(refs) and len(refs) == len(changes) and all(ref == refs[0] for ref in refs)
    return refs[0] if alike else None


def _merged(one: Any, other: Any) -> Any:
    """Two patches in one: lists whose items have names item by item, as the server merges them."""
    if isinstance(one, dict) and isinstance(other, dict):
        mine: dict[str, Any] = one
        theirs: dict[str, Any] = other
        both = {key: _merged(mine[key], theirs[key]) for key in mine.keys() & theirs.keys()}
        return {**mine, **theirs, **both}
    if isinstance(one, list) and isinstance(other, list) and all(map(_name, [*one, *other])):
        named: dict[str, Any] = {_name(item): item for item in one}
        for item in other:
            named[_name(item)] = _merged(named[_name(item)], item) if _name(item) in named else item
        return list(named.values())
    return other


def _name(item: Any) -> str:
    return str(item.get("name") or "") if isinstance(item, Mapping) else ""
