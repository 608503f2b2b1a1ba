"""A long diff in short: what comes and what goes by name, what changes line by line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_NOTHING = "/dev/null"
_FEWEST = 6  # lines of a document that are worth showing


class Document(NamedTuple):
    """The diff of one object or file: its name before and after (`/dev/null` where there is none), and its lines."""

    before: str
    after: str
    lines: list[str]

    @property
    def head(self) -> str:
        """One line for all of it, as `+ deployment web in default (+40)`."""
        mark = "+" if self.before == _NOTHING else "-" if self.after == _NOTHING else "~"
        name = (self.before if mark == "-" else self.after).removesuffix(" (after)").removesuffix(" (now)")
        counts = [f"{sign}{count}" for sign in "+-" if (count := sum(line[:1] == sign for line in self.lines))]
        return f"{mark} {name}  ({' '.join(counts)})"


def outline(diff: str, limit: int) -> tuple[list[str], int]:
    """The lines to show, about `limit` at most, and how many lines of the diff are not among them."""
    lines = diff.splitlines()
    if len(lines) <= limit:
        return lines, 0
    documents = list(_documents(lines))
    if len(documents) == 1:
        return lines[:limit], len(lines) - limit
    room = limit - len(documents)
    shown: list[str] = []
    for document in documents:
        changed = _NOTHING not in (document.before, document.after)
        part = [line for line in document.lines if line[:1] in ("@", "+", "-")] if changed else []
        if len(part) > room:
            part = part[: room if room >= _FEWEST else 0]
        shown += [document.head, *part]
        room -= len(part)
    return shown, len(lines) - len(shown)


def _documents(lines: list[str]) -> Iterator[Document]:
    document: Document | None = None
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            if document:
                yield document
            document = Document(line[4:], following[4:], [])
        elif document and (document.lines or not line.startswith("+++ ")):
            document.lines.append(line)
    if document:
        yield document
