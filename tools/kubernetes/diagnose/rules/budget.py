"""A disruption budget that never lets any pod go, so that nodes cannot be drained.

Example: minAvailable 2 for a deployment with 2 replicas. A budget that allows nothing only because a pod is not ready
just now is a symptom of that pod.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.budgets import wanted
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-BUDGET-BLOCKS": "a disruption budget never lets a pod go",
    "SM-BUDGET-TWICE": "two disruption budgets select the same pods, so none of these can be evicted",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Budgets that could not allow an eviction even when all is well."""
    budgets = snap.all("poddisruptionbudgets.policy")
    for item in budgets:
        status = item.get("status") or {}
        count = status.get("expectedPods", 0)
        if count and not status.get("disruptionsAllowed") and wanted(item, count) >= count:
            yield _blocks(item, count)
    for pod in snap.pods if len(budgets) > 1 else ():
        labels, space = pod["metadata"].get("labels") or {}, pod["metadata"].get("namespace")
        hits = [
            b for b in budgets if b["metadata"]["namespace"] == space and selects(b["spec"].get("selector"), labels)
        ]
        if len(hits) > 1:
            yield _twice(snap.owner(pod), hits)
            return


def _blocks(item: Object, count: int) -> Seen:
    ref, spec = ref_of(item), item["spec"]
    key = "minAvailable" if spec.get("minAvailable") is not None else "maxUnavailable"
    patch = {"spec": {"minAvailable": None, "maxUnavailable": 1}}
    change = Patch(summary=f"let {ref} allow one missing pod", ref=ref, verb="set budget", type="merge", patch=patch)
    more = Fix(text="Or run more replicas.")
    return seen(
        "SM-BUDGET-BLOCKS",
        item,
        f"{ref} never lets any of its {count} pod{'s' if count > 1 else ''} go: nodes cannot be drained.",
        severity=Severity.WARNING,
        chain=("evictions are refused", f"{key} {spec.get(key)} of {count} pods leaves none to spare"),
        evidence=(field(f"spec.{key}", spec.get(key)), field("status.expectedPods", count)),
        fixes=(change_fix("Allow one pod to be missing.", change), more) if count > 1 else (more,),
    )


def _twice(owner: Object, hits: list[Object]) -> Seen:
    names = ", ".join(item["metadata"]["name"] for item in hits)
    return seen(
        "SM-BUDGET-TWICE",
        hits[-1],
        f"Disruption budgets {names} select the same pods of {ref_of(owner)}: none of these can be evicted.",
        severity=Severity.WARNING,
        evidence=[field(f"spec.selector of {item['metadata']['name']}", item["spec"].get("selector")) for item in hits],
        fixes=(Fix(text="Keep one of them."),),
    )
