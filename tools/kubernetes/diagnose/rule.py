"""What a rule returns, and the small things that all rules need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from tools.change import Change, Ref, RolloutUndo
from tools.finding import Confidence, Evidence, Finding, Fix, Severity
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of
from tools.secrets.redact import redact_text

_FIRST_LOOK = 10.0  # seconds until the controller has told for the first time how a new deployment does
_LONGEST = 400  # characters of one piece of evidence


class Seen(NamedTuple):
    """A finding, and the objects that it is a mere symptom of if something is found wrong with one of them."""

    finding: Finding
    symptom_of: tuple[Ref, ...] = ()


def seen(
    id: str,
    subject: Object | Ref,
    summary: str,
    *,
    severity: Severity = Severity.CRITICAL,
    chain: Iterable[str] = (),
    evidence: Iterable[Evidence | None] = (),
    fixes: Iterable[Fix | None] = (),
    symptom_of: Iterable[Ref] = (),
    confidence: Confidence | None = None,
) -> Seen:
    """A finding with its texts redacted and cut to size; what rests on a log is likely unless the rule knows better."""
    proof = tuple(item for item in evidence if item)
    from_log = any(item.source == "log" for item in proof)
    finding = Finding(
        id=id,
        severity=severity,
        subject=subject if isinstance(subject, Ref) else ref_of(subject),
        summary=cut(summary),
        chain=tuple(cut(text) for text in chain),
        evidence=proof,
        fixes=tuple(item for item in fixes if item),
        confidence=confidence or (Confidence.LIKELY if from_log else Confidence.CERTAIN),
    )
    return Seen(finding, tuple(symptom_of))


def cut(text: str, longest: int = _LONGEST) -> str:
    """Redacted, on one line, not longer than a person reads."""
    line = " ".join(redact_text(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def event(found: Object | None) -> Evidence | None:
    """An event as evidence."""
    if not found:
        return None
    count = (found.get("series") or {}).get("count") or found.get("count") or 1
    times = f" ({count} times)" if count > 1 else ""
    return Evidence(source="event", text=cut(f"{found.get('reason', '')}: {found.get('message', '')}{times}"))


def field(path: str, value: Any) -> Evidence:
    """A field of an object as evidence."""
    return Evidence(source="field", text=cut(f"{path} = {value}"))


def log(lines: Iterable[str]) -> Evidence | None:
    """Lines of a log as evidence."""
    kept = [cut(line, 200) for line in lines if line.strip()]
    return Evidence(source="log", text="\n".join(kept[-6:])) if kept else None


def latest(snap: Snapshot, obj: Object, *reasons: str) -> Object | None:
    """The latest event about an object for one of the reasons."""
    found = snap.events(obj, *reasons)
    return found[-1] if found else None


def pods_text(count: int, owner: Object) -> str:
    """ "3 pods of deployment web", or "pod web" where the pod stands alone."""
    if owner["kind"] == "Pod":
        return f"pod {owner['metadata']['name']}"
    return f"{count} pod{'s' if count != 1 else ''} of {owner['kind'].lower()} {owner['metadata']['name']}"


def change_fix(text: str, *changes: Change) -> Fix:
    return Fix(text=text, changes=changes)


def back_fix(
    snap: Snapshot, owner: Object, without: Callable[[Mapping[str, Any]], bool] = lambda spec: False
) -> Fix | None:
    """Back to the revision before, for a Deployment that has one; `without` tells a pod's spec that is no better."""
    if owner["kind"] != "Deployment" or _was_never_well(owner):
        return None
    sets = sorted(snap.owned("replicasets.apps", owner), key=_revision)
    if len(sets) < 2:
        return None
    before = sets[-2]["spec"]["template"]["spec"]
    if before == sets[-1]["spec"]["template"]["spec"] or without(before):
        return None  # a restart, say: the same pods as before
    images = ", ".join(item["image"] for item in sets[-2]["spec"]["template"]["spec"]["containers"])
    target = ref_of(owner)
    undo = RolloutUndo(summary=f"roll {target} back to revision {_revision(sets[-2])}", ref=target)
    return Fix(text=f"Go back to the revision before ({images}).", changes=(undo,))


def _was_never_well(deployment: Object) -> bool:
    """Whether no revision has ever had enough pods that were available."""
    found = next((item for item in (deployment.get("status") or {}).get("conditions") or ()
                  if item.get("type") == "Available"), {})  # fmt: skip
    changed, made = found.get("lastTransitionTime"), deployment["metadata"].get("creationTimestamp")
    if found.get("status") != "False" or not changed or not made:
        return False
    return (datetime.fromisoformat(changed) - datetime.fromisoformat(made)).total_seconds() < _FIRST_LOOK


def _revision(item: Mapping[str, Any]) -> int:
    return int((item["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", "0"))


def near(name: str, names: Iterable[str]) -> str:
    """The most similar of some names, or an empty string."""
    from rapidfuzz import process

    best = process.extractOne(name, sorted(set(names)), score_cutoff=70)
    return best[0] if best else ""
