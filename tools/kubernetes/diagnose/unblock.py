"""A StatefulSet whose pod is broken waits for just that pod before it takes up a new template: let the pod go first."""

from __future__ import annotations

from tools.change import Change, Patch, Scale
from tools.kubernetes.diagnose.snapshot import Snapshot
from tools.kubernetes.diagnose.superseded import hopeless, ordinal
from tools.kubernetes.look.owners import helm_release
from tools.kubernetes.rollout.rolling import replicas_of


def unblocked(snap: Snapshot, change: Change) -> tuple[Change, ...]:
    """A template changed so that its StatefulSet follows: down to the pods that run, then up with the new one."""
    if not isinstance(change, Patch) or isinstance(change.patch, list) or change.ref.kind != "StatefulSet":
        return (change,)
    spec = change.patch.get("spec")
    item = snap.find("statefulsets.apps", change.ref.name, change.ref.namespace)
    if item is None or not isinstance(spec, dict) or "template" not in spec or helm_release(item):
        return (change,)
    keeps = (item["spec"].get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled", "Retain") == "Retain"
    ordered = item["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    broken = sorted(ordinal(pod) for pod in snap.pods_of(item) if hopeless(pod))
    if not broken or not ordered or not keeps or broken[0] >= replicas_of(item):
        return (change,)
    why = "for it waits for its broken pod before it takes up what is new"
    down = Scale(summary=f"scale {change.ref} to {broken[0]} for a moment", why=why, ref=change.ref, replicas=broken[0])
    return down, change.model_copy(update={"patch": {**change.patch, "spec": {**spec, "replicas": replicas_of(item)}}})
