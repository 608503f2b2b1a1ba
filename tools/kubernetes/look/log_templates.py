"""The lines that matter out of a long log: errors grouped by their wording, counted, first and last seen. Pure.

A stream of any length goes through in constant memory: a few hundred kinds of lines are kept, each with one sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

_MOST_KINDS = 500  # templates that are told apart; what comes later is only counted
_LONGEST = 2_000  # characters of a line that are looked at
_FOLLOWING = 12  # lines of a stack trace that are kept with a sample

# A level by its name where levels stand, or a word that only trouble has. Most lines of a log have none of these.
_QUICK = re.compile(
    rb"rror|RROR|xception|atal|ATAL|anic|ANIC|raceback|riti|RITI|ailed|AILED|ailure|SEVERE|evere|EMERG|mergency|emerg|"
    rb"refused|timed out|imeout|enied|ALERT|\b[EF]\d{4} |killed|Killed|\"level\": ?[56]0"
)
_STATED = re.compile(r"\b(?:level|severity|lvl|log\.level)[\"']?\s*[=:]\s*[\"']?(\w+)", re.IGNORECASE)
_BAD = frozenset("error err fatal critical crit panic severe emerg emergency alert 50 60".split())
_FINE = frozenset("debug info information trace notice 10 20 30".split())
_LEVEL = re.compile(
    r"\b(?:ERROR|ERR|FATAL|CRITICAL|CRIT|SEVERE|EMERG|ALERT|PANIC)\b|^[EF]\d{4} "
    r"|\[(?:error|fatal|critical|crit|emerg|alert|panic)\]"
)
_CALM = re.compile(r"\b(?:DEBUG|INFO|TRACE|NOTICE)\b|\[(?:debug|info|trace|notice)\]|^[ID]\d{4} ")
_WORDS = re.compile(
    r"\b\w*(?:Error|Exception)\b|\bTraceback \(most|\bpanic: |\b(?:un(?:handled|caught)) |\bfatal\b"
    r"|\b(?:connection refused|timed out|permission denied|access denied|out of memory|no such (?:file|host|table))"
    r"|\b(?:error|failed|failure)\b|Killed",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"\b(?:0|no|zero|without) (?:errors?|failures?|failed)\b|\berrors?[\"']?\s*[=:]\s*[\"']?(?:0|null|none|\"\")", re.I
)
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?"), "<time>"),
    (re.compile(r"\d{1,2}/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?: [+-]\d{4})?"), "<time>"),
    (re.compile(r"\b(?:[A-Z][a-z]{2} +\d{1,2} )?\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "<ip>"),
    (re.compile(r"(?<=-)[a-z0-9]{8,10}-[a-z0-9]{5}\b"), "<pod>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{7,}\b"), "<id>"),
    (re.compile(r"\d+(?:\.\d+)?"), "<n>"),
)
_MORE = re.compile(
    r"\s|Caused by: |\.\.\. \d+ more|(?:[\w.]+\.)?\w+(?:Error|Exception|Exit|Interrupt)\b:?|goroutine \d+|\tat "
)


_DIGITS = str.maketrans("123456789", "000000000")


@dataclass
class Kind:
    """Lines of one wording; times are as the kubelet stamped them, empty where unknown."""

    template: str
    sample: str
    count: int = 0
    first: str = ""
    last: str = ""
    more: list[str] = field(default_factory=list[str])
    sources: set[str] = field(default_factory=set[str])


@dataclass
class Summary:
    """What went through: all lines, those of trouble, and the kinds of them. `untold` did not fit any more."""

    lines: int = 0
    trouble: int = 0
    bytes: int = 0
    untold: int = 0
    first: str = ""
    last: str = ""
    kinds: dict[str, Kind] = field(default_factory=dict[str, Kind])

    def ordered(self) -> list[Kind]:
        """The kinds, most frequent first; of equals, the latest."""
        return sorted(self.kinds.values(), key=lambda kind: (kind.count, kind.last), reverse=True)


def template_of(line: str) -> str:
    """The wording of a line, without what differs from one time to the next."""
    return _template(line.translate(_DIGITS))


@lru_cache(maxsize=4096)
def _template(line: str) -> str:
    """Of a line whose digits are all noughts: the many that differ in numbers alone are worked out once."""
    for pattern, mask in _MASKS:
        line = pattern.sub(mask, line)
    return " ".join(line.split())[:300]


def is_trouble(line: str) -> bool:
    """Whether a line reports an error: by its level, or, where it has none, by its words."""
    stated = _STATED.search(line)
    if stated and stated[1].lower() in _FINE:
        return False
    if (stated and stated[1].lower() in _BAD) or _LEVEL.search(line):
        return not _NONE.search(line)
    return not _CALM.search(line) and _WORDS.search(line) is not None and not _NONE.search(line)


def take(summary: Summary, lines: Iterable[bytes], source: str = "", *, stamped: bool = True) -> None:
    """Add the lines of one container to a summary, one at a time; `stamped`: each begins with the kubelet's time."""
    open_kind: Kind | None = None  # whose stack trace may be going on
    for raw in lines:
        summary.lines += 1
        summary.bytes += len(raw) + 1
        stamp, text = _apart(raw) if stamped else (b"", raw)
        if open_kind is not None and _goes_on(open_kind, text):
            continue
        open_kind = None
        if not _QUICK.search(text):
            continue
        line = text[:_LONGEST].decode("utf-8", "replace").rstrip()
        if is_trouble(line):
            open_kind = _add(summary, line, stamp.decode("ascii", "replace"), source)


def _add(summary: Summary, line: str, stamp: str, source: str) -> Kind | None:
    summary.trouble += 1
    key = template_of(line)
    kind = summary.kinds.get(key)
    if kind is None:
        if len(summary.kinds) >= _MOST_KINDS:
            summary.untold += 1
            return None
        kind = summary.kinds[key] = Kind(key, line, first=stamp)
    kind.count += 1
    kind.first = min(kind.first, stamp) if kind.first else stamp
    kind.last = max(kind.last, stamp)
    kind.sources.add(source)
    return kind


def _goes_on(kind: Kind, text: bytes) -> bool:
    """Whether this line belongs to the error above it; it is kept with the first of its kind."""
    line = text[:_LONGEST].decode("utf-8", "replace").rstrip()
    if not line or not _MORE.match(line):
        return False
    if kind.count == 1 and len(kind.more) < _FOLLOWING:
        kind.more.append(line)
    return True


def _apart(raw: bytes) -> tuple[bytes, bytes]:
    """The kubelet's stamp and the line; a line that was cut off has no stamp."""
    stamp, _, text = raw.partition(b" ")
    return (stamp, text) if stamp[:2] == b"20" and stamp[10:11] == b"T" else (b"", raw)
