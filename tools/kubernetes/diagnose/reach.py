"""Whether NetworkPolicies let one pod speak to another, and which of them stand in the way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from tools.kubernetes.handlers.foresight.capacity import selects

Object = Mapping[str, Any]
Labels = Mapping[str, str]
_MADE = ("pod-template-hash", "controller-revision-hash")  # labels that controllers make up


class End(NamedTuple):
    """One end of a path: a pod as policies see it. `ports` gives its named ports."""

    namespace: str
    labels: Labels
    ip: str = ""
    ports: Mapping[str, int] = {}


class Block(NamedTuple):
    """A side of the path that is cut: "egress" of the client or "ingress" of the server, by which policies and why."""

    side: str
    policies: tuple[Object, ...]
    whys: tuple[str, ...]


class Network(NamedTuple):
    """All policies, and the labels of the namespaces."""

    policies: Sequence[Object]
    namespaces: Mapping[str, Labels]

    def blocks(self, client: End, server: End, port: int, protocol: str = "TCP") -> list[Block]:
        """The sides that are cut between two pods; empty when the way is free."""
        found: list[Block] = []
        for side, own, other in (("egress", client, server), ("ingress", server, client)):
            judges = self.isolating(own, side)
            if judges and not any(self._allows(item, side, other, server, port, protocol) for item in judges):
                whys = [self.why_not(item, side, other, server, port) for item in judges]
                found.append(Block(side, tuple(judges), tuple(whys)))
        return found

    def why_not(self, policy: Object, side: str, other: End, server: End, port: int) -> str:
        """What a policy lets through instead, in words: other pods, or another port."""
        way = "in" if side == "ingress" else "out"
        rules = policy["spec"].get(side) or ()
        if not rules:
            return f"lets nothing {way}"
        home, peers = policy["metadata"].get("namespace", ""), "from" if side == "ingress" else "to"
        fitting = [
            rule
            for rule in rules
            if not rule.get(peers) or any(self._is_peer(peer, home, other) for peer in rule[peers])
        ]
        if fitting:
            ports = [str(entry.get("port", "any")) for rule in fitting for entry in rule.get("ports") or ()]
            return f"opens only port {', '.join(dict.fromkeys(ports))}, while the pods are reached at port {port}"
        told = [_peer_text(peer) for rule in rules for peer in rule[peers]]
        verb = "lets only" if side == "ingress" else "lets out only to"
        tail = " in" if side == "ingress" else ""
        return f"{verb} {' and '.join(dict.fromkeys(told))}{tail}, while those are {self._seen_as(policy, side, other)}"

    def _seen_as(self, policy: Object, side: str, pod: End) -> str:
        """The labels of a pod, and of its namespace where the policy asks for some."""
        text = f"pods with {_pairs(pod.labels) or 'no label'}"
        if "namespaceSelector" in repr(policy["spec"].get(side)):
            text += f" in a namespace with {_pairs(self.labels_of(pod.namespace))}"
        return text

    def isolating(self, pod: End, side: str) -> list[Object]:
        """The policies that select a pod for one direction: with one of them only what is allowed passes."""
        return [
            item
            for item in self.policies
            if item["metadata"].get("namespace") == pod.namespace
            and side in _sides(item["spec"])
            and selects(item["spec"].get("podSelector") or {}, pod.labels)
        ]

    def _allows(self, policy: Object, side: str, other: End, server: End, port: int, protocol: str) -> bool:
        home: str = policy["metadata"].get("namespace", "")
        peers = "from" if side == "ingress" else "to"
        for rule in policy["spec"].get(side) or ():
            fits = not rule.get(peers) or any(self._is_peer(peer, home, other) for peer in rule[peers])
            if fits and _has_port(rule.get("ports") or (), server, port, protocol):
                return True
        return False

    def _is_peer(self, peer: Object, home: str, pod: End) -> bool:
        if block := peer.get("ipBlock"):
            return bool(pod.ip) and _inside(pod.ip, block)
        spaces = peer.get("namespaceSelector")
        if spaces is None:
            if pod.namespace != home:
                return False
        elif not selects(spaces, self.labels_of(pod.namespace)):
            return False
        wanted = peer.get("podSelector")
        return wanted is None or selects(wanted, pod.labels)

    def labels_of(self, namespace: str) -> Labels:
        """Labels of a namespace; its name is always one of them."""
        return {"kubernetes.io/metadata.name": namespace, **self.namespaces.get(namespace, {})}


def end_of(namespace: str, labels: Labels, spec: Object, ip: str = "") -> End:
    """An end from a pod's (or a pod template's) parts."""
    ports = {
        item["name"]: item["containerPort"]
        for container in spec.get("containers") or ()
        for item in container.get("ports") or ()
        if item.get("name")
    }
    return End(namespace, labels, ip, ports)


def _peer_text(peer: Object) -> str:
    """A peer of a policy's rule in words."""
    if block := peer.get("ipBlock"):
        return f"addresses in {block['cidr']}"
    parts: list[str] = []
    if (pods := peer.get("podSelector")) is not None:
        parts.append(f"pods with {_selector_text(pods)}" if pods else "all pods")
    if (spaces := peer.get("namespaceSelector")) is not None:
        parts.append(f"namespaces with {_selector_text(spaces)}" if spaces else "all namespaces")
    return " of ".join(parts)


def _selector_text(selector: Object) -> str:
    more = [
        " ".join((item["key"], item["operator"], ",".join(item.get("values") or ()))).strip()
        for item in selector.get("matchExpressions") or ()
    ]
    return ", ".join(filter(None, (_pairs(selector.get("matchLabels") or {}), *more)))


def _pairs(labels: Labels) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items() if key not in _MADE)


def _sides(spec: Object) -> set[str]:
    """Directions that a policy governs; without `policyTypes` egress only counts when it has such rules."""
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    return {str(item).lower() for item in types}


def _has_port(entries: Iterable[Object], server: End, port: int, protocol: str) -> bool:
    entries = list(entries)
    if not entries:
        return True
    for entry in entries:
        if entry.get("protocol", "TCP") != protocol:
            continue
        first = entry.get("port")
        if isinstance(first, str):
            first = server.ports.get(first, -1)
        if first is None or first <= port <= entry.get("endPort", first):
            return True
    return False


def _inside(ip: str, block: Object) -> bool:
    address = ip_address(ip)
    return address in ip_network(block["cidr"], strict=False) and not any(
        address in ip_network(item, strict=False) for item in block.get("except") or ()
    )
