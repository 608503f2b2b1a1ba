"""Amounts of CPU and memory in the words of people, as Kubernetes writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Role = Literal["limit", "request", ""]


@dataclass(frozen=True)
class Amount:
    """A quantity of `cpu` or `memory` that a sentence names, and whether as limit or request."""

    resource: Literal["cpu", "memory"]
    value: str
    role: Role
    span: tuple[int, int]


_EDGE = r"(?<![\w./:=-])"
_NUMBER = r"(\d+(?:[.,]\d+)?)"
_BINARY = {"k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti"}
_MEMORY = re.compile(
    rf"{_EDGE}{_NUMBER}\s*(?:a )?(ki|mi|gi|ti|kib|mib|gib|tib|kb|mb|gb|tb|kilobytes?|megabytes?|gigabytes?|terabytes?"
    r"|megs?|gigs?|g|[KMGT])\b(?:\s+(?:of\s+)?(?:memory|ram|mem)\b)?",
)
_CPU = re.compile(
    rf"{_EDGE}{_NUMBER}\s*(m|mcpu|millicores?|millicpus?|milli|cores?|cpus?|vcpus?|v-?cores?)\b(?!\s*(?:memory|ram))"
    r"(?:\s+(?:of\s+)?(?:a\s+)?(?:cpus?|cores?)\b)?",
    re.IGNORECASE,
)
_PART_OF_CORE = re.compile(
    r"\b(?:(\d+) and )?(?:a )?(half|quarter|third|tenth)(?: of)?(?: (?:an?|1))? (?:cpu|core|vcpu|processor)s?\b"
    r"|\b1 half (?:cpu|core)\b",
    re.IGNORECASE,
)
_HALF_GIG = re.compile(r"\bhalf (?:of )?an? (gig|gb|gigabyte|gi)\b(?: of (?:memory|ram))?", re.IGNORECASE)
_PARTS = {"half": 500, "quarter": 250, "third": 333, "tenth": 100}
_NAMED = re.compile(
    rf"\b(cpu|memory|ram|mem)\b(?:\s+(?:limits?|requests?))?(?:\s*(?:to|of|at|is|as|[=:]|up to|down to|for|by)\s*)?\s*"
    rf"{_NUMBER}\s*([kmgt]i?b?)?(?![\w%.])(?!\s*(?:%|percent))",
    re.IGNORECASE,
)
_NAMED_OF = re.compile(  # "cpu limit of web to 2": the name stays
    rf"\b(cpu|memory|ram|mem)\b(?:\s+(?:limits?|requests?))?\s+(?:of|for|on)\s+(?:the\s+)?[a-z][\w-]*\s+"
    rf"((?:to|at|is|as|=)\s*{_NUMBER}\s*([kmgt]i?b?)?(?![\w%.])(?!\s*(?:%|percent|replicas?|pods?|instances?)))",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"\b(limit|request)(?:s|ed|ing)?\b|\b(at most|max(?:imum)?|cap(?:ped)?)\b|\b(at least|min(?:imum)?|guaranteed?)\b"
)


def amounts(text: str) -> list[Amount]:
    """Every amount in the text, in order; bare numbers count after `cpu` and `memory` only."""
    found: list[tuple[Literal["cpu", "memory"], str, tuple[int, int]]] = []
    for resource, value, span in _candidates(text):
        if value and not any(span[0] < end and start < span[1] for _, _, (start, end) in found):
            found.append((resource, value, span))
    found.sort(key=lambda item: item[2])
    spans = [span for _, _, span in found]
    return [Amount(resource, value, _role(text, span, spans), span) for resource, value, span in found]


def _candidates(text: str) -> Iterator[tuple[Literal["cpu", "memory"], str, tuple[int, int]]]:
    """Whatever can be read as an amount, the surest forms first."""
    for match in _PART_OF_CORE.finditer(text):
        yield "cpu", f"{int(match[1] or 0) * 1000 + _PARTS[(match[2] or 'half').lower()]}m", match.span()
    for match in _HALF_GIG.finditer(text):
        yield "memory", "512Mi", match.span()
    for match in (*_MEMORY.finditer(text), *_MEMORY.finditer(text.lower())):
        if match[2] != "m":  # 500m is CPU unless the sentence says memory
            yield "memory", memory(match[1], match[2]), match.span()
    named = list(_NAMED.finditer(text))
    for match in named:
        if match[1].lower() != "cpu":
            yield "memory", memory(match[2], match[3] or ""), match.span()
    yield from _after_names(text)
    for match in _CPU.finditer(text):
        if match[2] != "M":
            yield "cpu", cpu(match[1], match[2]), match.span()
    for match in named:
        if match[1].lower() == "cpu" and match[3] in (None, "m"):
            yield "cpu", cpu(match[2], match[3] or ""), match.span()


def _after_names(text: str) -> Iterator[tuple[Literal["cpu", "memory"], str, tuple[int, int]]]:
    for match in _NAMED_OF.finditer(text):
        if match[1].lower() != "cpu":
            yield "memory", memory(match[3], match[4] or ""), match.span(2)
        elif match[4] in (None, "m"):
            yield "cpu", cpu(match[3], match[4] or ""), match.span(2)


def cpu(number: str, unit: str) -> str:
    """0.5 core → 500m, 2 cpus → 2, 250 m → 250m."""
    value = float(number.replace(",", "."))
    milli = value if unit.lower().startswith("m") else value * 1000
    return f"{milli:g}m" if milli % 1000 else f"{milli / 1000:g}"


def memory(number: str, unit: str) -> str:
    """512 mb → 512Mi, 1.5 gigs → 1536Mi; empty without a unit, because a bare number would be bytes."""
    if not unit:
        return ""
    value, letter = float(number.replace(",", ".")), unit[0].lower()
    letters = "kmgt"
    while value % 1 and letters.index(letter) > 0:
        value, letter = value * 1024, letters[letters.index(letter) - 1]
    return f"{round(value)}{_BINARY[letter]}"


_RIGHT_AFTER = re.compile(r"\s*(?:of\s+)?(?:memory|ram|mem|cpus?)?\s*(limit|request)s?\b")


def _role(text: str, span: tuple[int, int], others: list[tuple[int, int]]) -> Role:
    """Limit or request: by a word right after the amount, else the nearest before it, else one after it."""
    low = text.lower()
    own = _RIGHT_AFTER.match(low, span[1])
    if own:
        return "limit" if own[1] == "limit" else "request"
    taken = {match.start(1): start for start, end in others if (match := _RIGHT_AFTER.match(low, end))}
    words: list[tuple[int, Role]] = [
        (match.start(), _named_role(match)) for match in _ROLE.finditer(low) if match.start() not in taken
    ]
    later = [start for start, _ in others if start >= span[1]]
    following = min([*later, len(text), *(span[1] + m.start() for m in re.finditer(r",|;| and ", low[span[1] :]))])
    # "memory limit 256Mi": the word may stand inside the span
    before: list[tuple[int, Role]] = [(at, role) for at, role in words if at < span[1]]
    after: list[Role] = [role for at, role in words if span[1] <= at < following]
    previous = max((end for _, end in others if end <= span[0]), default=0)
    if before and (before[-1][0] >= previous or not after):
        return before[-1][1]
    if after:
        return after[0]
    shared = next((at for at, start in taken.items() if later and start == min(later)), None)  # "100m and 64Mi limits"
    return "" if shared is None else ("limit" if low.startswith("limit", shared) else "request")


def _named_role(match: re.Match[str]) -> Role:
    return "limit" if match[1] == "limit" or match[2] else "request"
