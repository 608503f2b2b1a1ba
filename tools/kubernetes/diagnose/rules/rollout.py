"""A rollout is stuck or paused. Mostly a symptom: what keeps its pods from being ready is the cause."""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Severity
from tools.kubernetes.diagnose.rule import Seen, back_fix, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Snapshot
from tools.kubernetes.rollout.state import condition, state_of
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-ROLLOUT-STUCK": "a rollout makes no progress",
    "SM-ROLLOUT-PAUSED": "a rollout is paused, so changes do not reach the pods",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Deployments past their deadline, and paused ones that have something to roll out."""
    for item in snap.all("deployments.apps"):
        status = item.get("status") or {}
        ref = ref_of(item)
        if item["spec"].get("paused"):
            if status.get("updatedReplicas", 0) < item["spec"].get("replicas", 1):
                resume = Patch(
                    summary=f"resume {ref}", ref=ref, verb="resume", type="merge", patch={"spec": {"paused": None}}
                )
                yield seen(
                    "SM-ROLLOUT-PAUSED",
                    item,
                    f"The rollout of {ref} is paused: its pods are still of the former template.",
                    severity=Severity.WARNING,
                    fixes=(change_fix("Resume it.", resume),),
                )
        elif condition(item, "Progressing").get("reason") == "ProgressDeadlineExceeded":
            yield seen(
                "SM-ROLLOUT-STUCK",
                item,
                f"The rollout of {ref} is stuck: {state_of(item).text}.",
                evidence=(field("status.conditions.Progressing", condition(item, "Progressing").get("message")),),
                fixes=(back_fix(snap, item),),
                symptom_of=(ref,),
            )
