"""A DaemonSet that runs on no node, or leaves out some.

Example: nodeSelector disk=ssd, and no node has that label. A DaemonSet that keeps off the control plane by its taints
does what it should.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Snapshot
from tools.kubernetes.handlers.foresight.capacity import unsuitable
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, template_of

IDS = {
    "SM-DAEMONSET-NO-NODES": "no node matches the DaemonSet",
    "SM-DAEMONSET-SHORT": "a DaemonSet lacks pods on some of its nodes",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """DaemonSets with fewer pods than nodes that they should run on."""
    for item in snap.all("daemonsets.apps"):
        status, ref, nodes = item.get("status") or {}, ref_of(item), snap.all("nodes")
        wanted, there = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
        if (status.get("observedGeneration") or 0) < item["metadata"].get("generation", 0):
            continue
        spec = template_of(item).get("spec") or {}
        if not wanted and nodes:
            reasons = sorted({why for node in nodes if (why := unsuitable(node, spec))})
            why = f"every node is {' or '.join(reasons)}" if reasons else "no node is meant for it"
            yield seen(
                "SM-DAEMONSET-NO-NODES",
                item,
                f"{ref} runs nowhere: {why}.",
                severity=Severity.INFO,  # a selector that nothing matches is also how people switch one off
                evidence=(field("spec.template.spec.nodeSelector", spec.get("nodeSelector") or "none"),),
                fixes=(Fix(text="Label the nodes that it is meant for, or correct its node selector."),),
            )
        elif there < wanted:
            down = [node for node in nodes if condition(node, "Ready").get("status") != "True"]
            refs = [Ref(api_version="v1", kind="Node", name=node["metadata"]["name"]) for node in down]
            old = snap.seconds_since(item["metadata"]["creationTimestamp"]) > 300
            if refs and old:
                yield seen(
                    "SM-DAEMONSET-SHORT",
                    item,
                    f"{ref} runs on {there} of {wanted} nodes.",
                    severity=Severity.WARNING,
                    symptom_of=refs,
                )
