"""An autoscaler works, but not as one would wish: it is at its maximum, or goes up and down all the time.

Example: the load of a minute takes web from 2 to 6 replicas and back, every few minutes. One that has grown and shrunk
once or twice in half an hour follows its load and is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tools.change import Patch
from tools.finding import Asks, Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-HPA-MAXIMUM": "the autoscaler is at its maximum and would go further",
    "SM-HPA-FLAPPING": "the autoscaler goes up and down again and again",
}
_WINDOW = 1800.0  # seconds
_TIMES = 3  # ups and downs in that time
_STEADY = 300  # seconds, what the cluster waits by default before it scales down
_LONGEST = 3600


def check(snap: Snapshot) -> Iterator[Seen]:
    """Autoscalers at their limit, and restless ones."""
    for item in snap.all("horizontalpodautoscalers.autoscaling"):
        limited, most = condition(item, "ScalingLimited"), item["spec"]["maxReplicas"]
        full = (item.get("status") or {}).get("currentReplicas", 0) >= most
        if full and limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
            yield _full(item, most, str(limited.get("message")))
        if turns := _turns(snap, item):
            yield _restless(item, turns)


def _full(item: Object, most: int, message: str) -> Seen:
    ref = ref_of(item)
    change = Patch(
        summary=f"set the maximum of {ref} to {{value}}",
        ref=ref,
        verb="set maximum",
        type="merge",
        patch={"spec": {"maxReplicas": "{value}"}},
    )
    asks = Asks(question=f"How many replicas may there be at most, instead of {most}?", form="number")
    return seen(
        "SM-HPA-MAXIMUM",
        item,
        f"Autoscaler {ref.name} is at its maximum of {most} replicas, and would go further.",
        severity=Severity.INFO,
        evidence=(field("status.conditions.ScalingLimited", message), field("measured", _measured(item))),
        fixes=(Fix(text="Raise the maximum if the nodes have room.", changes=(change,), asks=asks),),
    )


def _measured(item: Object) -> str:
    """What it measures against what it aims at."""
    wanted = {
        m["resource"]["name"]: m["resource"]["target"] for m in item["spec"].get("metrics") or () if "resource" in m
    }
    now = {
        m["resource"]["name"]: m["resource"]["current"]
        for m in (item.get("status") or {}).get("currentMetrics") or ()
        if "resource" in m
    }
    return ", ".join(
        f"{name} {now[name].get('averageUtilization', now[name].get('averageValue'))}"
        f" for a target of {target.get('averageUtilization', target.get('averageValue'))}"
        for name, target in wanted.items()
        if name in now
    )


def _turns(snap: Snapshot, item: Object) -> int:
    """How often it went up and down lately, as far as it still would by its present settings; 0 when not often."""
    lately = [e for e in snap.events(item, "SuccessfulRescale") if snap.seconds_since(e.get("lastTimestamp")) < _WINDOW]
    ups = [found for found in lately if "above target" in found.get("message", "")]
    downs = [found for found in lately if "below target" in found.get("message", "")]
    turns = min(sum(found.get("count") or 1 for found in group) for group in (ups, downs))
    if turns < _TIMES:
        return 0
    first = min(datetime.fromisoformat(found.get("firstTimestamp") or found["lastTimestamp"]) for found in downs)
    last = max(datetime.fromisoformat(found["lastTimestamp"]) for found in downs)
    period = (last - first).total_seconds() / max(sum(found.get("count") or 1 for found in downs) - 1, 1)
    return turns if period >= _steadiness(item) else 0


def _steadiness(item: Object) -> int:
    down = (item["spec"].get("behavior") or {}).get("scaleDown") or {}
    return int(down.get("stabilizationWindowSeconds", _STEADY))


def _restless(item: Object, turns: int) -> Seen:
    ref, now = ref_of(item), _steadiness(item)
    after = min(max(_STEADY, 2 * now), _LONGEST)
    change = Patch(
        summary=f"let {ref} wait {after} s before it scales down",
        ref=ref,
        verb="set behavior",
        type="merge",
        patch={"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": after}}}},
    )
    steadier = Fix(text="Or measure something steadier.")
    return seen(
        "SM-HPA-FLAPPING",
        item,
        f"Autoscaler {ref.name} goes up and down again and again ({turns} times lately).",
        severity=Severity.WARNING,
        evidence=(
            field("spec.behavior.scaleDown.stabilizationWindowSeconds", now),
            field(
                "spec.minReplicas to maxReplicas",
                f"{item['spec'].get('minReplicas', 1)} to {item['spec']['maxReplicas']}",
            ),
        ),
        fixes=(change_fix("Let it wait longer before it scales down.", change), steadier)
        if after > now
        else (steadier,),
    )
