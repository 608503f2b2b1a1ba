"""What is known of a host that a program could not reach: its service, what is behind it, what cuts the way."""

from __future__ import annotations

from typing import NamedTuple

from tools.change import Ref
from tools.finding import Evidence
from tools.kubernetes.diagnose.logscan import Clue
from tools.kubernetes.diagnose.rule import near
from tools.kubernetes.diagnose.rules.dns_name import misspelt
from tools.kubernetes.diagnose.rules.network_policy import cut_path, dns_block, end_of_workload, needed, network
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.workload_changes import ref_of


class Story(NamedTuple):
    """More of the chain, the objects whose trouble this is a symptom of, and evidence."""

    chain: tuple[str, ...] = ()
    causes: tuple[Ref, ...] = ()
    evidence: Evidence | None = None


def unreached(snap: Snapshot, unit: Unit, clue: Clue) -> Story:
    """The story of the host that a log complains about."""
    host = clue.about.partition(":")[0]
    space = unit.pod["metadata"].get("namespace")
    parts = host.split(".")
    if not host or (len(parts) > 1 and snap.namespace not in (None, parts[1])):
        return Story()
    place = parts[1] if len(parts) > 1 else space
    runs = unit.owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
    if service := snap.find("services", parts[0], place):
        if runs and _is_cut(snap, unit.owner, service):
            return Story(causes=(ref_of(unit.owner),))
        behind = [ref_of(item) for item in snap.behind(service)]
        names = ", ".join(str(ref) for ref in behind) or "nothing"
        told = f"service {parts[0]} is there; behind it: {names}"
        return Story((f"see service {parts[0]}",), (ref_of(service), *behind), Evidence(source="field", text=told))
    if runs and any(item.host == host for item, _, _ in misspelt(snap, unit.owner)):
        return Story(causes=(ref_of(unit.owner),))
    if len(parts) > 1:
        return Story()
    known = [item["metadata"]["name"] for item in snap.all("services") if item["metadata"].get("namespace") == space]
    told = f"there is no service {parts[0]} in {space}"
    if best := near(parts[0], known):
        told += f", but there is {best}"
        return Story((told,), evidence=Evidence(source="field", text=told))
    return Story((told,))


def _is_cut(snap: Snapshot, client: Object, service: Object) -> bool:
    """Whether a finding about network policies tells that this way is cut."""
    net = network(snap)
    ports = [port for item, port in needed(snap, client) if ref_of(item) == ref_of(service)]
    if ports and dns_block(net, end_of_workload(client)):
        return True
    return any(cut_path(snap, client, service, port, net) for port in ports)
