"""Findings as SARIF 2.1.0, the exchange format of analysers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from agent import __version__
from agent.cli.plain import clean
from tools.change import Ref
from tools.finding import Finding, Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(findings: Sequence[Finding], unchecked: Mapping[str, str], meanings: Mapping[str, str]) -> dict[str, Any]:
    """One run; what could not be checked makes it an unsuccessful one, with a notification for each kind."""
    ids = sorted({finding.id for finding in findings})
    run = {
        "tool": {
            "driver": {
                "name": "Shipmate",
                "version": __version__,
                "rules": [{"id": id, "shortDescription": {"text": meanings.get(id, id)}} for id in ids],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not unchecked,
                "toolExecutionNotifications": [_notification(kind, why) for kind, why in unchecked.items()],
            }
        ],
        "results": [_result(finding, ids) for finding in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _notification(kind: str, why: str) -> dict[str, Any]:
    return {
        "level": "warning",
        "message": {"text": clean(f"not checked: {kind} ({why})")},
        "descriptor": {"id": "SM-NOT-CHECKED"},
        "properties": {"kind": kind},
    }


def _result(finding: Finding, ids: Sequence[str]) -> dict[str, Any]:
    lines = [finding.summary]
    if finding.chain:
        lines.append("Why: " + " ← ".join(finding.chain))
    lines += [f"Fix: {fix.text}" for fix in finding.fixes[:1]]
    place = address(finding.subject)
    mark = hashlib.sha256(f"{finding.id} {place}".encode()).hexdigest()[:32]
    return {
        "ruleId": finding.id,
        "ruleIndex": ids.index(finding.id),
        "level": _LEVELS[finding.severity],
        "message": {"text": clean("\n".join(lines))},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": quote(place)}},
                "logicalLocations": [
                    {"name": finding.subject.name, "fullyQualifiedName": place, "kind": finding.subject.kind.lower()}
                ],
            }
        ],
        "partialFingerprints": {"subject/v1": mark},
        "properties": {
            "confidence": finding.confidence.value,
            "chain": [clean(step) for step in finding.chain],
            "evidence": [{"source": item.source, "text": clean(item.text)} for item in finding.evidence],
            "fixes": [clean(fix.text) for fix in finding.fixes],
        },
    }


def address(subject: Ref) -> str:
    """Where an object is, as a path: shop/deployment/web."""
    return "/".join(part for part in (subject.namespace, subject.kind.lower(), subject.name) if part)
