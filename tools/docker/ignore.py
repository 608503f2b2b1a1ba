"""Which paths a `.dockerignore` leaves out, by the engine's own rules.

They differ from git's: a pattern is anchored at the root of the context (`node_modules` is not `web/node_modules`),
`**` crosses folders, what matches a folder takes everything below with it, and of several matches the last wins.
The state of the parent folder is handed down, so that a tree of many files is decided in one pass.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tools.errors import BadRequest

_CLASS = re.compile(r"\[\^?(?:(?:\\.|[^\\\]-])(?:-(?:\\.|[^\\\]-]))?)+\]", re.DOTALL)


class _Rule(NamedTuple):
    """`name` is the expression for the last part of a path, where only that part decides (`**/NAME`)."""

    matches: Callable[[str], object]
    keeps: bool
    parts: tuple[str, ...]
    name: str | None


class Ignore:
    """The rules of one ignore file; `lines` as they stand in it. Raises BadRequest for a pattern that is invalid."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = tuple(_rule(line) for line in lines if _is_pattern(line))
        dropping = [rule for rule in self._rules if not rule.keeps]
        names = [rule.name for rule in dropping if rule.name is not None]
        self._is_named = re.compile("|".join(names) if names else r"(?!)", re.DOTALL).fullmatch
        self._unnamed = tuple(rule for rule in dropping if rule.name is None)

    def step(self, path: str, parent: int = 0) -> tuple[bool, int]:
        """Whether `path` is left out, and the state to hand to what lies below it.

        `parent` is the state of its folder (0 for the root); each bit is a rule that matched there already.
        """
        if not parent and not self._could_match(path):
            return False, 0
        ignored, state = False, 0
        for index, rule in enumerate(self._rules):
            bit = 1 << index
            # A rule can only turn what the rules before it left the other way round.
            if parent & bit or (rule.keeps == ignored and rule.matches(path)):
                state |= bit
                ignored = not rule.keeps
        return ignored, state

    def _could_match(self, path: str) -> bool:
        """Decides most files of a tree by one look at their names: whether any rule that leaves out applies."""
        if self._is_named(path.rpartition("/")[2]):
            return True
        return any(rule.matches(path) for rule in self._unnamed)

    def ignores(self, path: str) -> bool:
        """Whether this path, relative to the context with forward slashes, is left out."""
        state, ignored = 0, False
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            ignored, state = self.step("/".join(parts[:depth]), state)
        return ignored

    def may_keep_below(self, folder: str) -> bool:
        """Whether a `!` rule could bring back something in a folder that is left out."""
        return self._reaches_below(folder, keeps=True)

    def may_match_below(self, folder: str) -> bool:
        """Whether something in this folder could match a rule other than a `!` rule."""
        return self._reaches_below(folder, keeps=False)

    def _reaches_below(self, folder: str, keeps: bool) -> bool:
        parts = folder.split("/")
        return any(rule.keeps == keeps and _reaches(rule.parts, parts) for rule in self._rules)


def _is_pattern(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _rule(line: str) -> _Rule:
    pattern = line.strip()
    keeps = pattern.startswith("!")
    pattern = pattern[1:].strip() if keeps else pattern
    if not pattern:
        raise BadRequest("A .dockerignore line holds nothing but `!`.")
    cleaned = posixpath.normpath(re.sub("/+", "/", pattern))
    cleaned = cleaned[1:] if len(cleaned) > 1 and cleaned.startswith("/") else cleaned
    parts = tuple(cleaned.split("/"))
    named = len(parts) == 2 and parts[0] == "**" and "**" not in parts[1]
    return _Rule(_matcher(cleaned), keeps, parts, _expression(parts[1]) if named else None)


def _matcher(pattern: str) -> Callable[[str], object]:
    plain = pattern.removeprefix("**/")
    if not re.search(r"[*?\[\]\\]", plain):
        if plain == pattern:
            return pattern.__eq__
        ending = "/" + plain
        return lambda path: path.endswith(ending) or path == plain
    return re.compile(_expression(pattern), re.DOTALL).fullmatch


def _expression(pattern: str) -> str:
    """The regular expression of a pattern with wildcards."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if pattern.startswith("**", at):
            at += 3 if pattern.startswith("**/", at) else 2
            out.append("(?:.*/)?" if at < len(pattern) else ".*")
        elif char == "[":
            found = _CLASS.match(pattern, at)
            if not found:
                raise BadRequest(f"The .dockerignore pattern {pattern!r} has a bracket that does not end.")
            out.append(found[0])
            at = found.end()
        elif char == "\\":
            if at + 1 == len(pattern):
                raise BadRequest(f"The .dockerignore pattern {pattern!r} ends in a backslash.")
            out.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
            at += 1
    return "".join(out)


def _reaches(rule: tuple[str, ...], folder: list[str]) -> bool:
    for mine, theirs in zip(rule, folder, strict=False):
        if "**" in mine:
            return True
        if not re.search(r"[*?\[\\]", mine) and mine != theirs:
            return False
    return len(rule) > len(folder)
