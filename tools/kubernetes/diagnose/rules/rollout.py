"""A rollout is stuck or paused. Mostly a symptom: what keeps its pods from being ready is the cause.

Example: a deployment was paused for a change and never resumed. One that is paused while nothing waits to be rolled out
is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Severity
from tools.kubernetes.diagnose.rule import Seen, back_fix, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.rollout.state import condition, state_of
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-ROLLOUT-STUCK": "a rollout makes no progress",
    "SM-ROLLOUT-PAUSED": "a rollout is paused, so changes do not reach the pods",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Deployments past their deadline, and paused ones that have something to roll out."""
    for item in snap.all("deployments.apps"):
        if item["spec"].get("paused"):
            if (item.get("status") or {}).get("updatedReplicas", 0) < replicas_of(item):
                yield _paused(item)
        elif condition(item, "Progressing").get("reason") == "ProgressDeadlineExceeded":
            ref = ref_of(item)
            yield seen(
                "SM-ROLLOUT-STUCK",
                item,
                f"The rollout of {ref} is stuck: {state_of(item).text}.",
                evidence=(field("status.conditions.Progressing", condition(item, "Progressing").get("message")),),
                fixes=(back_fix(snap, item),),
                symptom_of=(ref,),
            )


def _paused(item: Object) -> Seen:
    ref, there = ref_of(item), (item.get("status") or {}).get("replicas", 0)
    told = "its pods are still of the former template" if there else "it was made paused, so it has no pods yet"
    resume = Patch(summary=f"resume {ref}", ref=ref, verb="resume", type="merge", patch={"spec": {"paused": None}})
    return seen(
        "SM-ROLLOUT-PAUSED",
        item,
        f"The rollout of {ref} is paused: {told}.",
        severity=Severity.WARNING,
        chain=(told, "the rollout is paused"),
        evidence=(field("spec.paused", "true"),),
        fixes=(change_fix("Resume it.", resume),),
    )
