"""Tables as the API server itself prints them, for every kind, custom ones included."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.errors import BadRequest
from tools.kubernetes.door.client import Cluster
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.quantity import parse, parse_duration

_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_PAGE = 500


@dataclass(frozen=True)
class Row:
    """One object: its name and place, and what the server prints of it."""

    name: str
    namespace: str
    cells: tuple[Any, ...]
    metadata: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass
class Table:
    """Column names as the server writes them, and the rows; `more` counts the objects that were not fetched."""

    columns: list[str]
    rows: list[Row]
    more: int = 0


def fetch_table(
    cluster: Cluster,
    resource: Resource,
    namespace: str | None,
    *,
    selector: str = "",
    fields: str = "",
    limit: int = 0,
    wide: bool = False,
) -> Table:
    """All objects of a kind (in one namespace, or with None everywhere); `limit` stops the fetching early.

    `wide` keeps the columns that the server holds for less important.
    """
    path = cluster.collection(resource, namespace)
    shown: list[int] = []
    table = Table([], [])
    token = ""
    while True:
        page = cluster.get(
            path,
            accept=_TABLE,
            labelSelector=selector,
            fieldSelector=fields,
            limit=min(limit, _PAGE) if limit else _PAGE,
            **{"continue": token},
        )
        if page.get("kind") != "Table":  # an aggregated API that cannot print
            page = _plain_table(page)
        if not shown:
            definitions = page["columnDefinitions"]
            shown = [index for index, column in enumerate(definitions) if wide or not column.get("priority")]
            table.columns = [definitions[index]["name"] for index in shown]
        for row in page.get("rows") or ():
            metadata: dict[str, Any] = (row.get("object") or {}).get("metadata") or {}
            cells = tuple(row["cells"][index] for index in shown)
            name = metadata.get("name") or str(cells[0])
            table.rows.append(Row(name, metadata.get("namespace") or "", cells, metadata))
        metadata = page.get("metadata") or {}
        token = metadata.get("continue") or ""
        if not token:
            return table
        if limit and len(table.rows) >= limit:
            table.more = metadata.get("remainingItemCount") or 1
            return table


def _plain_table(answer: dict[str, Any]) -> dict[str, Any]:
    items = answer.get("items") or ()
    return {
        "metadata": answer.get("metadata") or {},
        "columnDefinitions": [{"name": "Name"}, {"name": "Created At"}],
        "rows": [
            {"cells": [item["metadata"]["name"], item["metadata"].get("creationTimestamp")], "object": item}
            for item in items
        ],
    }


def sort_rows(table: Table, by: str) -> None:
    """Sort by a column (`-column` backwards), numbers, quantities and ages by size. Raises BadRequest."""
    backwards, wanted = by.startswith("-"), by.lstrip("-").strip().lower()
    if wanted in ("age", "created", "creation"):
        table.rows.sort(key=lambda row: row.metadata.get("creationTimestamp") or "", reverse=not backwards)
        return
    names = [name.lower() for name in table.columns]
    if wanted == "namespace":
        table.rows.sort(key=lambda row: (row.namespace, row.name), reverse=backwards)
        return
    if wanted not in names:
        raise BadRequest(f"There is no column {by!r} to sort by.", f"There are: {', '.join(names)}.")
    index = names.index(wanted)
    table.rows.sort(key=lambda row: size_of(row.cells[index]), reverse=backwards)


def size_of(cell: Any) -> tuple[int, float, str]:
    """What to order a cell by: numbers before texts; `3/5`, `12 (4m ago)`, `250m`, `5d3h` and `40%` by their value."""
    text = str(cell if cell is not None else "")
    head = text.split(" ")[0].split("/")[0].rstrip("%")
    if isinstance(cell, (int, float)):
        return 0, float(cell), ""
    for read in (parse, parse_duration):
        try:
            return 0, float(read(head)), text
        except BadRequest:
            continue
    return 1, 0.0, text.lower()


def render(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Aligned text; columns of numbers stand to the right."""
    lines = [[name.upper() for name in columns], *[[_cell(value) for value in row] for row in rows]]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    right = [
        len(lines) > 1 and all(_NUMBER.fullmatch(line[index]) for line in lines[1:]) for index in range(len(columns))
    ]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:%|[num]|[KMGTPE]i?)?|<none>|-")


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<none>"
    if isinstance(value, bool):
        return str(value).lower()
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType]
    return re.sub(r"\s+", " ", text)
