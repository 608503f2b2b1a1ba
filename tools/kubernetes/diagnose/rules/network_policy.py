"""A NetworkPolicy cuts the way from a workload to a service that its settings name, or to the name server.

Example: deployment frontend has BACKEND_URL=http://backend:8080, but policy deny-all selects the backend's pods and
nothing lets the frontend in. What nobody is told to use may be cut on purpose and is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tools.change import ApplyManifest, Ref
from tools.finding import Confidence, Evidence, Severity
from tools.kubernetes.diagnose.dependencies import place_of
from tools.kubernetes.diagnose.reach import Block, End, Network, end_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import ref_of, template_of

IDS = {
    "SM-POLICY-INGRESS": "a network policy of the server does not let the client in",
    "SM-POLICY-EGRESS": "a network policy of the client does not let it out to the server",
    "SM-POLICY-DNS": "a network policy of the client does not let it ask the name server",
}
_KIND = "networkpolicies.networking.k8s.io"
_DNS = {"k8s-app": "kube-dns"}
_ENFORCERS = {
    "crd.projectcalico.org": "Calico", "projectcalico.org": "Calico", "cilium.io": "Cilium",
    "crd.antrea.io": "Antrea", "k8s.ovn.org": "OVN-Kubernetes", "kubeovn.io": "Kube-OVN",
    "networking.k8s.aws": "the VPC network of AWS", "networking.gke.io": "the network of GKE",
}  # fmt: skip


class Path(NamedTuple):
    """A way that is cut: who wants to reach which service at which port of its pods, and what cuts it."""

    client: Object
    service: Object
    port: int
    protocol: str
    blocks: list[Block]


def check(snap: Snapshot) -> Iterator[Seen]:
    """Ways that the settings of a workload need and the policies cut; one finding for each policy and service."""
    if not snap.all(_KIND):
        return
    net = network(snap)
    first: dict[tuple[str, ...], Object] = {}
    for client in snap.workloads():
        if not replicas_of(client) or _host_network(client):
            continue
        ways = list(needed(snap, client))
        if ways and (block := dns_block(net, end_of_workload(client))):
            yield _dns(snap, client, block)
            continue
        for service, port in ways:
            if path := cut_path(snap, client, service, port, net):
                key = (ref_of(service).name, *(p["metadata"]["name"] for b in path.blocks for p in b.policies))
                yield _finding(snap, path, first.get(key))
                first.setdefault(key, client)


def network(snap: Snapshot) -> Network:
    """All policies and namespaces of the snapshot."""
    asked = "namespaceSelector" in repr(snap.all(_KIND))  # else their labels need not be read
    found = snap.all("namespaces") if asked else ()
    spaces = {item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in found}
    return Network(snap.all(_KIND), spaces)


def needed(snap: Snapshot, client: Object) -> Iterator[tuple[Object, int | None]]:
    """The services that a workload is told to use, with the port if it is told one."""
    home = client["metadata"].get("namespace") or ""
    spaces = {snap.namespace} if snap.namespace else {item["metadata"]["name"] for item in snap.all("namespaces")}
    told: set[tuple[str, int | None]] = set()
    for dependency in snap.hosts(client):
        place = place_of(dependency.host, home, spaces)
        service = place and snap.find("services", place.name, place.namespace)
        if service and (dependency.host, dependency.port) not in told:
            told.add((dependency.host, dependency.port))
            yield service, dependency.port


def cut_path(snap: Snapshot, client: Object, service: Object, port: int | None, net: Network) -> Path | None:
    """The way from a workload to a service, if policies cut it; None when it is free or leads to no pod."""
    selector = (service.get("spec") or {}).get("selector")
    if not selector:
        return None
    space = service["metadata"].get("namespace") or ""
    pods = [pod for pod in snap.selected(selector, space) if not pod["spec"].get("hostNetwork")]
    entries = service["spec"].get("ports") or ()
    entry = next((item for item in entries if port in (None, item["port"])), None)
    if not pods or entry is None:
        return None
    pod = pods[0]
    ip = (pod.get("status") or {}).get("podIP") or ""
    server = end_of(space, pod["metadata"].get("labels") or {}, pod["spec"], ip)
    target = entry.get("targetPort", entry["port"])
    number = server.ports.get(target) if isinstance(target, str) else target
    if number is None:
        return None  # a port name that the pods do not have is another rule's story
    own = next((p["status"]["podIP"] for p in snap.pods_of(client) if (p.get("status") or {}).get("podIP")), "")
    protocol = entry.get("protocol", "TCP")
    blocks = net.blocks(end_of_workload(client)._replace(ip=own), server, number, protocol)
    return Path(client, service, number, protocol, blocks) if blocks else None


def dns_block(net: Network, client: End) -> Block | None:
    """What keeps a client from the cluster's name server."""
    server = End("kube-system", _DNS, "", {"dns": 53, "dns-tcp": 53})
    found = [net.blocks(client, server, 53, protocol) for protocol in ("UDP", "TCP")]
    if not all(found):
        return None
    block = next((item for item in found[0] if item.side == "egress"), None)
    # An address range may hold the name server; that cannot be told apart here, so it counts as a way.
    ranges = block and any("ipBlock" in peer for p in block.policies for r in p["spec"].get("egress") or ()
                           for peer in r.get("to") or ())  # fmt: skip
    return None if ranges else block


def end_of_workload(workload: Object) -> End:
    """A workload as policies see its pods."""
    template = template_of(workload)
    labels = (template.get("metadata") or {}).get("labels") or {}
    return end_of(workload["metadata"].get("namespace") or "", labels, template.get("spec") or {})


def _host_network(workload: Object) -> bool:
    return bool((template_of(workload).get("spec") or {}).get("hostNetwork"))


def enforced_by(snap: Snapshot) -> str:
    """The network that makes the cluster heed its policies, by the kinds it brings; empty where none is known."""
    groups = {resource.group for resource in snap.ctx.cluster.kinds.all()}
    return next((name for group, name in _ENFORCERS.items() if group in groups), "")


def _enforcement(by: str) -> Evidence:
    told = (
        f"{by} enforces them" if by else "nothing that is known to enforce them; a network that does not ignores them"
    )
    return Evidence(source="field", text=f"network policies: {told}")


def _names(block: Block) -> str:
    names = ", ".join(item["metadata"]["name"] for item in block.policies)
    return f"network polic{'y' if len(block.policies) == 1 else 'ies'} {names}"


def _finding(snap: Snapshot, path: Path, known: Object | None) -> Seen:
    client, service = ref_of(path.client), path.service["metadata"]["name"]
    whys = [
        f"network policy {policy['metadata']['name']} of {policy['metadata']['namespace']} {why}"
        for block in path.blocks
        for policy, why in zip(block.policies, block.whys, strict=True)
    ]
    by = enforced_by(snap)
    changes = [_allow(path, block) for block in path.blocks]
    return seen(
        f"SM-POLICY-{path.blocks[0].side.upper()}",
        path.client,
        f"{client} {'cannot' if by else 'may not'} reach service {service} at port {path.port}: {'; '.join(whys)}.",
        severity=Severity.WARNING,
        chain=(f"connections from {client} to service {service} time out", *whys),
        evidence=[
            *(
                field(f"spec.podSelector of {item['metadata']['name']}", item["spec"].get("podSelector") or "all pods")
                for block in path.blocks
                for item in block.policies[:2]
            ),
            _enforcement(by),
        ],
        confidence=Confidence.CERTAIN if by else Confidence.LIKELY,
        fixes=(change_fix(f"Allow {client} to reach service {service} at port {path.port}.", *changes),),
        symptom_of=(ref_of(known),) if known else (),
    )


def _dns(snap: Snapshot, client: Object, block: Block) -> Seen:
    ref, by = ref_of(client), enforced_by(snap)
    why = f"{_names(block)} lets {ref} send nothing to port 53 of the name server"
    space = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    ports = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    spec = {
        "podSelector": {"matchLabels": dict(end_of_workload(client).labels)},
        "policyTypes": ["Egress"],
        "egress": [{"to": [space], "ports": ports}],
    }
    change = _manifest(f"allow-dns-{client['metadata']['name']}", client["metadata"]["namespace"], spec)
    return seen(
        "SM-POLICY-DNS",
        client,
        f"{ref} {'cannot' if by else 'may not'} look up any name: {why}.",
        severity=Severity.WARNING,
        chain=(f"{ref} finds no host by its name", why),
        evidence=[
            *(
                field(f"spec.egress of {item['metadata']['name']}", item["spec"].get("egress") or "nothing allowed")
                for item in block.policies[:3]
            ),
            _enforcement(by),
        ],
        confidence=Confidence.CERTAIN if by else Confidence.LIKELY,
        fixes=(change_fix(f"Allow {ref} to ask the name server.", change),),
    )


def _allow(path: Path, block: Block) -> ApplyManifest:
    """A policy of its own that opens just this way, so that none of the existing ones is touched."""
    own, other = end_of_workload(path.client), path.service["metadata"]["namespace"]
    home = own.namespace
    client: Object = {"podSelector": {"matchLabels": dict(own.labels)}}
    server: Object = {"podSelector": {"matchLabels": dict(path.service["spec"]["selector"])}}
    mine, peer, space, far = (server, client, other, home) if block.side == "ingress" else (client, server, home, other)
    if space != far:
        peer = {**peer, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": far}}}
    ports = [{"port": path.port, "protocol": path.protocol}]
    rule = {"from" if block.side == "ingress" else "to": [peer], "ports": ports}
    spec = {**mine, "policyTypes": [block.side.capitalize()], block.side: [rule]}
    names = path.client["metadata"]["name"], path.service["metadata"]["name"]
    way = f"{names[0]}-to-{names[1]}" if block.side == "egress" else f"{names[1]}-from-{names[0]}"
    return _manifest(f"allow-{way}", space, spec)


def _manifest(name: str, namespace: str, spec: Object) -> ApplyManifest:
    ref = Ref(api_version="networking.k8s.io/v1", kind="NetworkPolicy", name=name[:63].rstrip("-"), namespace=namespace)
    body = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": namespace},
        "spec": spec,
    }
    return ApplyManifest(summary=f"create {ref}", ref=ref, manifest=body, create_only=True)
