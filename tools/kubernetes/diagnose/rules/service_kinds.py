"""Services that no selector can explain: pending load balancers, names outside, and those without any endpoint.

Example: service shop of type LoadBalancer has had no address for ten minutes, since nothing in the cluster gives any.
A load balancer that is a minute old, and an ExternalName that leads out of the cluster, are well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import ApplyManifest, Change, Patch, Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.closest import closest, right_selector
from tools.kubernetes.diagnose.dependencies import place_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, cut, event, field, latest, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-SERVICE-PENDING": "a load balancer has no address",
    "SM-SERVICE-EXTERNAL": "an ExternalName leads to nothing, or to an address instead of a name",
    "SM-SERVICE-EMPTY": "a service has neither a selector nor endpoints",
}
_PATIENCE = 180.0  # seconds in which a cloud makes a load balancer
_NOTICED = 45.0  # seconds in which its controller would have said that it is at it
_FRESH = 10.0  # seconds in which somebody may still add endpoints
_AT_IT = ("EnsuringLoadBalancer", "SyncLoadBalancerFailed", "AllocationFailed")
_ADDRESS = re.compile(r"[\d.]+\Z|[0-9a-f:]*:[0-9a-f:]*\Z", re.I)
_OWNER = "kubernetes.io/service-name"


def check(snap: Snapshot) -> Iterator[Seen]:
    """Services of a special kind."""
    for item in snap.all("services"):
        spec = item.get("spec") or {}
        if spec.get("type") == "ExternalName":
            yield from _external(snap, item)
            continue
        if spec.get("type") == "LoadBalancer":
            yield from _pending(snap, item)
        if not spec.get("selector") and spec.get("clusterIP") != "None":
            yield from _empty(snap, item)


def _pending(snap: Snapshot, item: Object) -> Iterator[Seen]:
    status = (item.get("status") or {}).get("loadBalancer") or {}
    began = latest(snap, item, *_AT_IT)
    age = snap.seconds_since(item["metadata"]["creationTimestamp"])
    if status.get("ingress") or age < (_PATIENCE if began else _NOTICED):
        return
    told = latest(snap, item, *_AT_IT[1:])
    why = cut(str(told.get("message"))) if told else "nothing in the cluster gives addresses to load balancers"
    change = Patch(
        summary=f"make {ref_of(item)} a NodePort", ref=ref_of(item), verb="set type", type="merge",
        patch={"spec": {"type": "NodePort"}},
    )  # fmt: skip
    yield seen(
        "SM-SERVICE-PENDING",
        item,
        f"{ref_of(item)} has no address from outside: {why}.",
        severity=Severity.WARNING,
        chain=(f"{ref_of(item)} cannot be reached from outside", why),
        evidence=(event(told), field("status.loadBalancer.ingress", "none")),
        fixes=(
            change_fix("Reach it over a port of the nodes.", change),
            Fix(text="Or install what gives addresses (a cloud's controller, MetalLB, minikube tunnel)."),
        ),
    )


def _external(snap: Snapshot, item: Object) -> Iterator[Seen]:
    name, space = str(item["spec"].get("externalName", "")), item["metadata"]["namespace"]
    spaces = {found["metadata"]["name"] for found in snap.all("namespaces")}
    place = place_of(name, space, spaces) if "." in name else None
    if _ADDRESS.match(name):
        why = f"{name} is an address; an ExternalName needs a host name"
        fix = _by_address(item, name)
    elif place and place.sure and snap.namespace in (None, place.namespace) and "services" not in snap.unchecked:
        if snap.find("services", place.name, place.namespace):
            return
        why = f"there is no service {place.name} in {place.namespace}"
        known = [o["metadata"]["name"] for o in snap.all("services") if o["metadata"]["namespace"] == place.namespace]
        best = near(place.name, set(known) - {item["metadata"]["name"]})
        fix = _renamed(item, name.replace(place.name, best, 1)) if best else Fix(text=f"Create service {place.name}.")
    else:
        return
    yield seen(
        "SM-SERVICE-EXTERNAL",
        item,
        f"{ref_of(item)} leads nowhere: {why}.",
        evidence=(field("spec.externalName", name),),
        fixes=(fix,),
    )


def _renamed(item: Object, name: str) -> Fix:
    ref, patch = ref_of(item), {"spec": {"externalName": name}}
    change = Patch(summary=f"let {ref} lead to {name}", ref=ref, verb="set name", type="merge", patch=patch)
    return change_fix(f"Correct it to {name}.", change)


def _by_address(item: Object, address: str) -> Fix:
    """A service without a selector, and an EndpointSlice of its own that holds the address."""
    ref, ports = ref_of(item), item["spec"].get("ports") or []
    if not ports:
        return Fix(text="Use a service without a selector, and an EndpointSlice with the address and its port.")
    plain = Patch(
        summary=f"make {ref} a service without a selector",
        ref=ref,
        verb="set type",
        type="merge",
        patch={"spec": {"type": "ClusterIP", "externalName": None}},
    )
    slice_ref = Ref(
        api_version="discovery.k8s.io/v1", kind="EndpointSlice", name=f"{ref.name}-outside", namespace=ref.namespace
    )
    manifest = {
        "apiVersion": slice_ref.api_version,
        "kind": slice_ref.kind,
        "metadata": {"name": slice_ref.name, "namespace": ref.namespace, "labels": {_OWNER: ref.name}},
        "addressType": "IPv6" if ":" in address else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [
            {"name": port.get("name", ""), "port": _number(port), "protocol": port.get("protocol", "TCP")}
            for port in ports
        ],
    }
    ends: Change = ApplyManifest(summary=f"create {slice_ref}", ref=slice_ref, manifest=manifest, create_only=True)
    return change_fix(f"Make it a service without a selector that leads to {address}.", plain, ends)


def _number(port: Object) -> int:
    target = port.get("targetPort")
    return target if isinstance(target, int) and target else port["port"]


def _empty(snap: Snapshot, item: Object) -> Iterator[Seen]:
    """No selector, and nobody who wrote endpoints either: mostly the selector was forgotten."""
    meta = item["metadata"]
    if snap.seconds_since(meta["creationTimestamp"]) < _FRESH or (meta["namespace"], meta["name"]) in _filled(snap):
        return
    if "endpointslices" in snap.unchecked:
        return
    ref, name = ref_of(item), meta["name"]
    close = closest(snap, meta["namespace"], name, {"app": name})
    fixes: list[Fix] = [Fix(text="Give it a selector, or the EndpointSlices that it is to lead to.")]
    evidence = [field("spec.selector", "none"), field("endpoints", "none")]
    if close:
        selector = right_selector(close)
        evidence.append(field(f"selector of {ref_of(close)}", ",".join(f"{k}={v}" for k, v in selector.items())))
        patch = {"spec": {"selector": selector}}
        change = Patch(
            summary=f"let {ref} select {ref_of(close)}", ref=ref, verb="set selector", type="merge", patch=patch
        )
        fixes.insert(0, change_fix(f"Let it select {ref_of(close)}.", change))
    yield seen(
        "SM-SERVICE-EMPTY",
        item,
        f"Service {name} reaches nobody: it has no selector and no endpoints.",
        severity=Severity.CRITICAL if close else Severity.WARNING,
        chain=(f"connections to service {name} are refused", "it has no selector, and nobody gave it endpoints"),
        evidence=evidence,
        fixes=fixes,
    )


def _filled(snap: Snapshot) -> set[tuple[str, str]]:
    """Namespace and name of the services that have endpoints, whoever wrote them."""
    return {
        (item["metadata"]["namespace"], (item["metadata"].get("labels") or {}).get(_OWNER, ""))
        for item in snap.all("endpointslices.discovery.k8s.io")
        if item.get("endpoints")
    }
