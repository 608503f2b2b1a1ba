"""Pods are refused before they exist: quota, pod security, limits, policies, webhooks, a missing account or class.

One finding for each workload, also where several meet the same quota: each needs its own way out. Refusals by a webhook
that does not answer are symptoms of that webhook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Fix
from tools.kubernetes.diagnose.refused import refusal
from tools.kubernetes.diagnose.rule import Seen, change_fix, cut, event, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.refusals import plain_text
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, scale_change

IDS = {
    "SM-QUOTA": "the quota of the namespace is used up",
    "SM-POD-SECURITY": "the pod security level of the namespace refuses the pods",
    "SM-SERVICE-ACCOUNT": "the service account of the pods does not exist",
    "SM-POD-CLASS": "the priority class or runtime class of the pods does not exist",
    "SM-LIMIT-RANGE": "the pods' resources are outside of what the namespace allows",
    "SM-WEBHOOK-FAILS": "a webhook that must be asked about the pods does not answer",
    "SM-QUOTA-UNSET": "the quota of the namespace wants requests or limits that the pods do not name",
    "SM-ADMISSION": "a policy or webhook refuses the pods",
}
_KINDS = (
    ("SM-QUOTA-UNSET", re.compile(r"failed quota: .*must specify")),
    ("SM-WEBHOOK-FAILS", re.compile(r"failed calling webhook")),
    ("SM-QUOTA", re.compile(r"exceeded quota|failed quota")),
    ("SM-POD-SECURITY", re.compile(r"violates PodSecurity")),
    ("SM-SERVICE-ACCOUNT", re.compile(r"error looking up service account")),
    ("SM-POD-CLASS", re.compile(r"no PriorityClass with name|RuntimeClass .* not found", re.I)),
    (
        "SM-LIMIT-RANGE",
        re.compile(r"(?:maximum|minimum) .* usage per|limit to request ratio|must be less than or equal to \w+ limit"),
    ),
)
_ADVICE = {
    "SM-LIMIT-RANGE": "Set requests and limits within the range of the namespace.",
    "SM-WEBHOOK-FAILS": "Bring the webhook's program back; without it nothing of that kind can be made.",
    "SM-ADMISSION": "Change the pods to what the policy asks for, or ask its owner.",
}
_RECENT = 900  # seconds; older refusals with all pods there are history


def check(snap: Snapshot) -> Iterator[Seen]:
    """Workloads that cannot make their pods."""
    told: set[str] = set()
    for kind in ("replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"):
        for item in snap.all(kind):
            owner = snap.owner(item)
            if owner["metadata"]["uid"] in told or not (found := _refusal(snap, item)):
                continue
            told.add(owner["metadata"]["uid"])
            yield _finding(snap, owner, *found)


def _refusal(snap: Snapshot, item: Object) -> tuple[str, Object | None] | None:
    """What refused the pods of a set that still lacks some."""
    status = item.get("status") or {}
    there = status.get("replicas", status.get("currentNumberScheduled", status.get("active", 0)))
    if there >= replicas_of(item) or (
        item["kind"] == "Job" and (status.get("succeeded") or condition(item, "Complete"))
    ):
        return None
    failure = condition(item, "ReplicaFailure")
    events = snap.events(item, "FailedCreate")
    if failure.get("status") == "True":
        return str(failure.get("message", "")), events[-1] if events else None
    recent = [
        e for e in events if snap.seconds_since(e.get("lastTimestamp") or e["metadata"]["creationTimestamp"]) < _RECENT
    ]
    return (str(recent[-1].get("message", "")), recent[-1]) if recent else None


def _finding(snap: Snapshot, owner: Object, message: str, report: Object | None) -> Seen:
    id = next((id for id, pattern in _KINDS if pattern.search(message)), "SM-ADMISSION")
    ref, wanted = ref_of(owner), replicas_of(owner)
    there = sum(1 for pod in snap.pods_of(owner) if not pod["metadata"].get("deletionTimestamp"))
    known = refusal(id, snap, owner, message)
    why = known.why or plain_text(message).rstrip(".")
    waits = there >= wanted  # all the old ones are there, a new one is not let in beside them
    head = f"The rollout of {ref} cannot go on" if waits else f"{ref} has {there} of {wanted} pods"
    refused = "the next pod" if waits else f"{wanted - there} pod{'s' if wanted - there != 1 else ''}"
    fixes = [*known.fixes, Fix(text=_ADVICE[id]) if id in _ADVICE else None]
    if id == "SM-QUOTA" and waits:
        fixes.insert(0, _without_surge(owner))
    elif id == "SM-QUOTA" and owner["kind"] in ("Deployment", "StatefulSet") and 0 < there < wanted:
        fixes.insert(0, change_fix(f"Scale to the {there} that the quota allows.", scale_change(owner, there)))
    return seen(
        id,
        owner,
        f"{head}: {cut(why, 240)}.",
        chain=(f"{refused} of {ref} {'are' if wanted - there > 1 else 'is'} refused", why),
        evidence=(event(report) if report else field("status.conditions.ReplicaFailure", message), *known.evidence),
        fixes=fixes,
        symptom_of=known.causes,
    )


def _without_surge(owner: Object) -> Fix | None:
    """For a rollout without room beside the old pods: let one of them go first."""
    if owner["kind"] != "Deployment":
        return None
    ref = ref_of(owner)
    patch = {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}}
    change = Patch(summary=f"let {ref} end an old pod before each new one", ref=ref, verb="set strategy", patch=patch)
    return change_fix("Let an old pod go before each new one comes, so that the quota holds both.", change)
