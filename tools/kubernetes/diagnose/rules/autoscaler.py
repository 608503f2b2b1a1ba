"""An autoscaler does not work: no metrics, no requests to measure against, no target; or it is at its maximum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import containers_of, ref_of

IDS = {
    "SM-HPA-TARGET": "the workload that the autoscaler names does not exist",
    "SM-HPA-REQUESTS": "the pods request nothing that the autoscaler could measure against",
    "SM-HPA-METRICS": "the autoscaler gets no metrics",
    "SM-HPA-MAXIMUM": "the autoscaler is at its maximum and would go further",
    "SM-HPA-FLAPPING": "the autoscaler goes up and down again and again",
}
_KINDS = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps"}
_SIZE = re.compile(r"New size: (\d+)")
_WINDOW = 1800.0  # seconds
_TURNS = 4
_PATIENCE = 120.0  # seconds until the first metrics of a new autoscaler or new pods


def check(snap: Snapshot) -> Iterator[Seen]:
    """Autoscalers that cannot do their work."""
    for item in snap.all("horizontalpodautoscalers.autoscaling"):
        name, aim = item["metadata"]["name"], item["spec"]["scaleTargetRef"]
        space = item["metadata"]["namespace"]
        kind = _KINDS.get(aim["kind"])
        target = snap.find(kind, aim["name"], space) if kind else None
        if kind and target is None:
            known = [found["metadata"]["name"] for found in snap.all(kind) if found["metadata"]["namespace"] == space]
            best = near(aim["name"], known)
            yield seen(
                "SM-HPA-TARGET",
                item,
                f"Autoscaler {name} has no target: there is no {aim['kind'].lower()} {aim['name']}"
                f"{f', but {best}' if best else ''}.",
                evidence=(field("spec.scaleTargetRef.name", aim["name"]),),
                fixes=(Fix(text="Correct the name of its target, or delete it."),),
            )
            continue
        active = condition(item, "ScalingActive")
        off = active.get("status") == "False" and active.get("reason") != "ScalingDisabled"
        if off and (found := _blind(snap, item, target, str(active.get("message", "")))):
            yield found
        limited = condition(item, "ScalingLimited")
        if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
            yield seen(
                "SM-HPA-MAXIMUM",
                item,
                f"Autoscaler {name} is at its maximum of {item['spec']['maxReplicas']} replicas.",
                severity=Severity.INFO,
                evidence=(field("status.conditions.ScalingLimited", limited.get("message")),),
                fixes=(Fix(text="Raise the maximum if the nodes have room."),),
            )
        yield from _flapping(snap, item)


def _flapping(snap: Snapshot, item: Object) -> Iterator[Seen]:
    """Turns between growing and shrinking, of which a daily rhythm has one or two in half an hour."""
    sizes = [
        int(match[1])
        for found in snap.events(item, "SuccessfulRescale")
        if (match := _SIZE.search(found.get("message", "")))
        and snap.seconds_since(found.get("lastTimestamp")) < _WINDOW
    ]
    steps = [after > before for before, after in pairwise(sizes)]
    turns = sum(1 for before, after in pairwise(steps) if before != after)
    if turns >= _TURNS:
        yield seen(
            "SM-HPA-FLAPPING",
            item,
            f"Autoscaler {item['metadata']['name']} goes up and down again and again ({turns} turns in 30 minutes).",
            severity=Severity.WARNING,
            evidence=(field("sizes", ", ".join(map(str, sizes[-8:]))),),
            fixes=(Fix(text="Raise behavior.scaleDown.stabilizationWindowSeconds, or measure something steadier."),),
        )


def _blind(snap: Snapshot, item: Object, target: Object | None, message: str) -> Seen | None:
    name = item["metadata"]["name"]
    without = [c["name"] for c in containers_of(target) if not _requests(c)] if target else []
    if target and ("missing request" in message or without):
        return seen(
            "SM-HPA-REQUESTS",
            item,
            f"Autoscaler {name} has nothing to measure against: container "
            f"{', '.join(without) or 'of its pods'} of {ref_of(target)} requests no CPU or memory.",
            severity=Severity.WARNING,
            evidence=(field("status.conditions.ScalingActive", message),),
            fixes=(Fix(text="Set a CPU request on every container."),),
        )
    if snap.seconds_since(item["metadata"]["creationTimestamp"]) < _PATIENCE:
        return None
    return seen(
        "SM-HPA-METRICS",
        item,
        f"Autoscaler {name} gets no metrics, so it does nothing.",
        severity=Severity.WARNING,
        evidence=(field("status.conditions.ScalingActive", message),),
        symptom_of=(ref_of(target),) if target else (),
        fixes=(Fix(text="Check that metrics-server (or the adapter of the custom metric) runs and answers."),),
    )


def _requests(container: Object) -> bool:
    resources = container.get("resources") or {}
    return bool(resources.get("requests") or resources.get("limits"))
