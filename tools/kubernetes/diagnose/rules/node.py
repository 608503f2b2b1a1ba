"""A node is not ready, or short of memory, disk or process ids."""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Snapshot

IDS = {
    "SM-NODE-NOT-READY": "a node is not ready",
    "SM-NODE-PRESSURE": "a node is short of memory, disk or process ids",
}
_PRESSURES = {"MemoryPressure": "memory", "DiskPressure": "disk space", "PIDPressure": "process ids"}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Nodes that say that they are unwell."""
    for node in snap.all("nodes"):
        name = node["metadata"]["name"]
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
