"""Which rows of a list are meant: `restarts>0`, `not ready`, `no memory limit`, `label tier=web`, `.spec.size>3`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tools.errors import BadRequest
from tools.kubernetes.look.tables import Row, Table, size_of
from tools.kubernetes.look.traits import TRAITS, Found, Trait, trait
from tools.kubernetes.quantity import parse_duration

if TYPE_CHECKING:
    from tools.kubernetes.look.world import World

_TERM = re.compile(r"\s*(\.?[A-Za-z][\w ./()-]*?)\s*(!=|>=|<=|!~|=|>|<|~)\s*(\S.*?)\s*\Z")
_BARE = re.compile(r"\s*(?:(no|not|without)\s+)?(\.?[A-Za-z][\w ./-]*?)\s*\Z")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "~": lambda one, other: other in one,
    "!~": lambda one, other: other not in one,
}
_FINISHED = ("completed", "succeeded", "complete")
_STATES = ("ready", "not ready")

Test = Callable[[Row], str | None]
"""Why a row fits, in words (often none are needed); None when it does not fit."""

Objects = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Condition:
    """One term. Without `compare` it asks whether `column` is there, or (`negated`) missing; empty: ready or not."""

    text: str
    column: str = ""
    compare: str = ""
    value: str = ""
    negated: bool = False

    def said(self, one: bool) -> str:
        """The condition as a predicate of one thing or of several: `is not ready`, `have restarts > 0`."""
        be, have = ("is", "has") if one else ("are", "have")
        if not self.column:
            return f"{be} {self.text}"
        if not self.compare:
            verb = _BEING.get(self.column)
            if verb:
                return f"{be} {'not ' if self.negated else ''}{verb}"
            return f"{have} {'no ' if self.negated else ''}{self.column}"
        if self.column == "status" and self.compare in ("=", "!="):
            return f"{be} {'' if self.compare == '=' else 'not '}{self.value}"
        if self.value == "<none>":
            return f"{have} {'no' if self.compare == '=' else 'any'} {self.column}"
        sign = {"~": "with", "!~": "without"}.get(self.compare, self.compare)
        return f"{have} {self.column} {sign} {self.value}"


_BEING = {
    "unused": "used by nothing", "cordoned": "cordoned", "suspended": "suspended", "paused": "paused",
    "bound": "bound", "privileged": "privileged", "at maximum": "at the maximum", "root": "allowed to run as root",
    "latest": "on a floating image", "failed": "failed", "succeeded": "succeeded", "pressure": "under pressure",
}  # fmt: skip


@dataclass(frozen=True)
class Conditions:
    """Groups that must all hold; of each group, one term is enough."""

    groups: tuple[tuple[Condition, ...], ...]

    @property
    def terms(self) -> list[Condition]:
        return [term for group in self.groups for term in group]

    @property
    def of_objects(self) -> bool:
        """Whether the table's cells are not enough to judge by."""
        return any(term.column and trait(term.column) for term in self.terms)

    def said(self, one: bool) -> str:
        """All of them as one predicate."""
        return " and ".join(" or ".join(term.said(one) for term in group) for group in self.groups)

    def none(self, count: int, things: str) -> str:
        """That no row fits, in words."""
        if self.said(True) == "is not ready":
            return f"All {count} {things} are ready." if count > 1 else f"The one {things} is ready."
        only = self.terms[0] if len(self.terms) == 1 else None
        if only and only.negated and not only.compare and count > 1:
            return f"All {count} {things} {replace(only, negated=False).said(False)}."
        return f"None of the {count} {things} {self.said(True)}."

    def some(self, found: int, count: int, things: str) -> str:
        """How many rows fit, in words."""
        return f"{found} of {count} {things} {self.said(found == 1)}"


def read_condition(where: str | list[str]) -> Conditions:
    """The conditions that a text (commas between them) or a list states. Raises BadRequest."""
    texts = where.split(",") if isinstance(where, str) else where
    return Conditions(tuple(tuple(map(_read, re.split(r"\s+or\s+", text))) for text in texts))


def _read(where: str) -> Condition:
    words = " ".join(where.lower().replace("-", " ").split())
    if words in _STATES:
        return Condition(words)
    if found := _TERM.match(where):
        return Condition(where, _name(found[1]), found[2], found[3])
    bare = _BARE.match(where)
    if bare and trait(_name(bare[2])):
        return Condition(where, _name(bare[2]), negated=bool(bare[1]))
    if bare and bare[1] == "no":
        return Condition(where, bare[2].lower(), "=", "<none>")
    raise BadRequest(
        f"{where[:80]!r} is not a condition.",
        "Write it like restarts>0, status=Pending, not ready, no memory limit, label tier=web or .spec.replicas>2. "
        f"Known besides columns and paths: {', '.join(TRAITS)}.",
    )


def _name(written: str) -> str:
    """Names of traits and columns are lower case; keys of labels and paths are as they are."""
    first, space, rest = written.partition(" ")
    if written.startswith("."):
        return written
    return f"{first.lower()} {rest}" if space and first.lower() in ("label", "annotation", "env") else written.lower()


def keep(
    table: Table, condition: Conditions, objects: Objects | None = None, world: World | None = None
) -> dict[tuple[str, str], str]:
    """Drop the rows that do not fit; returns why each of the others does. Raises BadRequest for an unknown column."""
    why: dict[tuple[str, str], list[str]] = {(row.namespace, row.name): [] for row in table.rows}
    for group in condition.groups:
        tests = [_test(table, term, objects or {}, world) for term in group]
        fitting: list[Row] = []
        for row in table.rows:
            told = [reason for test in tests if (reason := test(row)) is not None]
            if told:
                fitting.append(row)
                why[row.namespace, row.name] += [reason for reason in told if reason]
        table.rows = fitting
    return {(row.namespace, row.name): "; ".join(why[row.namespace, row.name]) for row in table.rows}


def _test(table: Table, term: Condition, objects: Objects, world: World | None) -> Test:
    own = trait(term.column) if term.column else None
    if own and world is not None:
        return _trait_test(own, term, objects, world)
    holds = _ready_test(table, term) if not term.column else _column_test(table, term)
    return lambda row: "" if holds(row) else None


def _trait_test(own: Trait, term: Condition, objects: Objects, world: World) -> Test:
    def test(row: Row) -> str | None:
        obj = objects.get((row.namespace, row.name))
        return None if obj is None else judge(own, own.read(obj, world), term)

    return test


def judge(own: Trait, found: list[Found], term: Condition) -> str | None:
    """Why the findings fulfil the term; None when they do not."""
    if term.compare:
        holding = [one for one in found if _compares(one.value, term)]
        return "; ".join(f"{one.part or term.column}: {told(one.value)}" for one in holding) if holding else None
    missing = [one for one in found if one.missing]
    without = bool(missing) if own.each else len(missing) == len(found)
    if without is not term.negated:
        return None
    if term.negated:
        parts = [one.part for one in missing if one.part]
        return f"{', '.join(parts)}: no {term.column}" if own.each and parts else ""
    there = [one for one in found if not one.missing]
    return "; ".join(f"{one.part}: {told(one.value)}" for one in there if one.part) if not own.each else ""


def _compares(value: Any, term: Condition) -> bool:
    compare = _COMPARE[term.compare]
    if term.value == "<none>":
        return compare(value in (None, "", [], {}, False), True)
    if term.compare in ("=", "!=", "~", "!~"):
        same = size_of(value)[:2] == size_of(term.value)[:2] and size_of(value)[0] == 0
        if term.compare in ("=", "!=") and same:
            return term.compare == "="
        return compare(told(value).lower(), term.value.lower())
    if value is None:
        return False  # what is missing is neither more nor less than an amount
    left, right = size_of(value), size_of(term.value)
    return left[0] == right[0] == 0 and compare(left[:2], right[:2])


def told(value: Any) -> str:
    """A value as a list shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{key}={inner}" for key, inner in value.items())  # pyright: ignore[reportUnknownVariableType]
    return ",".join(map(told, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _ready_test(table: Table, condition: Condition) -> Callable[[Row], bool]:
    names = [name.lower() for name in table.columns]
    wanted = condition.text == "ready"

    def state(row: Row) -> bool:
        cells = dict(zip(names, (str(cell) for cell in row.cells), strict=True))
        if cells.get("status", "").lower() in _FINISHED:
            return True
        if "ready" in cells:
            there, slash, all_of_them = cells["ready"].partition("/")
            return there == all_of_them if slash else there.lower() in (cells.get("desired", "true"), "true")
        return cells.get("status", "").split(",")[0].lower() in ("ready", "active", "bound", "running")

    if not {"ready", "status"} & set(names):
        raise BadRequest("Objects of this kind are not ready or unready.", f"Their columns: {', '.join(names)}.")
    return lambda row: state(row) is wanted


def _column_test(table: Table, condition: Condition) -> Callable[[Row], bool]:
    compare, names = _COMPARE[condition.compare], [_plain(name) for name in table.columns]
    column = _plain(condition.column)
    if column == "age":
        limit = parse_duration(condition.value)
        return lambda row: compare(_age(row), limit)
    if column == "replicas" and column not in names:
        column = "desired" if "desired" in names else "ready"
        wanted = size_of(condition.value)
        index = _index(names, column, condition)
        return lambda row: compare(size_of(str(row.cells[index]).rpartition("/")[2])[:2], wanted[:2])
    index = _index(names, column, condition)
    if condition.compare in ("=", "!="):
        return lambda row: compare(str(row.cells[index]).lower(), condition.value.lower())
    wanted = size_of(condition.value)
    return lambda row: compare(size_of(row.cells[index])[:2], wanted[:2])


def _index(names: list[str], column: str, condition: Condition) -> int:
    if column not in names:
        raise BadRequest(f"There is no column {condition.column!r} to choose by.", f"There are: {', '.join(names)}.")
    return names.index(column)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _age(row: Row) -> float:
    created = row.metadata.get("creationTimestamp")
    return (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds() if created else 0.0
