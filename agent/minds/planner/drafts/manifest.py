"""Put values at paths of a manifest. Pure.

A path is fields joined by dots. `ports[]` appends, `containers[name=web]` is the element with that name (made when it
is not there), `labels{}` merges a mapping. `{slot}` in a path or value stands for what the sentence said.
"""

from __future__ import annotations

import re
from typing import Any

_STEP = re.compile(r"([^.\[\]{}]+)(\[\]|\[(\w+)=([^\]]*)\]|\{\})?(?:\.|$)")
_WHOLE = re.compile(r"\{(\w+)\}$")


def filled(template: Any, values: dict[str, Any]) -> Any:
    """The template with its slots filled; what needs a slot that was not said is left out."""
    if isinstance(template, dict):
        made = {filled(key, values): filled(value, values) for key, value in template.items()}
        return {key: value for key, value in made.items() if value is not None and key is not None}
    if isinstance(template, list):
        return [item for item in (filled(one, values) for one in template) if item is not None]
    if not isinstance(template, str) or "{" not in template:
        return template
    if whole := _WHOLE.match(template):
        return values.get(whole[1])
    if any(slot not in values for slot in re.findall(r"\{(\w+)\}", template)):
        return None
    return re.sub(r"\{(\w+)\}", lambda match: str(values[match[1]]), template)


def put(target: dict[str, Any], path: str, value: Any) -> None:
    """Set one value; raises KeyError where the same field was said to be something else."""
    steps = list(_STEP.finditer(path))
    for step in steps[:-1]:
        target = _into(target, step)
    last = steps[-1]
    name, mark = last[1], last[2]
    if mark == "[]":
        there = target.setdefault(name, [])
        there += [item for item in (value if isinstance(value, list) else [value]) if item not in there]
    elif mark == "{}":
        target.setdefault(name, {}).update(value)
    elif mark:
        _into(target, last).update(value)
    elif target.get(name, value) != value:
        raise KeyError(name)
    else:
        target[name] = value


def _into(target: dict[str, Any], step: re.Match[str]) -> dict[str, Any]:
    name, mark, key, wanted = step[1], step[2], step[3], step[4]
    if not mark:
        return target.setdefault(name, {})
    elements = target.setdefault(name, [])
    if mark == "[]":
        if not elements:
            elements.append({})
        return elements[-1]
    found = next((one for one in elements if str(one.get(key)) == wanted), None)
    if found is None:
        found = {key: wanted}
        elements.append(found)
    return found
