"""A slow pattern only where something quick says that it may match: in long texts, a few lines around each mark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

_SHORT = 2_000  # characters that are searched as a whole
_LINES = 6  # lines before and after a mark in which a match may begin and end

Marks = Sequence[str] | re.Pattern[str]


def any_of(words: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    """One pattern for many fixed texts, told apart by their first letter so that few are tried at each place."""
    heads: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        heads.setdefault(word[0], []).append(re.escape(word[1:]))
    return re.compile("|".join(f"{re.escape(head)}(?:{'|'.join(rests)})" for head, rests in heads.items()), flags)


def near(text: str, marks: Marks, pattern: re.Pattern[str], use: Callable[[re.Match[str]], str]) -> str:
    """`pattern.sub` on the parts of the text that lie near a mark; each match of the pattern has a mark in it."""
    if len(text) < _SHORT:
        there = marks.search(text) if isinstance(marks, re.Pattern) else any(mark in text for mark in marks)
        return pattern.sub(use, text) if there else text
    parts: list[str] = []
    done = 0
    for start, end in _windows(text, marks):
        parts += [text[done:start], pattern.sub(use, text[start:end])]
        done = end
    return "".join(parts) + text[done:]


def _windows(text: str, marks: Marks) -> Iterator[tuple[int, int]]:
    """The lines around marks, in order; what touches is one."""
    begin = end = line = -1
    for at in _marked(text, marks):
        if at < line:
            continue
        line = text.find("\n", at)
        line = len(text) if line < 0 else line
        if begin < 0 or _back(text, at) > end:
            if begin >= 0:
                yield begin, end
            begin = _back(text, at)
        end = _forth(text, at)
    if begin >= 0:
        yield begin, end


def _marked(text: str, marks: Marks) -> Iterator[int]:
    if isinstance(marks, re.Pattern):
        yield from (found.start() for found in marks.finditer(text))
        return
    there = [mark for mark in marks if mark in text]
    if len(there) == 1:
        at = text.find(there[0])
        while at >= 0:
            yield at
            at = text.find(there[0], at + len(there[0]))
    elif there:
        yield from (found.start() for found in any_of(there).finditer(text))


def _back(text: str, at: int) -> int:
    for _ in range(_LINES + 1):
        at = text.rfind("\n", 0, max(at, 0))
        if at < 0:
            return 0
    return at


def _forth(text: str, at: int) -> int:
    for _ in range(_LINES + 1):
        at = text.find("\n", at + 1)
        if at < 0:
            return len(text)
    return at
