"""A node is not ready, short of memory, disk or process ids, closed to new pods, or of a version that does not fit.

Example: the kubelet of node worker-2 has not reported for ten minutes. A node closed on purpose is only worth knowing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.errors import ShipmateError
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-NODE-NOT-READY": "a node is not ready",
    "SM-NODE-PRESSURE": "a node is short of memory, disk or process ids",
    "SM-NODE-NETWORK": "the network of a node is not set up",
    "SM-NODE-CORDONED": "a node takes no new pods",
    "SM-NODE-VERSION": "a node is newer than the control plane, or more than three versions older",
}
_MINOR = re.compile(r"v?(\d+)\.(\d+)")
_PRESSURES = {"MemoryPressure": "memory", "DiskPressure": "disk space", "PIDPressure": "process ids"}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Nodes that say that they are unwell."""
    for node in snap.all("nodes"):
        name = node["metadata"]["name"]
        yield from _closed(node)
        for item in (node.get("status") or {}).get("conditions") or ():
            kind, value = item.get("type"), item.get("status")
            if kind == "Ready" and value != "True":
                silent = value == "Unknown"
                why = "its kubelet no longer reports" if silent else str(item.get("message") or item.get("reason"))
                yield seen(
                    "SM-NODE-NOT-READY",
                    node,
                    f"Node {name} is not ready: {why}.",
                    evidence=(field(f"status.conditions.{kind}", f"{value} since {item.get('lastTransitionTime')}"),),
                    fixes=(Fix(text="Look at the machine and the kubelet's log on it."),),
                )
            elif kind in _PRESSURES and value == "True":
                yield seen(
                    "SM-NODE-PRESSURE",
                    node,
                    f"Node {name} is short of {_PRESSURES[kind]}; it may evict pods.",
                    severity=Severity.WARNING,
                    evidence=(field(f"status.conditions.{kind}", item.get("message")),),
                )
            elif kind == "NetworkUnavailable" and value == "True":
                yield seen(
                    "SM-NODE-NETWORK",
                    node,
                    f"The network of node {name} is not set up.",
                    evidence=(field(f"status.conditions.{kind}", item.get("message")),),
                    fixes=(Fix(text="Look at the pods of the network plugin on that node."),),
                )
    yield from _versions(snap)


def _closed(node: Object) -> Iterator[Seen]:
    if not (node.get("spec") or {}).get("unschedulable"):
        return
    ref = ref_of(node)
    change = Patch(summary=f"uncordon {ref}", ref=ref, verb="uncordon", type="merge",
                   patch={"spec": {"unschedulable": None}})  # fmt: skip
    yield seen(
        "SM-NODE-CORDONED",
        node,
        f"Node {ref.name} is cordoned: it takes no new pods.",
        severity=Severity.INFO,
        evidence=(field("spec.unschedulable", "true"),),
        fixes=(change_fix("Open it again, if its maintenance is over.", change),),
    )


def _versions(snap: Snapshot) -> Iterator[Seen]:
    nodes = [(node, _minor(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", "")))
             for node in snap.all("nodes")]  # fmt: skip
    if not any(version for _, version in nodes):
        return
    try:
        told = str(snap.ctx.cluster.get("/version").get("gitVersion", ""))
    except ShipmateError as error:
        snap.unchecked["version of the control plane"] = error.message
        return
    server = _minor(told)
    for node, version in nodes:
        if version and server and not 0 <= server - version <= 3:
            yield seen(
                "SM-NODE-VERSION",
                node,
                f"Node {node['metadata']['name']} runs {node['status']['nodeInfo']['kubeletVersion']}, which does not "
                f"go with the control plane's {told}.",
                severity=Severity.WARNING,
                evidence=(field("status.nodeInfo.kubeletVersion", node["status"]["nodeInfo"]["kubeletVersion"]),),
                fixes=(
                    Fix(text="A kubelet may be up to three minor versions older, never newer: upgrade accordingly."),
                ),
            )


def _minor(version: str) -> int:
    """One number for a version, minor versions next to each other; 0 for what is none."""
    match = _MINOR.match(version)
    return int(match[1]) * 100 + int(match[2]) if match else 0
