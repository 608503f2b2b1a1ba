"""The table's files: YAML, each with an entrance, and rows grouped by what must come of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.safety.truth.entrances import Row

HERE = Path(__file__).parent


def rows() -> list[Row]:
    """All rows of all files."""
    found: list[Row] = []
    for file in sorted(HERE.glob("*.yaml")):
        if file.name != "world.yaml":
            found += _rows(yaml.safe_load(file.read_text(encoding="utf-8")))
    return found


def _rows(document: dict[str, Any]) -> list[Row]:
    """`groups` is a list of {effect, says?, rows}; a row is its input, or a mapping with more about it."""
    found: list[Row] = []
    for group in document["groups"]:
        shared = {key: value for key, value in group.items() if key not in ("rows", "about")}
        for row in group["rows"]:
            own = row if isinstance(row, dict) and "input" in row else {"input": row}
            found.append(_row(document["entrance"], {**shared, **own}))
    return found


def _row(entrance: str, fields: dict[str, Any]) -> Row:
    for name in ("kinds", "targets", "after"):
        value = fields.get(name, ())
        fields[name] = (value,) if isinstance(value, str) else tuple(value)
    return Row(entrance=entrance, **{key: value for key, value in fields.items() if key != "about"})
