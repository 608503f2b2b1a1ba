"""The data that drafts are read with: `prompts/planner/drafts/*.toml`, read once."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

from agent.minds.planner.reading.lexicon import lexicon
from tools.data import data_folder


@cache
def macros() -> dict[str, str]:
    """Words that stand for others in patterns, such as <with> for "with", "having" and "that has"."""
    return _data()["macros"]


@cache
def groups() -> dict[str, frozenset[str]]:
    """Groups of kinds, such as `pods` for every kind that makes pods."""
    return {name: frozenset(kinds) for name, kinds in _data()["groups"].items()}


@cache
def words(name: str) -> frozenset[str]:
    """A list of words by its name: what says nothing by itself, what is no name."""
    return frozenset(_data()["words"][name].split())


@cache
def table(name: str) -> dict[str, list[str]]:
    """A table of the data by its name, such as which resources belong to which API group."""
    return _data()["table"][name]


@cache
def entries() -> list[dict[str, Any]]:
    """All phrases as they are written."""
    return _data()["fragment"]


@cache
def kind_words() -> str:
    """All words for kinds as one pattern, the longest first."""
    phrases = [
        " ".join(words) for words, senses in lexicon().senses.items() if any(s.section == "kind" for s in senses)
    ]
    return "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]?") for phrase in sorted(phrases, key=len, reverse=True))


def kind_of(phrase: str) -> str:
    """The kind that a phrase names, however it is joined."""
    senses = (
        lexicon().senses.get(tuple(re.split(r"[\s-]+", phrase.lower())))
        or lexicon().senses.get((phrase.lower(),))
        or []
    )
    return next((sense.concept for sense in senses if sense.section == "kind"), "")


@cache
def _data() -> dict[str, Any]:
    merged: dict[str, Any] = {"fragment": [], "macros": {}, "groups": {}, "kind": {}, "words": {}, "table": {}}
    for path in sorted((data_folder("prompts") / "planner" / "drafts").glob("*.toml")):
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if isinstance(value, list):
                merged[key] += value
            else:
                merged[key] |= value
    return merged


@cache
def kinds() -> dict[str, dict[str, Any]]:
    """What a new object of a kind starts as, and what it cannot be without."""
    return _data()["kind"]
