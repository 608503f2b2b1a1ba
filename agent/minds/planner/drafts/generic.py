"""Any kind by its schema: "<field words> <value>" lands in the field whose name the words are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.minds.planner.drafts.fragments import Text
from agent.minds.planner.drafts.head import Head
from agent.minds.planner.drafts.manifest import put
from agent.minds.planner.drafts.slots import SLOTS, pairs, unquoted

Object = dict[str, Any]
_DEEPEST, _MOST = 6, 2_000
_LINK = re.compile(
    r"\s*(?:=|:(?=\s)|\b(?:is|are|of|to|as|set to|equal to|equals|at|called|named|should be|must be|be)\b)?\s*",
    re.IGNORECASE,
)
_TRUE, _FALSE = ("true", "on", "yes", "enabled"), ("false", "off", "no", "disabled")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._-][A-Za-z0-9]+)*")
_SMALL = frozenset("a an the its with and of in to for set using having has field where whose".split())


@dataclass(frozen=True)
class Field:
    """One field that holds a value: its path in manifests and the words of its own and all names on the way."""

    path: str
    own: tuple[str, ...]
    all: tuple[str, ...]
    schema: Mapping[str, Any]

    @property
    def depth(self) -> int:
        return self.path.count(".")


def read_by_schema(said: Text, schema: Mapping[str, Any], manifest: Object, head: Head) -> str:
    """Put what the sentence says into the manifest; the question where two fields are as good, or one lacks."""
    fields = list(_fields(schema, "", (), 0))[:_MOST]
    position = 0
    while match := _WORD.search(said.rest, position):
        position = match.end()
        if match[0].lower() in _SMALL:
            continue
        found = _said(said, match.start(), fields)
        if isinstance(found, str):
            return found
        if found:
            field, value, end = found
            put(manifest, field.path, value)
            said.take((match.start(), end))
            position = end
    if not head.name:
        return f"What shall the {head.kind} be called?"
    return _lacking(schema, manifest, "", head)


def _fields(schema: Mapping[str, Any], path: str, names: tuple[str, ...], depth: int) -> Iterator[Field]:
    for name, one in schema.get("properties", {}).items():
        if not path and name in ("apiVersion", "kind", "metadata", "status"):
            continue
        own = split(name)
        way = (*names, *own) if path or name != "spec" else ()
        where = f"{path}.{name}" if path else name
        kind = _type(one)
        if kind == "object" and one.get("properties"):
            if depth < _DEEPEST:
                yield from _fields(one, where, way, depth + 1)
        elif kind == "array" and _type(one.get("items", {})) == "object" and one["items"].get("properties"):
            if depth < _DEEPEST:
                yield from _fields(one["items"], f"{where}[]", way, depth + 1)
        else:
            yield Field(where + {"array": "[]", "object": "{}"}.get(kind, ""), own, way, one)


def split(name: str) -> tuple[str, ...]:
    """The words of a name: "secretName" is "secret name"."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name))


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return "either"
    return schema.get("type") or ("object" if "properties" in schema else "string")


def _said(said: Text, start: int, fields: list[Field]) -> tuple[Field, Any, int] | str | None:
    """The field whose words stand here, with its value; the question when several are equally good."""
    tokens: list[tuple[tuple[str, ...], int]] = []
    at = start
    while len(tokens) < 5 and (match := _WORD.match(said.rest, at)):
        tokens.append((tuple(part for piece in re.split(r"[._-]", match[0]) for part in split(piece)), match.end()))
        at = match.end() + (1 if said.rest[match.end() : match.end() + 1] == " " else 0)
        if at == match.end():
            break
    for count in range(len(tokens), 0, -1):
        phrase = tuple(word for words, _ in tokens[:count] for word in words)
        ranked = sorted(
            (-_score(phrase, field), field.depth, field.path, field) for field in fields if _score(phrase, field)
        )
        best: list[tuple[int, int, Field, Any, int]] = []
        for score, depth, _, field in ranked:
            if value := _value(said, tokens[count - 1][1], field, [one.own for one in fields]):
                best.append((score, depth, field, *value))
        if best:
            if len(best) > 1 and best[0][:2] == best[1][:2]:
                return f'Which field is meant by "{" ".join(phrase)}": {best[0][2].path} or {best[1][2].path}?'
            return best[0][2], best[0][3], best[0][4]
    return None


def _score(phrase: tuple[str, ...], field: Field) -> int:
    if phrase == field.own or phrase == field.all:
        return 3
    if len(phrase) > len(field.own) and field.all[-len(phrase) :] == phrase:
        return 3
    plural = (*phrase[:-1], phrase[-1] + "s")
    if plural == field.own or (
        len(phrase) > len(field.own) and _in_order(phrase, field.all) and phrase[-1] == field.own[-1]
    ):
        return 2
    return 1 if len(field.own) > len(phrase) and field.own[-len(phrase) :] == phrase and len(phrase[-1]) > 3 else 0


def _in_order(phrase: tuple[str, ...], names: tuple[str, ...]) -> bool:
    rest = iter(names)
    return all(word in rest for word in phrase)


def _value(said: Text, at: int, field: Field, names: list[tuple[str, ...]]) -> tuple[Any, int] | None:
    """The value that follows, as the field's type wants it, and where it ends."""
    link = _LINK.match(said.rest, at)
    start = link.end() if link else at
    kind, schema = _type(field.schema), field.schema
    if kind == "boolean":
        word = re.compile(r"[a-z]+", re.IGNORECASE).match(said.rest, start)
        low = word[0].lower() if word else ""
        if word and low in (*_TRUE, *_FALSE):
            return low in _TRUE, word.end()
        return (True, at) if re.compile(r"\s*(?:$|[,.;]|\s(?:and|with)\b)").match(said.rest, at) else None
    if kind in ("integer", "number", "either"):
        number = re.compile(r"-?\d+(?:\.\d+)?(?![\w.])(?!%)").match(said.rest, start)
        if number and (kind != "integer" or "." not in number[0]):
            return (float(number[0]) if "." in number[0] else int(number[0])), number.end()
        if kind != "either":
            return None
    if kind == "object":
        found = re.compile(SLOTS["pairs"][0]).match(said.rest, start)
        return (pairs(said.text[slice(*found.span())]), found.end()) if found else None
    item = schema.get("items", {}) if kind == "array" else schema
    one = r"\"[^\"]*\"|`[^`]*`|'[^']*'|(?!(?:and|with|or|of)\b)[^\s,;\x00]*[^\s,;.\x00]"
    row = (
        rf"(?:{one})(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+)(?:{one})(?=\s*(?:,|;|\.|$|and\b)))*" if kind == "array" else one
    )
    found = re.compile(row, re.IGNORECASE).match(said.rest, start)
    if not found:
        return None
    text = said.text[slice(*found.span())]
    values = (
        [unquoted(part) for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", text)]
        if kind == "array"
        else [unquoted(text)]
    )
    if choices := item.get("enum"):
        values = [
            next((choice for choice in choices if str(choice).lower() == value.lower()), None) for value in values
        ]
        if None in values:
            return None
    if _type(item) == "integer":
        values = [int(str(value)) if str(value).isdigit() else None for value in values]
        if None in values:
            return None
    return (values if kind == "array" else values[0]), found.end()


def _lacking(schema: Mapping[str, Any], manifest: Object, path: str, head: Head) -> str:
    """The question about the first required field that nobody spoke of, on the ways that were begun."""
    for name in schema.get("required", ()):
        one = schema.get("properties", {}).get(name, {})
        if name not in manifest and name not in ("apiVersion", "kind", "metadata", "status") and "default" not in one:
            where = f"{path}.{name}" if path else name
            words = " ".join(split(name))
            return f"Which {words} shall {head.kind} {head.name} have ({where})?"
    for name, value in manifest.items():
        one = schema.get("properties", {}).get(name, {})
        inner = [(one, value)] if isinstance(value, dict) else []
        if isinstance(value, list):
            inner = [(one.get("items", {}), item) for item in value if isinstance(item, dict)]
        for sub, item in inner:
            if question := _lacking(sub, item, f"{path}.{name}" if path else name, head):
                return question
    return ""
