"""What can be read of a way through the cluster: the service, what is behind it, the policies on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tools.catalog import Result
from tools.context import Context
from tools.kubernetes.diagnose.reach import Block, Network, end_of
from tools.kubernetes.diagnose.rules.network_policy import dns_block
from tools.kubernetes.helpers.position import Position, position_of
from tools.kubernetes.helpers.targets import Target, target_of
from tools.kubernetes.look.related import labels_of, visible

Object = Mapping[str, Any]
_POLICIES = "networkpolicies.networking.k8s.io"


class Way(NamedTuple):
    """Whether what can be read leaves the way free, and what that is."""

    free: bool
    lines: tuple[str, ...]


def explain_way(
    ctx: Context, *, source: str, target: str, namespace: str | None = None, port: int | None = None
) -> Result:
    """Whether anything that can be read keeps one workload from reaching another: service, endpoints, policies.

    source: pod or workload that connects. target: service, workload or host:port. Nothing is tried; check_connection
    does that.
    """
    place = position_of(ctx, source, namespace)
    aim = target_of(ctx, target, place.namespace, port)
    free, lines = way(ctx, place, aim)
    text = "\n".join((f"From {source} to {aim.title}:", *(f"- {line}" for line in (*aim.notes, *lines))))
    return Result(text=text, data={"free": free, "why": list(lines), "source": place.title, "target": aim.title})


def way(ctx: Context, place: Position, aim: Target) -> Way:
    """What can be read of the way from a place to a target."""
    name, _, rest = aim.host.partition(".")
    space = rest.partition(".")[0] or place.namespace
    service = next(iter(visible(ctx, "services", space, fields=f"metadata.name={name}")), None)
    network = _network(ctx, (place.namespace, space))
    if service is None or not service["spec"].get("selector"):
        return Way(True, tuple(_outside(place, aim.host, network)))
    told, free = _inside(ctx, place, service, aim.ports, network)
    verdict = "Nothing that can be read stands in the way." if free else "What can be read says that it will not work."
    return Way(free, (*told, verdict))


def _network(ctx: Context, spaces: Iterable[str]) -> Network:
    policies = [one for space in dict.fromkeys(spaces) for one in visible(ctx, _POLICIES, space)]
    asked = "namespaceSelector" in repr(policies)  # else the namespaces' labels need not be read
    namespaces = visible(ctx, "namespaces", None) if asked else []
    return Network(policies, {one["metadata"]["name"]: labels_of(one) for one in namespaces})


def _inside(
    ctx: Context, place: Position, service: Object, ports: tuple[int, ...], network: Network
) -> tuple[list[str], bool]:
    """The ports of the service, its ready addresses, and the policies between both ends."""
    name, space = service["metadata"]["name"], service["metadata"]["namespace"]
    known = {entry["port"]: entry for entry in service["spec"].get("ports") or ()}
    told = [
        f"Service {name} has no port {port}; it has {', '.join(map(str, known))}."
        for port in ports
        if port not in known
    ]
    ready = _ready(ctx, name, space)
    told += [] if ready else [f"Service {name} has no ready address behind it."]
    selector = service["spec"]["selector"]
    pods = [pod for pod in visible(ctx, "pods", space) if selector.items() <= labels_of(pod).items()]
    cut: list[str] = []
    if place.pod and not place.pod["spec"].get("hostNetwork"):
        client = end_of(place.namespace, place.labels, place.pod["spec"], place.pod.get("status", {}).get("podIP", ""))
        if block := dns_block(network, client):
            names = ", ".join(policy["metadata"]["name"] for policy in block.policies)
            cut.append(f"Network policy {names} does not let the caller ask the name server.")
        for port in (one for one in ports if one in known):
            for pod in pods[:1]:
                server = end_of(space, labels_of(pod), pod["spec"], (pod.get("status") or {}).get("podIP", ""))
                number = _number(known[port], server.ports)
                blocks = network.blocks(client, server, number, known[port].get("protocol", "TCP"))
                cut += [_cut(block, port) for block in blocks]
    if told or cut:
        return [*told, *cut], False
    listed = ", ".join(map(str, ports))
    policies = "no network policy cuts the way" if network.policies else "there are no network policies"
    addresses = f"{len(ready)} ready address{'es' if len(ready) != 1 else ''}"
    return [f"Service {name} has {addresses} for port {listed}, and {policies}."], True


def _ready(ctx: Context, service: str, space: str) -> list[str]:
    slices = visible(ctx, "endpointslices.discovery.k8s.io", space, selector=f"kubernetes.io/service-name={service}")
    found = [one for piece in slices for one in piece.get("endpoints") or ()]
    return [one["addresses"][0] for one in found if (one.get("conditions") or {}).get("ready") is not False]


def _number(entry: Object, named: Mapping[str, int]) -> int:
    """The port of the pods behind a port of the service."""
    wanted = entry.get("targetPort") or entry["port"]
    return named.get(wanted, -1) if isinstance(wanted, str) else int(wanted)


def _cut(block: Block, port: int) -> str:
    names = ", ".join(policy["metadata"]["name"] for policy in block.policies)
    way = "let the caller out" if block.side == "egress" else "let the caller in"
    noun = "policy" if len(block.policies) == 1 else "policies"
    return f"Network {noun} {names} {'does' if len(block.policies) == 1 else 'do'} not {way} on port {port}."


def _outside(place: Position, host: str, network: Network) -> list[str]:
    """Of a host that is no service with pods, only the caller's own policies are known."""
    told = [f"{host} is no service with pods here, so what is behind it cannot be read."]
    if place.pod:
        judges = network.isolating(end_of(place.namespace, place.labels, place.pod["spec"]), "egress")
        names = [policy["metadata"]["name"] for policy in judges]
        told += [f"What {place.title} may reach is limited by network policy {', '.join(names)}."] if names else []
    return told
