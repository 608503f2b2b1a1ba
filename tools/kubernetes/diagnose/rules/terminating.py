"""Something is being deleted and does not go: a finalizer holds it, something uses it, or its node is gone.

Example: namespace old waits for an API service that does not answer, so its content cannot even be listed. A pod
within its grace period is on its way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-STUCK-TERMINATING": "an object is being deleted for long",
    "SM-NAMESPACE-STUCK": "a namespace is being deleted for long",
}
_KIND = re.compile(r"([a-z0-9.-]+) has \d+ resource")
_MOST_KINDS = 5  # of what is left in a namespace
_PATIENCE = 60.0  # seconds beyond the pod's own grace period
_KINDS = ("pods", "persistentvolumeclaims", "services", "namespaces")
_TROUBLE = (
    "NamespaceDeletionDiscoveryFailure", "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure", "NamespaceFinalizersRemaining", "NamespaceContentRemaining",
)  # fmt: skip


def check(snap: Snapshot) -> Iterator[Seen]:
    """Objects whose deletion has begun long ago."""
    for kind in _KINDS:
        for item in snap.all(kind):
            since = item["metadata"].get("deletionTimestamp")  # for pods this is when the grace period ends
            if not since or snap.seconds_since(since) < _PATIENCE:
                continue
            if kind != "namespaces":
                yield _object(snap, item, since)
            elif snap.namespace in (None, item["metadata"]["name"]):
                yield _namespace(snap, item, since)


def _object(snap: Snapshot, item: Object, since: str) -> Seen:
    held: list[str] = item["metadata"].get("finalizers") or []
    causes: list[Ref] = []
    fix = "Look at the controller that should remove the finalizer."
    node = item["spec"].get("nodeName") if item["kind"] == "Pod" else None
    if "kubernetes.io/pvc-protection" in held:
        users = [
            pod["metadata"]["name"]
            for pod in snap.pods
            if pod["metadata"].get("namespace") == item["metadata"].get("namespace")
            and any(
                (volume.get("persistentVolumeClaim") or {}).get("claimName") == item["metadata"]["name"]
                for volume in pod["spec"].get("volumes") or ()
            )
        ]
        why = f"pod{'s' if len(users) != 1 else ''} {', '.join(users[:5]) or 'unseen'} still use it"
        fix = "Delete what uses it first; then it goes by itself."
    elif held:
        why = f"finalizer {', '.join(held)} holds it"
    elif node and "nodes" not in snap.unchecked and not snap.find("nodes", node, None):
        why, fix = f"its node {node} no longer exists", "Delete it by force: no kubelet is left to confirm."
    elif node and _is_down(snap, node):
        why, fix = f"its node {node} does not answer", "Look at the node."
        causes = [Ref(api_version="v1", kind="Node", name=node)]
    else:
        why, fix = "its kubelet does not finish it", "Look at the kubelet's log on the node; a volume may hang."
    return seen(
        "SM-STUCK-TERMINATING",
        item,
        f"{ref_of(item)} has been deleting since {since}: {why}.",
        severity=Severity.WARNING,
        evidence=(
            field("metadata.finalizers", ", ".join(held) or "none"),
            field("spec.nodeName", node) if node else None,
        ),
        fixes=(Fix(text=fix),),
        symptom_of=causes,
    )


def _is_down(snap: Snapshot, name: str) -> bool:
    node = snap.find("nodes", name, None)
    return node is not None and condition(node, "Ready").get("status") != "True"


def _left(snap: Snapshot, item: Object) -> list[str]:
    """What is left in a namespace, each with the finalizers that hold it, as far as its conditions name the kinds."""
    message = str(condition(item, "NamespaceContentRemaining").get("message", ""))
    return [
        f"{ref_of(obj).kind.lower()} {obj['metadata']['name']} (finalizer {', '.join(obj['metadata']['finalizers'])})"
        for kind in _KIND.findall(message)[:_MOST_KINDS]
        for obj in snap.all(kind.rstrip("."))
        if obj["metadata"].get("namespace") == item["metadata"]["name"] and obj["metadata"].get("finalizers")
    ]


def _namespace(snap: Snapshot, item: Object, since: str) -> Seen:
    told = [str(found.get("message")) for kind in _TROUBLE if (found := condition(item, kind)).get("status") == "True"]
    held = [*(item["metadata"].get("finalizers") or ()), *((item.get("spec") or {}).get("finalizers") or ())]
    why = told[0] if told else f"finalizer {', '.join(held)} holds it"
    left = _left(snap, item)
    if left:
        why = f"it waits for {', '.join(left[:5])}{' and others' if len(left) > 5 else ''}"
    broken = condition(item, _TROUBLE[0]).get("status") == "True"
    fix = (
        "Bring back the API service that the message names, or delete its APIService if its program is gone."
        if broken
        else "Look at the controllers that should remove the finalizers of what is left in it."
    )
    return seen(
        "SM-NAMESPACE-STUCK",
        item,
        f"{ref_of(item)} has been deleting since {since}: {why.rstrip('.')}.",
        severity=Severity.WARNING,
        chain=(f"{ref_of(item)} does not go", why),
        evidence=[field("status.conditions", text) for text in (told if left else told[1:])],
        fixes=(Fix(text=fix),),
    )
