"""Network policies in words: who may reach whom, on which ports. "Block all traffic to db except from the backend"."""

# ruff: noqa: E501  (patterns are easier to read in one piece)
from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from agent.minds.planner.drafts.fragments import TAKEN, Text
from agent.minds.planner.drafts.slots import SLOTS
from agent.minds.planner.drafts.traffic_words import AND, DNS, PEER, PORTS, TOKENS
from agent.minds.planner.reading.facts import Facts

Object = dict[str, Any]
_ORDER = re.compile(
    r"^\W*(?:(?:please|pls|can you|could you|kindly|now|hey|ok|i want to|i need to|we need to|we must|let us|lets)[\s,]+)*"
    r"(?:only\s+)?(?:(?:deny|block|forbid|reject|drop|stop|prohibit|disallow|cut off|allow|permit|restrict|limit)\b(?=.*\b(?:traffic|ingress|egress|"
    r"incoming|inbound|outgoing|outbound|connections?|network access|to (?:reach|talk to|connect to|access|call) )\b)|isolate\b|(?:only )?let\b(?=.*\b(?:reach|talk to|connect to)\b))",
    re.IGNORECASE | re.DOTALL,
)
_REACH = re.compile(
    r"\s+(?:(?:can|may|should)\s+)?(?:to\s+)?(?:only\s+)?(?:be able to\s+)?(?:reach|talk to|access|connect to|call|contact|speak to)\b",
    re.IGNORECASE,
)
_ANY = "0.0.0.0/0"


def about_traffic(text: str) -> bool:
    """Whether the text orders a network policy without calling it one."""
    return bool(_ORDER.match(text))


@dataclass
class Rule:
    """What one direction lets through; no peers means anybody, no ports any port."""

    peers: list[Object] = field(default_factory=list[Object])
    ports: list[Object] = field(default_factory=list[Object])

    def told(self, end: str = "") -> Object:
        made = {end or "peers": self.peers, "ports": self.ports}
        return {key: value for key, value in made.items() if value}


class Walk:
    """Reads a sentence about traffic from left to right; `problem` is what has to be asked or said."""

    def __init__(self, said: Text, facts: Facts, namespace: str | None) -> None:
        self.said, self.facts, self.namespace = said, facts, namespace
        self.subject: Object | None = None
        self.called = self.problem = self.mode = self.way = ""
        self.denied: set[str] = set()
        self.rules: dict[str, list[Rule]] = {"Ingress": [], "Egress": []}
        self.names: list[str] = []
        self.dns = self.directed = False

    def read(self) -> None:
        """Walk through what nobody took yet."""
        position = 0
        while position < len(self.said.rest):
            position = self._step(position)
        if self.mode == "deny" and not self.directed and not self.denied and not any(self.rules.values()):
            self.denied = {"Ingress"} if self.subject else {"Ingress", "Egress"}
        for way in ("Ingress", "Egress"):
            if (
                self.way == way
                and self.mode == "allow"
                and way not in self.denied
                and not self.rules[way]
                and not self.dns
            ):
                self.rules[way].append(Rule())

    def spec(self) -> Object:
        """The policy's spec."""
        types = [
            way
            for way in ("Ingress", "Egress")
            if way in self.denied or self.rules[way] or (way == "Egress" and self.dns)
        ]
        made: Object = {"podSelector": self.subject or {}, "policyTypes": types}
        for way in types:
            rules = [rule.told("from" if way == "Ingress" else "to") for rule in self.rules[way]]
            if way == "Egress" and self.dns:
                rules.append({"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]})
            if rules:
                made[way.lower()] = rules
        return made

    def name(self) -> str:
        """What the policy is called when nobody said it."""
        types = [way.lower() for way in ("Ingress", "Egress") if way in self.denied or self.rules[way]]
        open_ = any(self.rules.values()) or self.dns
        what = "all" if len(types) != 1 else types[0]
        if not open_:
            return f"{self.called}-deny-{what}" if self.called else "deny-all" if what == "all" else f"deny-all-{what}"
        if not any(self.rules.values()):
            return f"{self.called}-allow-dns" if self.called else "allow-dns"
        link = "from" if self.rules["Ingress"] else "to"
        if self.called.endswith("gress-except"):
            return f"{self.called}-{self.names[0]}"
        if self.names:
            return "-".join(filter(None, (self.called or "allow", link, self.names[0])))
        return f"{self.called}-allow-{what}" if self.called else f"allow-{what}"

    def _step(self, at: int) -> int:
        rest = self.said.rest
        if rest[at] in f"{TAKEN} ,.;:()!?\n":
            return at + 1
        if ports := PORTS.match(rest, at):
            self._ports(ports)
            return self._taken(at, ports.end())
        if dns := DNS.match(rest, at):
            self.dns = True
            if self.mode != "deny":
                self.way = self.way or "Egress"
            return self._taken(at, dns.end())
        for name, pattern in TOKENS:
            if found := pattern.match(rest, at):
                return self._token(name, at, found.end())
        return re.compile(r"[^\s,;]+").match(rest, at).end()  # type: ignore[union-attr]  # left unread

    def _taken(self, at: int, end: int) -> int:
        self.said.take((at, end))
        return end

    def _token(self, name: str, at: int, end: int) -> int:
        if name in ("deny", "allow"):
            self.mode = name
            self.way = self.way if name == "allow" else ""
            if peers := self._peers(end):
                reach = _REACH.match(self.said.rest, peers[1])
                if name == "allow" and reach:
                    self._let("Ingress", peers[0])
                    subject = self._peers(reach.end())
                    self._select(subject[0] if subject else [])
                    return self._taken(at, subject[1] if subject else reach.end())
                if re.match(r"isolat", self.said.rest[at:end], re.IGNORECASE):
                    self._select(peers[0])
                    self.denied |= {"Ingress", "Egress"}
                    return self._taken(at, peers[1])
        elif name in ("ingress", "egress"):
            self._direct(name.capitalize())
        elif name in ("from", "to", "subject") and (peers := self._peers(end)):
            self._place(name, peers[0])
            return self._taken(at, peers[1])
        return self._taken(at, end)

    def _direct(self, way: str) -> None:
        self.way, self.directed = way, True
        if self.mode == "deny":
            self.denied.add(way)
        elif self.mode == "allow" and self.rules[way] and self.rules[way][-1].told():
            self.rules[way].append(Rule())

    def _place(self, link: str, peers: list[re.Match[str]]) -> None:
        """Whom "from", "to" and "for" speak of: the pods that the policy is about, or those at the other end."""
        if link == "subject":
            return self._select(peers)
        own, other = ("Egress", "Ingress") if link == "from" else ("Ingress", "Egress")
        if self.mode == "deny":
            if self.way == other:
                return self._all_but(other, peers)
            if not self.way and link == "from":
                self.problem = 'Shall these pods receive nothing, or send nothing? Say "deny ingress" or "deny egress".'
            self.denied.add(own)
            return self._select(peers)
        if self.subject is None and (self.way == own or (link == "to" and not self.way)):
            return self._select(peers)
        return self._let(other, peers)

    def _all_but(self, way: str, peers: list[re.Match[str]]) -> None:
        if any(not peer["cidr"] for peer in peers):
            self.problem = "A network policy can only say who is let through: say which pods or namespaces may."
            return
        self.denied.discard(way)
        block = {"cidr": _ANY, "except": [_block(peer["cidr"]) for peer in peers]}
        self.rules[way].append(Rule([{"ipBlock": block}]))
        self.called = self.called or f"{way.lower()}-except"
        self.names.append(re.sub(r"[^0-9]+", "-", peers[0]["cidr"]))

    def _let(self, way: str, peers: list[re.Match[str]]) -> None:
        rules = self.rules[way]
        if not rules or rules[-1].ports:
            rules.append(Rule())
        self.way = way
        for peer in peers:
            if peer["all"] is None:
                rules[-1].peers.append(self._peer(peer))

    def _ports(self, match: re.Match[str]) -> None:
        protocol = (match["proto"] or match["proto2"] or match["proto3"] or "tcp").strip().upper()
        rules = self.rules[self.way or "Ingress"]
        if not rules:
            rules.append(Rule())
        for one in re.finditer(
            r"(?:(tcp|udp)\s+)?(\d+)(?:\s?-\s?(\d+))?(?:/(tcp|udp))?", match["ports"], re.IGNORECASE
        ):
            said = (one[1] or one[4] or protocol).upper()
            rules[-1].ports.append(
                {"protocol": said, "port": int(one[2]), **({"endPort": int(one[3])} if one[3] else {})}
            )
        if self.mode == "deny":
            self.problem = "A network policy can only say what is let through: say which ports may be reached."

    def _peers(self, at: int) -> tuple[list[re.Match[str]], int] | None:
        """Peers in a row from there on, and where they end."""
        found: list[re.Match[str]] = []
        start = re.compile(r"[\s:]*").match(self.said.rest, at)
        position = start.end() if start else at
        while match := PEER.match(self.said.rest, position):
            found.append(match)
            position = match.end()
            joint = AND.match(self.said.rest, position)
            if joint is None or not (following := PEER.match(self.said.rest, joint.end())) or not following[0]:
                break
            if re.match(r"\s*(?:from|to)\b", self.said.rest[following.end() :], re.IGNORECASE) and following["name"]:
                break
            position = joint.end()
        return (found, position) if found and found[-1][0] else None

    def _select(self, peers: list[re.Match[str]]) -> None:
        if len(peers) != 1 or peers[0]["cidr"] or peers[0]["anyspace"] is not None:
            self.problem = "Which pods shall the policy be about (like app=web)?"
            return
        peer = peers[0]
        place = next(
            (peer[group] for group in ("space", "space2", "place", "place2", "home", "home2") if peer[group]), None
        )
        self.namespace = place or self.namespace
        labels = self._labels(peer)
        self.subject = {"matchLabels": labels} if labels else {}
        self.called = self.called or peer["name"] or next(iter(labels.values()), "")

    def _peer(self, peer: re.Match[str]) -> Object:
        if peer["cidr"]:
            but = [_block(one) for one in re.findall(r"[\d.]+(?:/\d+)?", peer["but"] or "")]
            return {"ipBlock": {"cidr": _block(peer["cidr"]), **({"except": but} if but else {})}}
        if peer["anyspace"] is not None:
            return {"namespaceSelector": {}}
        made: Object = {}
        space = next(
            (peer[group] for group in ("space", "space2", "place", "place2", "home", "home2") if peer[group]), None
        )
        if peer["spacelabels"]:
            made["namespaceSelector"] = {"matchLabels": SLOTS["pairs"][1](peer["spacelabels"])}
        elif space:
            made["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": space}}
        unclear = peer["place"] or peer["home"]  # "from app=web in namespace shop": whose namespace is it?
        if unclear and not self.namespace and not re.match(r"(?:\w+\s+){0,2}pods?\b", peer[0], re.IGNORECASE):
            self.problem = f"Is {unclear} the namespace of the policy, or only of the pods that are let through?"
        labels = self._labels(peer)
        if labels or not made:
            made["podSelector"] = {"matchLabels": labels} if labels else {}
        self.names += [one for one in (peer["name"], next(iter(labels.values()), ""), space) if one][:1]
        return made

    def _labels(self, peer: re.Match[str]) -> dict[str, str]:
        if peer["labels"]:
            return SLOTS["pairs"][1](peer["labels"])
        if not peer["name"]:
            return {}
        labels = dict(self.facts.labels_of(peer["name"], peer["home"] or peer["home2"] or self.namespace))
        if not labels:
            self.problem = f"Which labels do the pods of {peer['name']} have (like app={peer['name']})?"
        return labels


def _block(text: str) -> str:
    return text if "/" in text else f"{text}/32"
