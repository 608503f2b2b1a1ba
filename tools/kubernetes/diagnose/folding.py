"""One finding for each cause: symptoms join what they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.change import Ref
from tools.finding import Finding, Severity
from tools.kubernetes.diagnose.rule import Seen

Key = tuple[str, str, str]
_ORDER = list(Severity)


def key(ref: Ref) -> Key:
    """What tells objects apart whatever version they were read in."""
    return ref.kind, ref.namespace or "", ref.name


def fold(found: Iterable[Seen]) -> list[tuple[Finding, frozenset[Key]]]:
    """One finding for each cause, with the keys of all objects that suffer from it; worst first.

    A finding that is a symptom of an object joins the gravest that is wrong with that object: its summary becomes the
    head of the cause's chain. What is merely worth knowing causes nothing. A symptom without a cause is one itself.
    """
    items = list(found)
    merged = [(item.finding, {key(item.finding.subject)}) for item in items if not item.symptom_of]
    waiting = [item for item in items if item.symptom_of]
    while waiting:  # a symptom may be the cause of another symptom
        left = [item for item in waiting if not _join(merged, item)]
        if len(left) == len(waiting):
            root = _root(left)
            merged.append((root.finding, {key(root.finding.subject)}))
            left = [item for item in left if item is not root]
        waiting = left
    merged.sort(key=lambda pair: (_rank(pair[0]), str(pair[0].subject), pair[0].id, pair[0].summary))
    return [(finding, frozenset(keys)) for finding, keys in merged]


def _join(merged: list[tuple[Finding, set[Key]]], symptom: Seen) -> bool:
    """Let a symptom join its cause; false when none is there yet."""
    wanted = {key(ref) for ref in symptom.symptom_of}
    hits = [index for index, (finding, keys) in enumerate(merged)
            if keys & wanted and finding.severity is not Severity.INFO]  # fmt: skip
    if not hits:
        return False
    index = min(hits, key=lambda number: _rank(merged[number][0]))
    finding, keys = merged[index]
    told = symptom.finding.summary
    chain = finding.chain if told in finding.chain else (told, *finding.chain)
    severity = min(finding.severity, symptom.finding.severity, key=_ORDER.index)
    merged[index] = (
        finding.model_copy(update={"chain": chain, "severity": severity}),
        keys | {key(symptom.finding.subject)},
    )
    return True


def _root(waiting: Sequence[Seen]) -> Seen:
    """One that is not a symptom of another one here; in a circle the first."""
    for item in waiting:
        wanted = {key(ref) for ref in item.symptom_of}
        if not any(key(other.finding.subject) in wanted for other in waiting if other is not item):
            return item
    return waiting[0]


def _rank(finding: Finding) -> int:
    return _ORDER.index(finding.severity)
