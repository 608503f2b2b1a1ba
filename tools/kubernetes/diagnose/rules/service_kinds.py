"""Services that no selector can explain: pending load balancers, names outside, headless ones, the wrong port by log.

Example: service shop of type LoadBalancer has had no address for ten minutes, since nothing in the cluster gives any.
A load balancer that is a minute old, an ExternalName that leads out of the cluster, and a service whose pods declare
no port but listen where it sends are all well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Evidence, Fix, Severity
from tools.kubernetes.diagnose.dependencies import place_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, cut, event, field, latest, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-SERVICE-PENDING": "a load balancer has no address",
    "SM-SERVICE-EXTERNAL": "an ExternalName leads to nothing, or to an address instead of a name",
    "SM-SERVICE-HEADLESS": "the service that names the pods of a StatefulSet does not exist or is not headless",
    "SM-SERVICE-LISTENS": "the pods say that they listen on another port than the service sends to",
}
_PATIENCE = 180.0  # seconds in which a cloud makes a load balancer
_ADDRESS = re.compile(r"[\d.]+\Z|[0-9a-f:]*:[0-9a-f:]*\Z", re.I)
_LISTENS = re.compile(
    r"(?:listening|serving|started|running|bound)\b.{0,60}?"
    r"(?:\bport:? ?|(?:[\d.]+|\[?::\]?|\blocalhost|\*):)(\d{2,5})\b",
    re.I,
)
_MOST_LOGS = 20


def check(snap: Snapshot) -> Iterator[Seen]:
    """Services of a special kind, and those whose pods talk of another port."""
    read = 0
    for item in snap.all("services"):
        spec = item.get("spec") or {}
        match spec.get("type"):
            case "LoadBalancer":
                yield from _pending(snap, item)
            case "ExternalName":
                yield from _external(snap, item)
            case _:
                pass
        if spec.get("selector") and snap.namespace and read < _MOST_LOGS:
            pods = [pod for pod in snap.selected(spec["selector"], item["metadata"]["namespace"]) if _silent(pod)]
            if pods:
                read += 1
                yield from _listens(snap, item, pods[0])
    for item in snap.all("statefulsets.apps"):
        yield from _headless(snap, item)


def _pending(snap: Snapshot, item: Object) -> Iterator[Seen]:
    status = (item.get("status") or {}).get("loadBalancer") or {}
    if status.get("ingress") or snap.seconds_since(item["metadata"]["creationTimestamp"]) < _PATIENCE:
        return
    told = latest(snap, item, "SyncLoadBalancerFailed", "AllocationFailed")
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
            Fix(text="Install what gives addresses (a cloud's controller, MetalLB, minikube tunnel)."),
            change_fix("Or reach it over a port of the nodes.", change),
        ),
    )


def _external(snap: Snapshot, item: Object) -> Iterator[Seen]:
    name = str(item["spec"].get("externalName", ""))
    spaces = {found["metadata"]["name"] for found in snap.all("namespaces")}
    place = place_of(name, item["metadata"]["namespace"], spaces) if "." in name else None
    if _ADDRESS.match(name):
        why = f"{name} is an address; an ExternalName needs a host name"
        fix = "Use a service without selector and an EndpointSlice with the address."
    elif place and place.sure and snap.namespace in (None, place.namespace) and "services" not in snap.unchecked:
        if snap.find("services", place.name, place.namespace):
            return
        why = f"there is no service {place.name} in {place.namespace}"
        known = [o["metadata"]["name"] for o in snap.all("services") if o["metadata"]["namespace"] == place.namespace]
        best = near(place.name, known)
        fix = f"Correct it to {best}." if best else f"Create service {place.name}."
    else:
        return
    yield seen(
        "SM-SERVICE-EXTERNAL",
        item,
        f"{ref_of(item)} leads nowhere: {why}.",
        evidence=(field("spec.externalName", name),),
        fixes=(Fix(text=fix),),
    )


def _headless(snap: Snapshot, item: Object) -> Iterator[Seen]:
    name, space = item["spec"].get("serviceName"), item["metadata"]["namespace"]
    service = snap.find("services", name, space) if name else None
    if not name or "services" in snap.unchecked or (service and service["spec"].get("clusterIP") == "None"):
        return
    known = [
        found["metadata"]["name"]
        for found in snap.all("services")
        if found["metadata"]["namespace"] == space and found["spec"].get("clusterIP") == "None"
    ]
    best = near(name, known)
    why = "has an address of its own, so the pods get no names" if service else "does not exist"
    yield seen(
        "SM-SERVICE-HEADLESS",
        item,
        f"{ref_of(item)} names its pods by service {name}, which {why}{f'; there is {best}' if best else ''}.",
        severity=Severity.INFO if service else Severity.WARNING,
        evidence=(field("spec.serviceName", name),),
        fixes=(Fix(text=f"Create a headless service {name} (clusterIP: None) with the pods' labels."),),
    )


def _silent(pod: Object) -> bool:
    """A running pod with one container that declares no port: only its log can tell."""
    containers = pod["spec"].get("containers") or []
    running = (pod.get("status") or {}).get("phase") == "Running"
    return running and len(containers) == 1 and not containers[0].get("ports")


def _listens(snap: Snapshot, item: Object, pod: Object) -> Iterator[Seen]:
    lines = snap.log(pod, pod["spec"]["containers"][0]["name"]).splitlines()[:60]
    said = [(int(match[1]), line) for line in lines if (match := _LISTENS.search(line))]
    ports = {port for port, _ in said}
    entries = item["spec"].get("ports") or []
    if len(ports) != 1 or len(entries) != 1:
        return
    target, right = entries[0].get("targetPort", entries[0]["port"]), ports.pop()
    if target == right or not isinstance(target, int):
        return
    name = item["metadata"]["name"]
    entry = {"port": entries[0]["port"], "targetPort": right, "protocol": entries[0].get("protocol", "TCP")}
    change = Patch(
        summary=f"set the target port of service {name} to {right}",
        ref=ref_of(item),
        verb="set port",
        patch={"spec": {"ports": [entry]}},
    )
    yield seen(
        "SM-SERVICE-LISTENS",
        item,
        f"Service {name} sends traffic to port {target}, but its pods say that they listen on {right}.",
        severity=Severity.WARNING,
        chain=(f"connections to service {name} are refused", f"the program listens on port {right}, not {target}"),
        evidence=(field("spec.ports.targetPort", target), Evidence(source="log", text=cut(said[0][1]))),
        fixes=(change_fix(f"Send the traffic to port {right}.", change),),
    )
