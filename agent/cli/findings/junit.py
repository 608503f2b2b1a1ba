"""Findings as JUnit XML, which every CI system shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from agent.cli.findings.levels import LEVELS, counts
from agent.cli.findings.sarif import address
from agent.cli.plain import clean
from tools.finding import Finding

_NO_SIGNS = re.compile("[\ufffe\uffff]")  # XML has no way to write them


def junit(
    place: str,
    findings: Sequence[Finding],
    unchecked: Mapping[str, str],
    read: Mapping[str, int],
    fail_on: str,
    allow_unchecked: bool,
) -> str:
    """A case for each finding, and one for each kind: passed when it could be read, never when it could not."""
    suite = Element("testsuite", name=_text(f"shipmate diagnose: {place}"))
    for finding in findings:
        _finding(suite, finding, fail_on)
    for kind in sorted({*read, *unchecked}):
        case = SubElement(suite, "testcase", classname="read", name=_text(kind))
        if why := unchecked.get(kind):
            told = "skipped" if allow_unchecked else "error"
            SubElement(case, told, {"type": "not-checked", "message": _text(f"not checked: {kind} ({why})")})
        else:
            SubElement(case, "system-out").text = f"{read[kind]} read"
    totals = {"tests": len(suite), "failures": _count(suite, "failure"), "errors": _count(suite, "error")}
    totals["skipped"] = _count(suite, "skipped")
    root = Element("testsuites", name="shipmate")
    for name, value in totals.items():
        suite.set(name, str(value))
        root.set(name, str(value))
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _finding(suite: Element, finding: Finding, fail_on: str) -> None:
    """A failure from the level on that fails, else a passed case that tells what was seen."""
    case = SubElement(suite, "testcase", classname=finding.id, name=_text(address(finding.subject)))
    level = LEVELS[finding.severity]
    lines = [finding.summary, *(f"{'  ' * number}<- {step}" for number, step in enumerate(finding.chain))]
    lines += [f"{item.source}: {item.text}" for item in finding.evidence]
    lines += [f"fix: {fix.text}" for fix in finding.fixes]
    lines.append(f"severity: {level}; confidence: {finding.confidence}")
    if counts(finding, fail_on):
        told = SubElement(case, "failure", {"type": level, "message": _text(finding.summary)})
    else:
        told = SubElement(case, "system-out")
    told.text = _text("\n".join(lines))


def _count(suite: Element, tag: str) -> int:
    return sum(1 for _ in suite.iter(tag))


def _text(text: str) -> str:
    return _NO_SIGNS.sub("\ufffd", clean(text))
