"""Findings for a person: what is wrong, the way from the symptom down to the cause, what shows it, what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agent.cli.plain import clean
from tools.finding import Confidence, Finding, Severity

WIDTH = 80
_MARKS = {Severity.CRITICAL: "✘", Severity.WARNING: "!", Severity.INFO: "·"}
_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_DEEPEST = 8  # steps of a chain that are moved in; the rest stays under each other
_MOST_LINES = 6  # of one piece of evidence


class Line(NamedTuple):
    """One line and how it looks on a terminal."""

    text: str
    style: str = ""


def picture(
    place: str, findings: Sequence[Finding], unchecked: Mapping[str, str], counts: Mapping[str, int]
) -> Iterator[Line]:
    """The whole answer, at most 80 columns wide but for words that are longer."""
    yield from _wrapped(head(place, findings, unchecked, counts), "", style="bold")
    for finding in findings:
        yield Line("")
        yield from card(finding)
    if unchecked:
        yield Line("")
        yield from not_checked(unchecked)


def head(place: str, findings: Sequence[Finding], unchecked: Mapping[str, str], counts: Mapping[str, int]) -> str:
    """What was found, in one sentence."""
    grave = sum(finding.severity is not Severity.INFO for finding in findings)
    if grave:
        return f"{grave} problem{'s' if grave > 1 else ''} {place}."
    if findings:
        return f"Nothing is broken {place}; worth knowing:"
    if unchecked:
        return f"Nothing wrong was seen {place}, but not everything could be checked."
    kinds = ("deployments", "pods", "services")
    seen = [f"{n} {kind if n > 1 else kind.removesuffix('s')}" for kind in kinds if (n := counts.get(kind, 0))]
    return f"Nothing is wrong {place}{': ' + ', '.join(seen) if seen else ''}."


def card(finding: Finding) -> Iterator[Line]:
    """One finding."""
    style = _STYLES[finding.severity]
    sure = f" · {finding.confidence}" if finding.confidence is not Confidence.CERTAIN else ""
    yield from _wrapped(finding.summary, f"{_MARKS[finding.severity]} ", style)
    yield Line(f"  {finding.id} · {finding.severity}{sure} · {clean(str(finding.subject))}", "dim")
    if finding.chain:
        yield Line("")
        yield from chain(finding.chain)
        yield Line("")
    for item in finding.evidence:
        lines = item.text.splitlines()[:_MOST_LINES]
        for number, line in enumerate(lines):
            yield from _wrapped(line, f"  {clean(item.source)}: " if not number else "         ", "dim")
    for number, fix in enumerate(finding.fixes):
        yield from _wrapped(fix.text, "  fix: " if not number else "  or: ", "green")


def chain(steps: Sequence[str]) -> Iterator[Line]:
    """Each step hangs on the one that it explains; the last is the cause."""
    for number, step in enumerate(steps):
        depth = min(number, _DEEPEST)
        branch = "  " + "   " * max(0, depth - 1) + ("└─ " if number else "")
        last = number == len(steps) - 1
        yield from _wrapped(step, branch, "bold" if last else "")


def not_checked(unchecked: Mapping[str, str]) -> Iterator[Line]:
    """What could not be looked at, and why; those for one reason together."""
    by_reason: dict[str, list[str]] = {}
    for kind, why in unchecked.items():
        by_reason.setdefault(_reason(why), []).append(kind)
    for why, kinds in by_reason.items():
        yield from _wrapped(f"{', '.join(kinds)} ({why})", "not checked: ", "yellow")


def _reason(why: str) -> str:
    """Missing rights read alike whatever the kind."""
    return "this user may not read them" if " may not " in why else why.rstrip(".")


def _wrapped(text: str, first: str, style: str = "") -> Iterator[Line]:
    lines = textwrap.wrap(
        clean(" ".join(text.split())), WIDTH, initial_indent=first, subsequent_indent=" " * len(first),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    for line in lines or [first.rstrip()]:
        yield Line(line, style)
