"""A difference as people read it: unified, as YAML, headed by where it is; secret values only as changed or not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from tools.kubernetes.handlers.diff import MISSING, Json

_LONGEST = 60  # lines shown of an object that goes away as a whole
_KEYS = ("name", "mountPath", "devicePath", "containerPort", "ip", "topologyKey")  # by which the server merges lists

Redact = Callable[[dict[str, Any]], dict[str, Any]]
Quiet = Callable[[str, Json], bool]


def unified(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, title: str, redact: Redact) -> str:
    """Unified diff of two cleaned objects (None: it does not exist); empty when they are equal."""
    if before == after:
        return ""
    old, new = masked(dict(before or {}), dict(after or {}), redact)
    one, other = _lines(old), _lines(new)
    names = (f"{title} (now)" if before is not None else "/dev/null",
             f"{title} (after)" if after is not None else "/dev/null")  # fmt: skip
    out: list[str] = []
    for line in difflib.unified_diff(one, other, *names, n=2, lineterm=""):
        out.append(_headed(line, one, other) if line.startswith("@@") else line)
    if after is None and len(out) > _LONGEST:
        out = [*out[:_LONGEST], f" … {len(out) - _LONGEST} more lines"]
    return "\n".join(out)


def asked_only(before: Json, after: Json, asked: Json, quiet: Quiet) -> Json:
    """`after` without what the server filled in beside what was asked for.

    A field stays if it was there before, if the request names it, or if it is not `quiet`, that is no default.
    """
    if isinstance(after, Mapping):
        kept: dict[str, Json] = {}
        for key, value in after.items():
            old = before.get(key, MISSING) if isinstance(before, Mapping) else MISSING
            want = asked.get(key, MISSING) if isinstance(asked, Mapping) else MISSING
            if old is MISSING and want is MISSING and quiet(key, value):
                continue
            kept[key] = asked_only(old, value, want, quiet)
        return kept
    if isinstance(after, list):
        pairs = [(_same_item(item, index, before), _same_item(item, index, asked)) for index, item in enumerate(after)]
        return [
            # What nobody asked for came from admission: it is shown whole, unless every pod gets it.
            asked_only(old, item, item if want is MISSING else want, quiet)
            for (old, want), item in zip(pairs, after, strict=True)
            if not (old is MISSING and want is MISSING and quiet("", [item]))
        ]
    return after


def _same_item(item: Json, index: int, others: Json) -> Json:
    """The item of another list that is the same one: by what tells its kind apart, else by position."""
    if not isinstance(others, list):
        return MISSING
    for key in _KEYS if isinstance(item, Mapping) else ():
        if key in item:
            return next((o for o in others if isinstance(o, Mapping) and o.get(key) == item[key]), MISSING)
    return others[index] if index < len(others) else MISSING


def masked(before: dict[str, Any], after: dict[str, Any], redact: Redact) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both states with their secret values replaced by marks that are equal exactly when the values are."""
    return _mask(before, after, redact(before), redact(after))


def _mask(before: Json, after: Json, safe_before: Json, safe_after: Json) -> tuple[Json, Json]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _mask_maps(before, after, safe_before, safe_after)
    if isinstance(before, list) and isinstance(after, list) and _apart(before) and _apart(after):
        return _mask_named(before, after, safe_before, safe_after)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [
            _mask(one, other, _at(safe_before, i, one), _at(safe_after, i, other))
            for i, (one, other) in enumerate(zip(before, after, strict=True))
        ]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if safe_before == safe_after and before != after and MISSING not in (before, after):
        return f"{safe_before} (before)", f"{safe_after} (changed)"
    return safe_before, safe_after


def _mask_maps(before: Json, after: Json, safe_before: Json, safe_after: Json) -> tuple[Json, Json]:
    one: dict[str, Json] = {}
    other: dict[str, Json] = {}
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key, MISSING), after.get(key, MISSING)
        old_mark, new_mark = _mask(old, new, _at(safe_before, key, old), _at(safe_after, key, new))
        if old is not MISSING:
            one[key] = old_mark
        if new is not MISSING:
            other[key] = new_mark
    return one, other


def _apart(items: list[Json]) -> bool:
    """Whether each item has a name of its own."""
    names = [item.get("name") for item in items if isinstance(item, Mapping)]
    return bool(names) and None not in names and len(set(map(str, names))) == len(items)


def _mask_named(before: list[Json], after: list[Json], safe_before: Json, safe_after: Json) -> tuple[Json, Json]:
    """Items are compared with the one of the same name, also when others come and go around it."""
    places = {item["name"]: index for index, item in enumerate(before)}
    one = [_at(safe_before, index, item) for index, item in enumerate(before)]
    other: list[Json] = []
    for index, item in enumerate(after):
        mine = _at(safe_after, index, item)
        if (was := places.get(item["name"])) is not None:
            one[was], mine = _mask(before[was], item, one[was], mine)
        other.append(mine)
    return one, other


def _at(safe: Json, key: Any, raw: Json) -> Json:
    """The redacted counterpart of a value; where redaction dropped it altogether, a plain mark."""
    if raw is MISSING:
        return MISSING
    if isinstance(safe, Mapping):
        return safe.get(key, "(hidden)")
    if isinstance(safe, list):
        return safe[key] if key < len(safe) else "(hidden)"
    return safe


# --- YAML ---------------------------------------------------------------------------------------------------------


def _lines(obj: Mapping[str, Any]) -> list[str]:
    import yaml

    if not obj:
        return []
    text = yaml.dump(_ordered(obj), Dumper=_dumper(), sort_keys=False, width=4096, allow_unicode=True)
    return text.splitlines()


def _ordered(value: Json) -> Json:
    """Keys in one order, names first, so that equal objects give equal lines."""
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value, key=lambda key: (key != "name", str(key)))}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def _dumper() -> type[Any]:
    """Text of several lines as a block, so that a change inside it is a changed line; nothing by reference."""
    import yaml

    def block(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    fast: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    dumper: Any = type("Dumper", (fast,), {"ignore_aliases": lambda *_: True})
    dumper.add_representer(str, block)
    return dumper


def _headed(header: str, old: list[str], new: list[str]) -> str:
    """The hunk's header with the path under which its first difference lies."""
    match = re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", header)
    if not match:
        return header
    start, other = max(int(match[1]) - 1, 0), max(int(match[3]) - 1, 0)
    while start < len(old) and other < len(new) and old[start] == new[other]:
        start, other = start + 1, other + 1
    lines, number = (new, other) if other < len(new) else (old, start)
    place = _place(lines, number)
    return f"{header} {place}" if place else header


def _place(lines: list[str], number: int) -> str:
    """Where in the YAML a line is: spec.template.spec.containers[backend]."""
    if number >= len(lines):
        return ""
    parts: list[str] = []
    indent = len(lines[number]) - len(lines[number].lstrip(" "))
    item = lines[number].lstrip().startswith("- ")
    for line in reversed(lines[:number]):
        text = line.lstrip(" ")
        depth = len(line) - len(text)
        dashed = text.startswith("- ")
        if dashed and depth + 2 == indent and not item:
            name = re.match(r"- name: (\S+)", text)
            parts.append(f"[{name[1]}]" if name else "[]")
            indent, item = depth, True
        elif not dashed and text.endswith(":") and (depth < indent or (item and depth == indent)):
            parts.append(text[:-1])
            indent, item = depth, False
    return ".".join(reversed(parts)).replace(".[", "[")
