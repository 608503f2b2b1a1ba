"""Chart values as nested dictionaries: reading, setting and merging them by dotted paths. Pure."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from typing import Any, cast

from tools.errors import BadRequest

Values = dict[str, Any]


def look(values: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value at a dotted path; an empty path is the whole."""
    found: Any = values
    for part in path.split(".") if path else ():
        if not isinstance(found, Mapping) or part not in found:
            return default
        found = cast(Mapping[str, Any], found)[part]
    return found


def nested(flat: Mapping[str, Any]) -> Values:
    """Values whose keys may be dotted paths (`backend.replicaCount`), as nested ones."""
    result: Values = {}
    for key, value in flat.items():
        *folders, last = key.split(".")
        if not all((*folders, last)):
            raise BadRequest(f"{key!r} is not a setting of a chart.", "Write it like backend.replicaCount=3.")
        place = result
        for folder in folders:
            inner = place.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise BadRequest(f"{key} contradicts another of the settings.")
            place = cast(Values, inner)
        inside = nested(cast(Mapping[str, Any], value)) if isinstance(value, Mapping) else value
        present = place.get(last)
        both = isinstance(present, dict) and isinstance(inside, dict)
        place[last] = merged(cast(Values, present), cast(Values, inside)) if both else inside
    return result


def merged(base: Mapping[str, Any], change: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Values:
    """`base` with `change` laid over it; None takes a setting out, also where it is one of the chart's `defaults`."""
    result: Values = copy.deepcopy(dict(base))
    known = defaults or {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
            if key in known:
                result[key] = None  # to Helm, null means: without the default
        elif isinstance(value, Mapping):
            inner, default = result.get(key), known.get(key)
            result[key] = merged(
                cast(Values, inner) if isinstance(inner, dict) else {},
                cast(Mapping[str, Any], value),
                cast(Mapping[str, Any], default) if isinstance(default, Mapping) else None,
            )
        else:
            result[key] = copy.deepcopy(value)
    return result


def check_known(values: Mapping[str, Any], defaults: Mapping[str, Any], path: str = "") -> None:
    """Raise BadRequest for a setting that looks like a misspelt one of the chart's own."""
    for key, value in values.items():
        if key in defaults:
            inner = defaults[key]
            if isinstance(value, Mapping) and isinstance(inner, Mapping) and inner:
                check_known(cast(Mapping[str, Any], value), cast(Mapping[str, Any], inner), f"{path}{key}.")
        elif near := difflib.get_close_matches(key, list(defaults), n=1, cutoff=0.8):
            raise BadRequest(f"The chart has no setting {path}{key}.", f"Did you mean {path}{near[0]}?")


def paths(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every leaf by its dotted path."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= paths(cast(Mapping[str, Any], value), f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
