"""Read a policy file: what is wrong with it is told by line, key and what may stand there.

YAML is loaded here and only here, so that where there is no policy file nothing of it is imported.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.guard.policy.rules import PolicyFile
from tools.errors import BadRequest

_LARGEST = 256 * 1024  # bytes
_LONGEST = 500  # signs of what is told about it
_MEND = (
    "Nothing is changed until it is mended; `shipmate policy test` checks it, `shipmate policy schema` describes it."
)

_KNOWN = ("str", "int", "float", "bool", "null", "map", "seq")

Where = tuple[int | str, ...]


def read(path: Path, *, own: bool) -> PolicyFile:
    """The policy in this file; raises BadRequest that names line, key and allowed values.

    `own`: it may permit things, so nobody else may be able to write it.
    """
    return parse(_text(path, own), str(path))


def parse(text: str, name: str) -> PolicyFile:
    """The policy in this text; `name` is what errors call it."""
    root, data = _loaded(text, name)
    try:
        policy = PolicyFile.model_validate(data)
    except ValidationError as error:
        raise _wrong(name, *_told(root, error)) from error
    for key, items in (("rules", policy.rules), ("tests", policy.tests)):
        for number, item in enumerate(items):
            item.placed(_line(root, (key, number)))
    return policy


def _loaded(text: str, name: str) -> tuple[Node, Any]:
    """The text as nodes, which know their lines, and as plain data."""
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) and event.start_mark:
                raise _wrong(name, event.start_mark.line + 1, "aliases (*name) are not used here: write it out")
        root: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise _wrong(name, 1, "it is empty; it needs `rules:` (a list, which may be empty)")
        for line, problem in _doubtful(root):
            raise _wrong(name, line, problem)
        return root, _plain(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise _wrong(name, mark.line + 1 if mark else 1, getattr(error, "problem", None) or "not YAML") from error
    except (ValueError, RecursionError) as error:
        raise _wrong(name, 1, f"{error}") from error


def _text(path: Path, own: bool) -> str:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise BadRequest(f"The policy {path} is not a file.", _MEND)
        if state.st_size > _LARGEST:
            raise BadRequest(f"The policy {path} is larger than {_LARGEST // 1024} KiB.", _MEND)
        if own and state.st_mode & stat.S_IWOTH:
            raise BadRequest(f"The policy {path} can be written by everybody on this machine.", f"chmod o-w {path}")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"The policy {path} cannot be read: {error.strerror}.", _MEND) from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"The policy {path} is not UTF-8 text (byte {error.start}).", _MEND) from error


def _plain(node: Node) -> Any:
    """The node as plain data, read the safe way."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _doubtful(node: Node) -> Iterator[tuple[int, str]]:
    """What YAML lets pass and a policy must not: keys that stand twice, and tags (an unquoted `!x`)."""
    line = node.start_mark.line + 1
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind not in _KNOWN:
        yield line, f'{kind} is no text, number or yes/no here; what begins with "!" is put in quotes'
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                yield key.start_mark.line + 1, "a key is not plain text"
            elif key.value in seen:
                yield key.start_mark.line + 1, f"the key {key.value!r} stands there twice"
            else:
                seen.add(key.value)
            yield from _doubtful(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _doubtful(item)


def _told(root: Node, error: ValidationError) -> tuple[int, str]:
    """(line, what is wrong) of the first problem."""
    first = error.errors()[0]
    where: Where = tuple(part for part in first["loc"] if not (isinstance(part, str) and part.startswith("function-")))
    key = ".".join(map(str, where)) or "the file"
    line = _line(root, where)
    match first["type"]:
        case "extra_forbidden":
            allowed = ", ".join(_keys(where))
            return line, f"{key} is not known here; allowed: {allowed}"
        case "missing":
            return line, f"{key} is missing"
        case "literal_error" | "enum":
            expected = str(first.get("ctx", {}).get("expected", ""))
            return line, f"{key} is {str(first['input'])[:60]!r}; allowed: {expected}"
        case "string_type":
            return line, f"{key} is {str(first['input'])[:60]!r}, which is not text; put it in quotes"
        case "value_error":
            return line, f"{key}: {first['msg'].removeprefix('Value error, ')}"
        case "model_type" | "model_attributes_type":
            return line, f"{key} must be a mapping of: {', '.join(_keys((*where, '')))}"
        case "dict_type":
            return line, f"{key} must be a mapping"
        case "tuple_type":
            return line, f"{key} must be a list"
        case "too_short" | "string_too_short":
            return line, f"{key} is empty"
        case _:
            return line, f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _keys(where: Where) -> list[str]:
    """The keys that are allowed beside the one at this place."""
    from agent.guard.policy.rules import Criteria, Example, Rule
    from agent.guard.policy.ruling import Decision

    model = PolicyFile if len(where) < 2 else Example if where[0] == "tests" else Rule
    if len(where) > 3 and where[2] in set(Decision):
        model = Criteria
    return [field.alias or name for name, field in model.model_fields.items()]


def _line(root: Node, where: Where) -> int:
    """The line of the nearest node on the way to this place, from 1."""
    node, line = root, root.start_mark.line + 1
    for part in where:
        found: tuple[Node, Node] | None = None
        if isinstance(node, MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _wrong(name: str, line: int, problem: str) -> BadRequest:
    """What is wrong, in one line; the file may be a stranger's, so its words are kept short."""
    text = " ".join(problem.split())
    return BadRequest(f"The policy {name} is wrong in line {line}: {text[:_LONGEST]}.", _MEND)
