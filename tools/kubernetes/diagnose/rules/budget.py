"""A disruption budget that never lets any pod go, so that nodes cannot be drained, or that protects nobody.

Example: minAvailable 2 for a deployment with 2 replicas. A budget that allows nothing only because a pod is not ready
just now is a symptom of that pod.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tools.change import Delete, Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.closest import closest, corrected, labels_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.budgets import wanted
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import ref_of, scale_change

IDS = {
    "SM-BUDGET-BLOCKS": "a disruption budget never lets a pod go",
    "SM-BUDGET-TWICE": "two disruption budgets select the same pods, so none of these can be evicted",
    "SM-BUDGET-NOBODY": "a disruption budget selects no pod, though it is meant for some",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Budgets that could not allow an eviction even when all is well, and those that nobody is protected by."""
    budgets = snap.all("poddisruptionbudgets.policy")
    for item in budgets:
        status = item.get("status") or {}
        count = status.get("expectedPods", 0)
        if count and not status.get("disruptionsAllowed") and wanted(item, count) >= count:
            yield _blocks(snap, item, count)
        elif not count and (found := _nobody(snap, item)):
            yield found
    near: dict[str, list[Object]] = defaultdict(list)
    for item in budgets:
        near[item["metadata"]["namespace"]].append(item)
    crowded = {space for space, found in near.items() if len(found) > 1}
    told: set[tuple[str, ...]] = set()
    for pod in (pod for pod in snap.pods if pod["metadata"]["namespace"] in crowded):
        hits = [item for item in near[pod["metadata"]["namespace"]] if _has(item, pod)]
        pair = tuple(sorted(item["metadata"]["uid"] for item in hits))
        if len(hits) > 1 and pair not in told:
            told.add(pair)
            yield _twice(snap, snap.owner(pod), sorted(hits, key=_age))


def _has(budget: Object, pod: Object) -> bool:
    space, labels = pod["metadata"].get("namespace"), pod["metadata"].get("labels") or {}
    return budget["metadata"].get("namespace") == space and selects(budget["spec"].get("selector"), labels)


def _age(item: Object) -> tuple[str, str]:
    return item["metadata"]["creationTimestamp"], item["metadata"]["name"]


def _blocks(snap: Snapshot, item: Object, count: int) -> Seen:
    ref, spec = ref_of(item), item["spec"]
    key = "minAvailable" if spec.get("minAvailable") is not None else "maxUnavailable"
    patch = {"spec": {"minAvailable": None, "maxUnavailable": 1}}
    change = Patch(summary=f"let {ref} allow one missing pod", ref=ref, verb="set budget", type="merge", patch=patch)
    allow = change_fix("Allow one pod to be missing.", change)
    more = _one_more(snap, item) if count == 1 else None
    return seen(
        "SM-BUDGET-BLOCKS",
        item,
        f"{ref} never lets any of its {count} pod{'s' if count > 1 else ''} go: nodes cannot be drained.",
        severity=Severity.WARNING,
        chain=("evictions are refused", f"{key} {spec.get(key)} of {count} pods leaves none to spare"),
        evidence=(field(f"spec.{key}", spec.get(key)), field("status.expectedPods", count)),
        fixes=(more, allow) if more else (allow, Fix(text="Or run more replicas.")),
    )


def _one_more(snap: Snapshot, item: Object) -> Fix | None:
    """A second replica, for a program that keeps no data of its own and whose budget then lets one go."""
    owner = next((snap.owner(pod) for pod in snap.pods if _has(item, pod)), None)
    if owner is None or owner["kind"] != "Deployment" or wanted(item, 2) > 1 or replicas_of(owner) != 1:
        return None
    volumes = owner["spec"]["template"]["spec"].get("volumes") or ()
    if any("persistentVolumeClaim" in volume or "hostPath" in volume for volume in volumes):
        return None
    return change_fix("Run a second replica, so that one can go.", scale_change(owner, 2))


def _twice(snap: Snapshot, owner: Object, hits: list[Object]) -> Seen:
    names = ", ".join(item["metadata"]["name"] for item in hits)
    first, last = hits[0], hits[-1]
    covered = all(_has(first, pod) for pod in snap.pods if _has(last, pod))
    away = Delete(summary=f"delete {ref_of(last)}", ref=ref_of(last))
    return seen(
        "SM-BUDGET-TWICE",
        last,
        f"Disruption budgets {names} select the same pods of {ref_of(owner)}: none of these can be evicted.",
        severity=Severity.WARNING,
        chain=(f"evictions of pods of {ref_of(owner)} are refused", "more than one budget counts them"),
        evidence=[field(f"spec.selector of {item['metadata']['name']}", item["spec"].get("selector")) for item in hits],
        fixes=(
            change_fix(f"Delete the younger one; {first['metadata']['name']} has all of its pods.", away)
            if covered
            else Fix(text="Make their selectors differ."),
        ),
    )


def _nobody(snap: Snapshot, item: Object) -> Seen | None:
    """Only where it is clear what was meant: a budget may be there before its pods are."""
    selector, meta = item["spec"].get("selector") or {}, item["metadata"]
    pairs = selector.get("matchLabels") or {}
    mine = [one for one in snap.workloads() if one["metadata"].get("namespace") == meta["namespace"]]
    if not pairs or selector.get("matchExpressions") or any(selects(selector, labels_of(one)) for one in mine):
        return None
    close = closest(snap, meta["namespace"], meta["name"], pairs)
    if not close or not replicas_of(close) or (item.get("status") or {}).get("observedGeneration") is None:
        return None
    ref, told = ref_of(item), ",".join(f"{key}={value}" for key, value in pairs.items())
    change = Patch(
        summary=f"let {ref} select {ref_of(close)}",
        ref=ref,
        verb="set selector",
        type="merge",
        patch={"spec": {"selector": {"matchLabels": corrected(pairs, close)}}},
    )
    labels = ",".join(f"{key}={value}" for key, value in labels_of(close).items())
    return seen(
        "SM-BUDGET-NOBODY",
        item,
        f"{ref} protects nobody: its selector {told} matches no pod; {ref_of(close)} has almost such labels.",
        severity=Severity.WARNING,
        evidence=(field("spec.selector", told), field(f"labels of the pods of {ref_of(close)}", labels)),
        fixes=(change_fix(f"Let it select {ref_of(close)}.", change),),
    )
