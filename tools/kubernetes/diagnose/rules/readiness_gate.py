"""Pods are well, but wait for a condition from outside (a readiness gate) that nobody sets.

Example: the gate of a cloud's load balancer, on a cluster where its controller does not run. A gate that waits for its
controller for a minute or two is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Fix
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, template_of

IDS = {"SM-READINESS-GATE": "pods wait for a readiness gate that nobody sets"}
_PATIENCE = 120.0  # seconds in which a load balancer takes up a pod


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each workload whose pods wait for a gate."""
    waiting: dict[str, list[Object]] = {}
    for pod in snap.pods:
        if _unset(pod) and not pod["metadata"].get("deletionTimestamp") and _long(snap, pod):
            waiting.setdefault(snap.owner(pod)["metadata"]["uid"], []).append(pod)
    for pods in waiting.values():
        yield _finding(snap.owner(pods[0]), pods)


def _unset(pod: Object) -> list[str]:
    """The gates that keep a pod back whose containers are all ready."""
    gates = [item["conditionType"] for item in pod["spec"].get("readinessGates") or ()]
    if not gates or condition(pod, "ContainersReady").get("status") != "True":
        return []
    return [gate for gate in gates if condition(pod, gate).get("status") != "True"]


def _long(snap: Snapshot, pod: Object) -> bool:
    late = condition(snap.owner(pod), "Progressing").get("reason") == "ProgressDeadlineExceeded"
    return late or snap.seconds_since(condition(pod, "ContainersReady").get("lastTransitionTime")) > _PATIENCE


def _finding(owner: Object, pods: list[Object]) -> Seen:
    ref, gates = ref_of(owner), _unset(pods[0])
    told = ", ".join(gates)
    state = condition(pods[0], gates[0])
    left = [
        item
        for item in (template_of(owner).get("spec") or {}).get("readinessGates") or ()
        if item["conditionType"] not in gates
    ]
    change = Patch(
        summary=f"take the readiness gate {told} from {ref}",
        ref=ref,
        verb="set readiness gates",
        type="merge",
        patch={"spec": {"template": {"spec": {"readinessGates": left or None}}}},
    )
    runs = owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
    mend = Fix(text=f"Look at the controller that should set {told}.")
    return seen(
        "SM-READINESS-GATE",
        owner,
        f"{pods_text(len(pods), owner)} cannot become ready: nobody sets the readiness gate {told}.",
        chain=(
            f"{pods_text(len(pods), owner)} get no traffic",
            f"condition {told} is not set, though all containers run",
        ),
        evidence=(field(f"status.conditions.{gates[0]}", state.get("status") or "not there"),),
        fixes=(change_fix("Do without the gate, if nothing here sets it.", change), mend) if runs else (mend,),
    )
