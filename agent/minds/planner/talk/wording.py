"""A call in words, from the templates in `prompts/planner/readings.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

from tools.data import data_folder

_FIELD = re.compile(r"\{(\w+)(?:\|([^}]*))?(:\+|!r)?\}")


@cache
def _templates() -> dict[str, str]:
    return tomllib.loads((data_folder("prompts") / "planner" / "readings.toml").read_text(encoding="utf-8"))


def worded(tool: str, arguments: dict[str, Any]) -> str:
    """What the call does, in words; arguments without a value are not spoken of."""
    given = {
        key: value
        for key, value in arguments.items()
        if value is not None and value != "" and value != [] and value != {} and value is not False
    }

    def piece(match: re.Match[str]) -> str:
        inside = match[1]
        return _filled(inside, given) if all(found[1] in given for found in _FIELD.finditer(inside)) else ""

    template = _templates().get(tool, tool.replace("_", " "))
    text = _filled(re.sub(r"\[([^\]]*)\]", piece, template), given)
    if given.get("all_namespaces"):
        return f"{text} in all namespaces"
    return text + (f" in namespace {given['namespace']}" if "namespace" in given else "")


def _filled(text: str, given: dict[str, Any]) -> str:
    return " ".join(_FIELD.sub(lambda field: _said(field, given), text).split(" ")).rstrip(" ,")


def _said(field: re.Match[str], given: dict[str, Any]) -> str:
    value = given.get(field[1], field[2] or "")
    if value is True:
        return ""
    if isinstance(value, dict):  # values of variables and labels may be secret or long: names are enough
        return ", ".join(str(key) for key in value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return (
        f"{value:+d}"
        if field[3] == ":+" and isinstance(value, int)
        else repr(value)
        if field[3] == "!r"
        else str(value)
    )
