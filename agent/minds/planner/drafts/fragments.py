"""The phrases of `prompts/planner/drafts/`: each says one thing about an object, and where that stands in a manifest.

A phrase is a pattern with slots, `{image}` or `{int:min}`, whose values `set` puts at paths of the manifest. Which
phrases there are is data; the code knows how to read them, and that a word which no phrase took was not understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from agent.minds.planner.drafts.data import entries, groups, macros
from agent.minds.planner.drafts.slots import SLOTS

TAKEN, HIDDEN = "\x00", "\x01"
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|`[^`\n]*`")  # what is quoted is one value, whatever words are in it
_SLOT = re.compile(r"\{([a-z]+)(?::(\w+))?\}")


@dataclass(frozen=True)
class Fragment:
    """`at` is what the paths start from: the object, its pods, or the container that is spoken of."""

    at: str
    kinds: frozenset[str]
    patterns: Iterable[tuple[re.Pattern[str], dict[str, str]]]  # each with its groups: group name → slot
    set: tuple[tuple[str, Any], ...]


class Patterns:
    """Patterns that are written out when a kind first needs them, since that takes time."""

    def __init__(self, says: list[str]) -> None:
        self._says = says

    @cached_property
    def _compiled(self) -> tuple[tuple[re.Pattern[str], dict[str, str]], ...]:
        return tuple(compiled(pattern) for pattern in self._says)

    def __iter__(self) -> Iterator[tuple[re.Pattern[str], dict[str, str]]]:
        return iter(self._compiled)


@dataclass(frozen=True)
class Found:
    """A phrase that a sentence says: its values by slot, and where it stands."""

    fragment: Fragment
    values: dict[str, Any]
    span: tuple[int, int]


@cache
def fragments() -> tuple[Fragment, ...]:
    """All phrases, in the order in which they are looked for."""
    return tuple(_fragment(entry) for entry in entries())


def _fragment(entry: dict[str, Any]) -> Fragment:
    wanted = entry.get("for", "any").split()
    named = frozenset(kind for word in wanted for kind in groups().get(word, {word}))
    says = entry["says"] if isinstance(entry["says"], list) else [entry["says"]]
    return Fragment(
        at=entry.get("at", "object"),
        kinds=named,
        patterns=Patterns(says),
        set=tuple(entry["set"].items()),
    )


def compiled(pattern: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of the data as a regular expression, with its groups by slot."""
    for _ in range(3):  # macros may use macros
        pattern = re.sub(r"(?<!P)<(\w+)>", lambda match: f"(?:{macros()[match[1]]})", pattern)
    used: dict[str, str] = {}

    def group(match: re.Match[str]) -> str:
        slot = match[2] or match[1]
        if slot in used:  # a slot may stand in several alternatives; a group's name only once
            slot += f"__{len(used)}"
        used[slot] = match[1]
        return f"(?P<{slot}>{SLOTS[match[1]][0]})"

    def once(match: re.Match[str]) -> str:
        own[match[1]] = own.get(match[1], 0) + 1
        return match[0] if own[match[1]] == 1 else f"(?P<{match[1]}__{own[match[1]]}>"

    own: dict[str, int] = {}
    pattern = re.sub(r"\(\?P<(\w+)>", once, pattern)
    body = _SLOT.sub(group, pattern.replace(" ?", "\0")).replace(" ", r"\s+").replace("\0", r"[\s-]?")
    return re.compile(rf"(?<![\w./-])(?:{body})(?![\w-])", re.IGNORECASE), used


def _hidden(quoted: str) -> str:
    return quoted[0] + HIDDEN * (len(quoted) - 2) + quoted[-1] if re.search(r"\s", quoted) else quoted


class Text:
    """A sentence of which more and more has been understood."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = _QUOTED.sub(lambda match: _hidden(match[0]), text)

    def find(self, fragment: Fragment, span: tuple[int, int] | None = None) -> Found | None:
        """The first place where the phrase stands in what is left (of the span)."""
        low, high = span or (0, len(self.rest))
        for pattern, slots in fragment.patterns:
            if match := pattern.search(self.rest, low, high):
                said = {name: self.text[slice(*match.span(name))] for name in match.groupdict() if match[name]}
                values = {
                    name.split("__")[0]: SLOTS[slots[name]][1](value) if name in slots else value
                    for name, value in said.items()
                }
                return Found(fragment, values, match.span())
        return None

    def take(self, span: tuple[int, int]) -> str:
        """Mark a span as understood and return it."""
        said = self.rest[span[0] : span[1]]
        self.rest = self.rest[: span[0]] + TAKEN * (span[1] - span[0]) + self.rest[span[1] :]
        return said

    def give_back(self, span: tuple[int, int]) -> None:
        """A span that was taken with its neighbours but says something of its own."""
        self.rest = self.rest[: span[0]] + self.text[span[0] : span[1]] + self.rest[span[1] :]
