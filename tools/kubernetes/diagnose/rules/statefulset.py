"""A StatefulSet stands still at one of its pods, for the pods come one after the other.

Example: db-1 of 3 is not ready, so db-2 is never made. What is wrong with that pod or its claim is the cause. One that
is broken by a former template is never replaced by itself: it has to be deleted.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Delete, Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.diagnose.superseded import HASH, hopeless, ordinal, superseded
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.rollout.state import condition, patience
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-STATEFULSET-STUCK": "one pod of a StatefulSet is not ready, so the next ones do not come",
    "SM-STATEFULSET-OLD-POD": "a broken pod of a former template keeps the new one from coming",
}
_PATIENCE = 5.0  # seconds in which the controller itself may replace a pod


def check(snap: Snapshot) -> Iterator[Seen]:
    """StatefulSets that wait for one of their pods longer than it may take."""
    for item in snap.all("statefulsets.apps"):
        ordered = item["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        pods = sorted(snap.pods_of(item), key=ordinal)
        blocking = next((pod for pod in pods if condition(pod, "Ready").get("status") != "True"), None)
        if not ordered or blocking is None or blocking["metadata"].get("deletionTimestamp"):
            continue
        age = snap.seconds_since(blocking["metadata"]["creationTimestamp"])
        if age < (_PATIENCE if hopeless(blocking) else patience(item)):
            continue
        if superseded(item, blocking):
            yield _outdated(item, blocking)
        elif len(pods) < replicas_of(item) or ordinal(blocking) < len(pods) - 1:
            yield _stuck(item, blocking, len(pods))


def _outdated(item: Object, pod: Object) -> Seen:
    ref, name = ref_of(item), pod["metadata"]["name"]
    why = f"pod {name} is of a former template and not ready, and the controller waits for it"
    change = Delete(summary=f"delete pod {name}, which comes again from the new template", ref=ref_of(pod))
    return seen(
        "SM-STATEFULSET-OLD-POD",
        item,
        f"{ref} does not go on: {why}.",
        chain=(f"{ref} is not updated", why),
        evidence=(field(f"label {HASH} of {name}", pod["metadata"]["labels"][HASH]),
                  field("status.updateRevision", item["status"]["updateRevision"])),
        fixes=(change_fix(f"Delete pod {name}; it comes again from the new template.", change),),
    )  # fmt: skip


def _stuck(item: Object, pod: Object, there: int) -> Seen:
    ref, name, space = ref_of(item), pod["metadata"]["name"], pod["metadata"].get("namespace")
    claims = [
        Ref(api_version="v1", kind="PersistentVolumeClaim", name=entry["claimName"], namespace=space)
        for volume in pod["spec"].get("volumes") or ()
        if (entry := volume.get("persistentVolumeClaim"))
    ]
    return seen(
        "SM-STATEFULSET-STUCK",
        item,
        f"{ref} stands still at pod {name} ({there} of {replicas_of(item)} pods): it is not ready, "
        "and the next ones wait for it.",
        severity=Severity.WARNING,
        evidence=(field(f"{name} status.phase", (pod.get("status") or {}).get("phase")),),
        fixes=(Fix(text=f"Look at pod {name} and its log."),),
        symptom_of=(*claims, ref),
    )
