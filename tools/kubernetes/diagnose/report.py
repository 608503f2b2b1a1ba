"""A diagnosis in words, the way an expert writes a note: what is wrong, why, what shows it, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tools.catalog import Result
from tools.finding import Confidence, Evidence, Finding, Fix, Severity
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import state_of
from tools.kubernetes.workload_changes import ref_of

_MOST_NAMED = 6  # further findings that are named
_SHORT_EVIDENCE, _SHORT_LINES = 2, 3  # pieces of evidence of a finding, and lines of one
_DEEPEST = 8  # steps of a chain that are moved in


def of_object(snap: Snapshot, target: Object, found: Sequence[Finding], which: int = 1, every: bool = False) -> Result:
    """The diagnosis of one object."""
    ref = ref_of(target)
    if found:
        return _result(snap, f"with {ref}", found, which, every)
    return _well(snap, f"{_nothing(snap)} with {ref}: {_figures(snap, target)}.")


def of_namespace(snap: Snapshot, found: Sequence[Finding], which: int = 1, every: bool = False) -> Result:
    """The diagnosis of a namespace, or of all."""
    where = f"in namespace {snap.namespace}" if snap.namespace else "in the cluster"
    if found:
        return _result(snap, where, found, which, every)
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
    if not snap.namespace and (nodes := len(snap.all("nodes"))):
        parts.append(f"{nodes} node{'s' if nodes != 1 else ''}")
    moving = [f"{ref_of(item)} ({state_of(item).text})" for item in workloads if not state_of(item).done]
    text = f"{_nothing(snap)} {where}: {', '.join(parts)}."
    if moving:
        text += f" Still on the way: {', '.join(moving[:5])}."
    return _well(snap, text)


def finding_data(finding: Finding) -> dict[str, Any]:
    """A finding for programs. Of its fixes only what they do: their payloads may hold what nobody is to read."""
    return {
        **finding.model_dump(mode="json", exclude={"fixes"}),
        "fixes": [_fix_data(fix) for fix in finding.fixes],
    }


def _fix_data(fix: Fix) -> dict[str, Any]:
    steps = [change.summary for change in fix.changes]
    return {"text": fix.text, "steps": steps, "asks": fix.asks.question if fix.asks else ""}


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


def _head(where: str, found: Sequence[Finding], which: int, every: bool) -> str:
    grave = sum(1 for finding in found if finding.severity is not Severity.INFO)
    if not grave:
        return f"Nothing is broken {where}; worth knowing:"
    told = f"{grave} problem{'s' if grave > 1 else ''} {where}"
    if len(found) == 1 or every:
        return f"{told}:"
    return f"{told}. The gravest:" if which == 1 else f"{told}. Number {which} of {len(found)}:"


def _nothing(snap: Snapshot) -> str:
    """What could not be looked at is never called well."""
    return "Nothing wrong was seen in what could be looked at," if snap.unchecked else "Nothing is wrong"


def _well(snap: Snapshot, text: str) -> Result:
    lines = [text, *(["", *_not_checked(snap)] if snap.unchecked else [])]
    return Result(text="\n".join(lines), data=_data(snap, (), 1))


def _result(snap: Snapshot, where: str, found: Sequence[Finding], which: int, every: bool) -> Result:
    """One finding first, the others counted and named; or `every` finding with all that shows it."""
    which = min(max(which, 1), len(found))
    lines = [_head(where, found, which, every)]
    if every:
        for number, finding in enumerate(found, 1):
            lines += ["", *told(finding, f"{number}. ", whole=True)]
    else:
        lines += told(found[which - 1])
        lines += _others([finding for number, finding in enumerate(found, 1) if number != which])
    if snap.unchecked:
        lines += ["", *_not_checked(snap)]
    return Result(text="\n".join(lines), data={**_data(snap, found, which), "every": every or len(found) == 1})


def _data(snap: Snapshot, found: Sequence[Finding], which: int) -> dict[str, Any]:
    return {
        "healthy": not snap.unchecked and not any(finding.severity is not Severity.INFO for finding in found),
        "namespace": snap.namespace,
        "told": which,
        "findings": [finding_data(finding) for finding in found],
        "unchecked": snap.unchecked,
    }


def _others(rest: Sequence[Finding]) -> Iterator[str]:
    if not rest:
        return
    named = ", ".join(f"{finding.subject} ({finding.id})" for finding in rest[:_MOST_NAMED])
    yield f"{len(rest)} more: {named}{', …' if len(rest) > _MOST_NAMED else ''}."


def _not_checked(snap: Snapshot) -> list[str]:
    """What could not be looked at, those without the right to it in one line."""
    denied = sorted(kind for kind, why in snap.unchecked.items() if " may not " in why)
    lines = [f"Not checked, for lack of rights: {', '.join(denied)}."] if denied else []
    return lines + [f"Not checked: {kind} ({why})" for kind, why in snap.unchecked.items() if kind not in denied]


def told(finding: Finding, number: str = "", whole: bool = False) -> list[str]:
    """One finding in a few lines: what, why as a tree, what shows it, how sure that is, what to do next."""
    lines = [f"{number}{finding.summary} [{finding.severity}, {finding.id}]"]
    lines += tree(finding.chain)
    shown = finding.evidence if whole else finding.evidence[:_SHORT_EVIDENCE]
    for item in shown:
        lines += evidence(item, 99 if whole else _SHORT_LINES)
    lines.append(f"  {sureness(finding)}")
    for index, fix in enumerate(finding.fixes if whole else finding.fixes[:1]):
        lines.append(f"  {'Next' if not index else 'Or'}: {fix.text}")
    return lines


def tree(chain: Sequence[str]) -> Iterator[str]:
    """The way from the symptom down to the cause; each step hangs on the one that it explains."""
    for number, step in enumerate(chain):
        depth = min(number, _DEEPEST)
        yield "  " + "   " * max(0, depth - 1) + ("└─ " if number else "") + step


def evidence(item: Evidence, most: int) -> Iterator[str]:
    """A piece of evidence; of a log the last lines, where the end is."""
    lines = item.text.splitlines() or [""]
    first, *rest = lines[-most:] if item.source == "log" else lines[:most]
    yield f"  {item.source.capitalize()}: {first}"
    yield from (f"     {line}" for line in rest)


def sureness(finding: Finding) -> str:
    """How sure the cause is, and what that rests on."""
    if finding.confidence is Confidence.CERTAIN:
        return "Certain: the cluster itself says so."
    sources = {item.source for item in finding.evidence}
    return f"Likely: concluded from {'what the program logged' if 'log' in sources else 'what coincides'}."
