"""The phrases of `prompts/planner/edits.toml`: what is said of objects that exist, beside what drafts know."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from agent.minds.planner.drafts.data import groups, kinds
from agent.minds.planner.drafts.fragments import Fragment, compiled
from tools.data import data_folder

REMOVED = "<remove>"  # as a value: the field is taken away


@cache
def edit_fragments() -> tuple[Fragment, ...]:
    """All phrases of edits, in the order in which they are looked for."""
    return tuple(_fragment(entry) for entry in _data()["fragment"])


@cache
def words(name: str) -> frozenset[str]:
    """A list of words by its name."""
    return frozenset(_data()["words"][name].split())


@cache
def pattern(name: str) -> str:
    """A regular expression of the data by its name."""
    return _data()["pattern"][name].strip()


def form_of(kind: str) -> dict[str, Any] | None:
    """How objects of a kind begin and where their pods are; None for kinds that nothing is known to be said of."""
    return kinds().get(kind) or _data()["kind"].get(kind)


def _fragment(entry: dict[str, Any]) -> Fragment:
    named = frozenset(kind for word in entry["for"].split() for kind in groups().get(word, {word}))
    return Fragment(
        at=entry.get("at", "object"),
        kinds=named,
        patterns=tuple(compiled(says.replace("<gone>", pattern("gone"))) for says in entry["says"]),
        set=tuple(entry["set"].items()),
    )


@cache
def _data() -> dict[str, Any]:
    path = data_folder("prompts") / "planner" / "edits.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
