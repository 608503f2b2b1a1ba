"""Something is being deleted and does not go: a finalizer holds it, or its node is gone."""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-STUCK-TERMINATING": "an object is being deleted for long"}
_PATIENCE = 60.0  # seconds beyond the pod's own grace period
_KINDS = ("pods", "persistentvolumeclaims", "services", "namespaces")


def check(snap: Snapshot) -> Iterator[Seen]:
    """Objects whose deletion has begun long ago."""
    for kind in _KINDS:
        for item in snap.all(kind):
            since = item["metadata"].get("deletionTimestamp")  # for pods this is when the grace period ends
            if not since or snap.seconds_since(since) < _PATIENCE:
                continue
            if kind == "namespaces" and snap.namespace not in (None, item["metadata"]["name"]):
                continue
            held = item["metadata"].get("finalizers") or (item.get("spec") or {}).get("finalizers") or []
            content = condition(item, "NamespaceContentRemaining").get("message")
            why = f"finalizer {', '.join(held)} holds it" if held else "its node does not answer"
            yield seen(
                "SM-STUCK-TERMINATING",
                item,
                f"{ref_of(item)} has been deleting since {since}: {why}.",
                severity=Severity.WARNING,
                evidence=(field("metadata.finalizers", held), field("content", content) if content else None),
                fixes=(
                    Fix(
                        text="Look at the controller that should remove the finalizer." if held else "Look at the node."
                    ),
                ),
            )
