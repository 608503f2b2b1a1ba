"""A diagnosis in words, the way an expert writes a note: what is wrong, why, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.catalog import Result
from tools.finding import Finding, Severity
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import state_of
from tools.kubernetes.workload_changes import ref_of


def of_object(snap: Snapshot, target: Object, found: Sequence[Finding]) -> Result:
    """The diagnosis of one object."""
    ref = ref_of(target)
    if found:
        return _result(snap, f"{_count(found)} with {ref}:", found)
    return _result(snap, f"{_nothing(snap)} with {ref}: {_figures(snap, target)}.", found)


def of_namespace(snap: Snapshot, found: Sequence[Finding]) -> Result:
    """The diagnosis of a namespace, or of all."""
    where = f"in namespace {snap.namespace}" if snap.namespace else "in the cluster"
    if found:
        return _result(snap, f"{_count(found)} {where}:", found)
    workloads, pods = snap.workloads(), snap.pods
    ready = sum(1 for item in workloads if state_of(item).done)
    claims = len(snap.all("persistentvolumeclaims"))
    parts = [
        f"{ready} of {len(workloads)} workloads ready",
        f"{len(pods)} pods",
        f"{len(snap.all('services'))} services",
    ]
    if claims:
        parts.append(f"{claims} volume claims")
    moving = [f"{ref_of(item)} ({state_of(item).text})" for item in workloads if not state_of(item).done]
    text = f"{_nothing(snap)} {where}: {', '.join(parts)}."
    if moving:
        text += f" Still on the way: {', '.join(moving[:5])}."
    return _result(snap, text, found)


def _figures(snap: Snapshot, target: Object) -> str:
    state = state_of(target)
    parts = [state.text if state.done else f"still on the way, {state.text}"]
    pods = snap.pods_of(target)
    if pods:
        restarts = sum(
            item.get("restartCount", 0)
            for pod in pods
            for item in (pod.get("status") or {}).get("containerStatuses") or ()
        )
        parts.append(
            f"{len(pods)} pod{'s' if len(pods) != 1 else ''}, {restarts} restart{'s' if restarts != 1 else ''}"
        )
    return ", ".join(parts)


def _count(found: Sequence[Finding]) -> str:
    grave = sum(1 for finding in found if finding.severity is not Severity.INFO)
    if not grave:
        return "Nothing is broken; worth knowing"
    return "1 problem" if grave == 1 else f"{grave} problems"


def _nothing(snap: Snapshot) -> str:
    """What could not be looked at is never called well."""
    return "Nothing wrong was seen in what could be looked at," if snap.unchecked else "Nothing is wrong"


def _result(snap: Snapshot, head: str, found: Sequence[Finding]) -> Result:
    lines = [head]
    for number, finding in enumerate(found, 1):
        lines += ["", *told(finding, number)]
    if snap.unchecked:
        lines += ["", *_not_checked(snap)]
    data: dict[str, Any] = {
        "healthy": not snap.unchecked and not any(finding.severity is not Severity.INFO for finding in found),
        "findings": [finding.model_dump(mode="json") for finding in found],
        "unchecked": snap.unchecked,
    }
    return Result(text="\n".join(lines), data=data)


def _not_checked(snap: Snapshot) -> list[str]:
    """What could not be looked at, those without the right to it in one line."""
    denied = sorted(kind for kind, why in snap.unchecked.items() if " may not " in why)
    lines = [f"Not checked, for lack of rights: {', '.join(denied)}."] if denied else []
    return lines + [f"Not checked: {kind} ({why})" for kind, why in snap.unchecked.items() if kind not in denied]


def told(finding: Finding, number: int) -> list[str]:
    """One finding in a few lines."""
    lines = [f"{number}. {finding.summary} [{finding.severity}, {finding.id}]"]
    if finding.chain:
        lines.append("   Why: " + " ← ".join(finding.chain))
    for item in finding.evidence:
        first, *rest = item.text.splitlines() or [""]
        lines.append(f"   {item.source.capitalize()}: {first}")
        lines += [f"      {line}" for line in rest]
    for index, fix in enumerate(finding.fixes):
        lines.append(f"   {'Fix' if not index else 'Or'}: {fix.text}")
    return lines
