"""A list in the form that was asked for: a line for each, only the names, JSON or YAML, or counts in groups."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Literal

from tools.errors import BadRequest
from tools.kubernetes.look.conditions import Objects, told
from tools.kubernetes.look.tables import Row, Table, render
from tools.kubernetes.look.traits import trait
from tools.kubernetes.look.world import World

Form = Literal["table", "lines", "names", "json", "yaml"]
Item = dict[str, Any]
_LINE = "{name}: {why}"
_FIELD = re.compile(r"[{<](kind|name|namespace|why|reason)[}>]", re.IGNORECASE)


def shaped(items: list[Item], form: Form, line: str | None, everywhere: bool) -> str:
    """The items (kind, name, namespace, why, columns) in any form but a table."""
    if form == "names":
        return "\n".join(_name(item, everywhere) for item in items)
    if form == "lines":
        return "\n".join(_filled(line or _LINE, item, everywhere) for item in items)
    short = [
        {key: item[key] for key in ("kind", "namespace", "name", "why", "columns") if item.get(key)} for item in items
    ]
    if form == "json":
        return json.dumps(short, indent=2, default=str)
    import yaml

    return yaml.safe_dump(short, sort_keys=False, allow_unicode=True, width=120).rstrip()


def _name(item: Item, everywhere: bool) -> str:
    return f"{item['namespace']}/{item['name']}" if everywhere and item.get("namespace") else item["name"]


def _filled(line: str, item: Item, everywhere: bool) -> str:
    own = "namespace" in line.lower()

    def value(match: re.Match[str]) -> str:
        field = match[1].lower()
        if field == "name":
            return item["name"] if own else _name(item, everywhere)
        return str(item.get("why" if field == "reason" else field) or "")

    return _FIELD.sub(value, line).rstrip(" :-\t")


def grouped(table: Table, per: str, objects: Objects, world: World) -> dict[str, int]:
    """How many rows there are for each value of a column, a trait, or namespace; the most first."""
    columns = [name.lower() for name in table.columns]
    own = trait(per)
    counts: Counter[str] = Counter()
    for row in table.rows:
        if per.lower() == "namespace":
            counts[row.namespace] += 1
        elif per.lower() in columns:
            counts[str(row.cells[columns.index(per.lower())]) or "<none>"] += 1
        elif own is not None:
            counts.update(_values(row, per, objects, world))
        else:
            raise BadRequest(f"There is no {per!r} to count by.", f"There are: namespace, {', '.join(columns)}.")
    return dict(counts.most_common())


def _values(row: Row, per: str, objects: Objects, world: World) -> set[str]:
    own, obj = trait(per), objects.get((row.namespace, row.name))
    found = own.read(obj, world) if own and obj is not None else []
    return {told(one.value) or "<none>" for one in found} or {"<none>"}


def counted(counts: dict[str, int], per: str) -> str:
    return render((per, "count"), list(counts.items()))
