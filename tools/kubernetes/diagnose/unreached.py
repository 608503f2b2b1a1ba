"""What is known of a host that a program could not reach: its service, what is behind it, what cuts the way."""

from __future__ import annotations

from typing import NamedTuple

from tools.change import Change, Ref
from tools.finding import Evidence, Fix
from tools.kubernetes.diagnose.dependencies import dependencies, place_of
from tools.kubernetes.diagnose.logscan import Clue
from tools.kubernetes.diagnose.rule import near
from tools.kubernetes.diagnose.rules.dns_name import misspelt
from tools.kubernetes.diagnose.rules.network_policy import cut_path, dns_block, end_of_workload, needed, network
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, restart_change, scale_change


class Story(NamedTuple):
    """More of the chain, the objects whose trouble this is a symptom of, evidence, and what brings the host back."""

    chain: tuple[str, ...] = ()
    causes: tuple[Ref, ...] = ()
    evidence: Evidence | None = None
    fix: Fix | None = None


def unreached(snap: Snapshot, unit: Unit, clue: Clue) -> Story:
    """The story of the host that a log complains about."""
    space = unit.pod["metadata"].get("namespace")
    runs = unit.owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
    wrong = [item.host for item, _, _ in misspelt(snap, unit.owner)] if runs else []
    host = clue.about.partition(":")[0] or (_only_host(unit.owner) if runs else "")
    if wrong and (host in wrong or not host):
        return Story(causes=(ref_of(unit.owner),))
    bare = host == clue.about and "." not in host and not snap.find("services", host, space)
    if bare and runs and down(snap, unit.owner):
        host = _only_host(unit.owner) or host  # a bare word of a log may be no host at all
    parts = host.split(".")
    if not host or (len(parts) > 1 and snap.namespace not in (None, parts[1])):
        return Story()
    place = parts[1] if len(parts) > 1 else space
    if service := snap.find("services", parts[0], place):
        if runs and _is_cut(snap, unit.owner, service):
            return Story(causes=(ref_of(unit.owner),))
        behind = [ref_of(item) for item in snap.behind(service)]
        if asleep := [item for item in snap.behind(service) if item["spec"].get("replicas", 1) == 0]:
            return _asleep(snap, unit.owner, service, asleep[0])
        names = ", ".join(str(ref) for ref in behind) or "nothing"
        told = f"service {parts[0]} is there; behind it: {names}"
        return Story((f"see service {parts[0]}",), (ref_of(service), *behind), Evidence(source="field", text=told))
    if len(parts) > 1:
        return Story()
    known = [item["metadata"]["name"] for item in snap.all("services") if item["metadata"].get("namespace") == space]
    told = f"there is no service {parts[0]} in {space}"
    if best := near(parts[0], known):
        told += f", but there is {best}"
        return Story((told,), evidence=Evidence(source="field", text=told))
    return Story((told,))


def _only_host(owner: Object) -> str:
    """The one host that the settings of a workload name, where the log names none."""
    hosts = {item.host for item in dependencies(owner)}
    return hosts.pop() if len(hosts) == 1 else ""


def down(snap: Snapshot, workload: Object) -> list[Ref]:
    """The services that the settings of a workload name and that have no ready pod, with what is behind them."""
    space = workload["metadata"].get("namespace")
    spaces = {space} if snap.namespace else {item["metadata"]["name"] for item in snap.all("namespaces")}
    found: list[Ref] = []
    for host in dict.fromkeys(item.host for item in dependencies(workload)):
        place = place_of(host, space, spaces)
        service = snap.find("services", place.name, place.namespace) if place else None
        selector = (service["spec"].get("selector") or {}) if service else {}
        pods = snap.selected(selector, place.namespace) if place and selector else []
        if service and selector and not any(condition(pod, "Ready").get("status") == "True" for pod in pods):
            found += [ref_of(service), *map(ref_of, snap.behind(service))]
    return found


def _asleep(snap: Snapshot, client: Object, service: Object, workload: Object) -> Story:
    """Behind the service is a workload that somebody scaled to zero: wake it, and let the client try again."""
    told = f"{ref_of(workload)} behind service {service['metadata']['name']} is scaled to zero"
    changes: list[Change] = [scale_change(workload, 1)]
    if client["kind"] in ("Deployment", "StatefulSet", "DaemonSet") and not client["spec"].get("paused"):
        at = snap.now.isoformat(timespec="seconds").replace("+00:00", "Z")
        changes.append(restart_change(client, at, "so that its pods try again at once"))
    return Story(
        (told,),
        evidence=Evidence(source="field", text="spec.replicas = 0"),
        fix=Fix(text=f"Scale {ref_of(workload)} up again.", changes=tuple(changes)),
    )


def _is_cut(snap: Snapshot, client: Object, service: Object) -> bool:
    """Whether a finding about network policies tells that this way is cut."""
    net = network(snap)
    ports = [port for item, port in needed(snap, client) if ref_of(item) == ref_of(service)]
    if ports and dns_block(net, end_of_workload(client)):
        return True
    return any(cut_path(snap, client, service, port, net) for port in ports)
