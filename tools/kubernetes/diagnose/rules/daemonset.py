"""A DaemonSet that runs on no node, or leaves out some.

Example: nodeSelector disk=ssd, and no node has that label. A DaemonSet that keeps off the control plane by its taints
does what it should.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch, Ref
from tools.finding import Asks, Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.capacity import unsuitable
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, template_of

IDS = {
    "SM-DAEMONSET-NO-NODES": "no node matches the DaemonSet",
    "SM-DAEMONSET-SHORT": "a DaemonSet lacks pods on some of its nodes",
}
_CHOSEN = ("arch", "hostname", "instance-type")  # labels whose values are alike without being slips of each other


def check(snap: Snapshot) -> Iterator[Seen]:
    """DaemonSets with fewer pods than nodes that they should run on."""
    for item in snap.all("daemonsets.apps"):
        status, ref, nodes = item.get("status") or {}, ref_of(item), snap.all("nodes")
        wanted, there = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
        if (status.get("observedGeneration") or 0) < item["metadata"].get("generation", 0):
            continue
        spec = template_of(item).get("spec") or {}
        if not wanted and nodes:
            yield _nowhere(item, spec, nodes)
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


def _nowhere(item: Object, spec: Object, nodes: list[Object]) -> Seen:
    ref, wanted = ref_of(item), spec.get("nodeSelector") or {}
    reasons = sorted({why for node in nodes if (why := unsuitable(node, spec))})
    why = f"every node is {' or '.join(reasons)}" if reasons else "no node is meant for it"
    slips = _slips(wanted, nodes)
    told = ", ".join(f"{old} is probably {key}={value}" for old, (key, value) in slips.items())
    return seen(
        "SM-DAEMONSET-NO-NODES",
        item,
        f"{ref} runs nowhere: {why}{f'; {told}' if told else ''}.",
        # without a slip: a selector that nothing matches is also how people switch one off
        severity=Severity.WARNING if slips else Severity.INFO,
        evidence=(field("spec.template.spec.nodeSelector", wanted or "none"),),
        fixes=_fixes(ref, wanted, slips, nodes),
    )


def _slips(wanted: dict[str, str], nodes: list[Object]) -> dict[str, tuple[str, str]]:
    """Labels of a node selector that no node has, each with the one that was probably meant."""
    labels = [node["metadata"].get("labels") or {} for node in nodes]
    keys = {key for found in labels for key in found}
    found: dict[str, tuple[str, str]] = {}
    for key, value in wanted.items():
        values = {item[key] for item in labels if key in item}
        if value in values or key.startswith("topology.") or key.rpartition("/")[2] in _CHOSEN:
            continue
        if right := near(value, values):
            found[f"{key}={value}"] = key, right
        elif not values and (right := near(key, keys)) and any(item.get(right) == value for item in labels):
            found[f"{key}={value}"] = right, value
    return found


def _fixes(ref: Ref, wanted: dict[str, str], slips: dict[str, tuple[str, str]], nodes: list[Object]) -> list[Fix]:
    if slips:
        old = {text.partition("=")[0]: None for text in slips}
        patch = {"spec": {"template": {"spec": {"nodeSelector": {**old, **dict(slips.values())}}}}}
        change = Patch(
            summary=f"correct the node selector of {ref}", ref=ref, verb="set node selector", type="merge", patch=patch
        )
        return [change_fix("Correct its node selector.", change)]
    if not wanted:
        return [Fix(text="Look at its affinity and tolerations: they keep it off every node.")]
    names = tuple(node["metadata"]["name"] for node in nodes[:5])
    node = Ref(api_version="v1", kind="Node", name="{value}")
    told = ", ".join(f"{key}={value}" for key, value in wanted.items())
    change = Patch(
        summary=f"label node {{value}} with {told}",
        ref=node,
        verb="label",
        type="merge",
        patch={"metadata": {"labels": dict(wanted)}},
    )
    asks = Asks(question=f"Which node is {ref} meant for? It gets the label {told}.", options=names, form="name")
    return [Fix(text=f"Label the nodes that it is meant for with {told}.", changes=(change,), asks=asks)]
