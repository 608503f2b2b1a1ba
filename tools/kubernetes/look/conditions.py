"""Which rows of a table are meant: `restarts>0`, `status=Pending`, `age>1h`, `replicas>2`, `ready`, `not ready`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tools.errors import BadRequest
from tools.kubernetes.look.tables import Row, Table, size_of
from tools.kubernetes.quantity import parse_duration

_TERM = re.compile(r"\s*([A-Za-z][\w /()-]*?)\s*(!=|>=|<=|=|>|<)\s*(\S.*?)\s*\Z")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_FINISHED = ("completed", "succeeded", "complete")


@dataclass(frozen=True)
class Condition:
    """One term; `column` is empty for `ready` and `not ready`."""

    text: str
    column: str = ""
    compare: str = "="
    value: str = ""

    def said(self, one: bool) -> str:
        """The condition as a predicate of one thing or of several: `is not ready`, `have restarts > 0`."""
        be, have = ("is", "has") if one else ("are", "have")
        if not self.column:
            return f"{be} {self.text}"
        if self.column == "status" and self.compare in ("=", "!="):
            return f"{be} {'' if self.compare == '=' else 'not '}{self.value}"
        if self.value == "<none>":
            return f"{have} {'no' if self.compare == '=' else 'any'} {self.column}"
        return f"{have} {self.column} {self.compare} {self.value}"


@dataclass(frozen=True)
class Conditions:
    """Terms that must all hold."""

    terms: tuple[Condition, ...]

    def said(self, one: bool) -> str:
        """All of them as one predicate."""
        return " and ".join(term.said(one) for term in self.terms)

    def none(self, count: int, things: str) -> str:
        """That no row fits, in words."""
        if self.said(True) == "is not ready":
            return f"All {count} {things} are ready." if count > 1 else f"The one {things} is ready."
        return f"None of the {count} {things} {self.said(True)}."

    def some(self, found: int, count: int, things: str) -> str:
        """How many rows fit, in words."""
        return f"{found} of {count} {things} {self.said(found == 1)}"


def read_condition(where: str) -> Conditions:
    """The conditions that a text states, separated by commas. Raises BadRequest."""
    return Conditions(tuple(map(_read, where.split(","))))


def _read(where: str) -> Condition:
    words = " ".join(where.lower().replace("-", " ").split())
    if words in ("ready", "not ready"):
        return Condition(words)
    found = _TERM.match(where)
    if not found:
        raise BadRequest(
            f"{where[:80]!r} is not a condition.", "Write it like restarts>0, status=Pending or not ready."
        )
    return Condition(where, found[1].lower(), found[2], found[3])


def keep(table: Table, condition: Conditions) -> None:
    """Drop the rows that do not fit. Raises BadRequest when the table has no such column."""
    for term in condition.terms:
        test = _ready_test(table, term) if not term.column else _column_test(table, term)
        table.rows = [row for row in table.rows if test(row)]


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
