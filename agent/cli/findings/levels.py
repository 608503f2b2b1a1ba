"""How grave a finding is for a script: the three levels of --fail-on, and what they make of a look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tools.finding import Finding, Severity

LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "info"}
HEALTHY, FOUND, INCOMPLETE = 0, 1, 4


def counts(finding: Finding, fail_on: str) -> bool:
    """Whether a finding is at or above a level."""
    order = list(LEVELS.values())
    return order.index(LEVELS[finding.severity]) <= order.index(fail_on)


def verdict(findings: Iterable[Finding], unchecked: Mapping[str, str], fail_on: str, allow_unchecked: bool) -> int:
    """The exit code of a look: what could not be looked at is never called healthy unless that was allowed."""
    if any(counts(finding, fail_on) for finding in findings):
        return FOUND
    return INCOMPLETE if unchecked and not allow_unchecked else HEALTHY
