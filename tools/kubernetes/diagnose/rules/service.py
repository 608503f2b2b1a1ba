"""A service reaches nobody: its selector matches no pod, its pods are not ready, or its target port is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.closest import closest, corrected, labels_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, near, seen
from tools.kubernetes.diagnose.saying import said
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-SERVICE-SELECTOR": "the selector of the service matches no pod",
    "SM-SERVICE-NOT-READY": "no pod behind the service is ready",
    "SM-SERVICE-PORT": "the service sends traffic to a port that its pods do not have",
}


_MAKING = frozenset(("ContainerCreating", "PodInitializing"))
_BEGINNING = _MAKING | {""}
_YOUNG, _SLOW = 60.0, 180.0  # seconds that a program, and the making of its container, may take
_NEW = 5.0  # seconds until a workload has its pods


def check(snap: Snapshot) -> Iterator[Seen]:
    """Services with a selector and nobody behind it."""
    for service in snap.all("services"):
        spec = service.get("spec") or {}
        selector = spec.get("selector")
        if not selector or spec.get("type") == "ExternalName":
            continue
        pods = [
            pod
            for pod in snap.selected(selector, service["metadata"].get("namespace"))
            if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        ]
        if not pods:
            yield from _nobody(snap, service, selector)
        elif not any(_ready(pod) for pod in pods) and not spec.get("publishNotReadyAddresses"):
            yield from _not_ready(snap, service, pods)
        else:
            yield from _ports(snap, service, pods)


def _ready(pod: Object) -> bool:
    return any(
        item.get("type") == "Ready" and item.get("status") == "True"
        for item in (pod.get("status") or {}).get("conditions") or ()
    )


def _nobody(snap: Snapshot, service: Object, selector: dict[str, str]) -> Iterator[Seen]:
    """No pod: a fault only if nothing that it selects was scaled to zero on purpose or waits to be made."""
    behind = snap.behind(service)
    wanted = [item for item in behind if replicas_of(item)]
    name, told = service["metadata"]["name"], ",".join(f"{k}={v}" for k, v in selector.items())
    if (behind and not wanted) or any(_new(snap, item) for item in wanted):
        return
    if wanted:
        yield seen(
            "SM-SERVICE-NOT-READY",
            service,
            f"Service {name} has no endpoints: {ref_of(wanted[0])} has no pods.",
            symptom_of=[ref_of(item) for item in wanted],
            evidence=(field("spec.selector", told),),
        )
        return
    close = closest(snap, service["metadata"].get("namespace"), name, selector)
    why = f"its selector {told} matches no pod"
    fixes: list[Fix] = [Fix(text="Correct the selector, or deploy what it is meant for.")]
    evidence = [field("spec.selector", told)]
    if close:
        labels = ",".join(f"{k}={v}" for k, v in labels_of(close).items())
        evidence.append(field(f"labels of the pods of {ref_of(close)}", labels))
        patch = {"spec": {"selector": corrected(selector, close)}}
        change = Patch(
            summary=f"let service {name} select {ref_of(close)}",
            ref=ref_of(service),
            verb="set selector",
            type="merge",
            patch=patch,
        )
        fixes.insert(0, change_fix(f"Let it select {ref_of(close)}.", change))
    yield seen(
        "SM-SERVICE-SELECTOR",
        service,
        f"Service {name} reaches nobody: {why}.",
        severity=Severity.CRITICAL if close else Severity.WARNING,
        chain=(f"service {name} has no endpoints", why),
        evidence=evidence,
        fixes=fixes,
    )


def _new(snap: Snapshot, workload: Object) -> bool:
    """Whether its controller may not have got round to its pods yet."""
    moved = condition(workload, "Available").get("lastTransitionTime") or ""
    return snap.seconds_since(max(workload["metadata"]["creationTimestamp"], moved)) < _NEW


def _not_ready(snap: Snapshot, service: Object, pods: list[Object]) -> Iterator[Seen]:
    if any(_starting(snap, pod) for pod in pods):
        return
    owners = {snap.owner(pod)["metadata"]["uid"]: snap.owner(pod) for pod in pods}
    name = service["metadata"]["name"]
    causes = [ref_of(item) for item in owners.values()]
    told = ", ".join(str(ref) for ref in causes)
    yield seen(
        "SM-SERVICE-NOT-READY",
        service,
        f"Service {name} has no ready endpoints: no pod of {told} is ready.",
        severity=Severity.CRITICAL,
        symptom_of=causes,
    )


def _starting(snap: Snapshot, pod: Object) -> bool:
    """Whether a pod may simply not be up yet: nothing has failed, and it is young or has just begun to run."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    states = [status.get("state") or {} for status in statuses]
    failed = any(status.get("restartCount") for status in statuses) or any("terminated" in state for state in states)
    waits = {(state.get("waiting") or {}).get("reason", "") for state in states}
    if failed or waits - _BEGINNING:
        return False
    age = snap.seconds_since(pod["metadata"]["creationTimestamp"])
    began = [snap.seconds_since((state.get("running") or {}).get("startedAt")) for state in states]
    return age < (_SLOW if waits & _MAKING or not states else _YOUNG) or any(0 < since < _YOUNG for since in began)


def _ports(snap: Snapshot, service: Object, pods: list[Object]) -> Iterator[Seen]:
    """A target port by name must exist; one by number is suspicious when the containers declare others."""
    spec = pods[0]["spec"]
    sidecars = [item for item in spec.get("initContainers") or () if item.get("restartPolicy") == "Always"]
    ports = [port for item in (*(spec.get("containers") or ()), *sidecars) for port in item.get("ports") or ()]
    names = {port["name"]: port["containerPort"] for port in ports if port.get("name")}
    numbers = {port["containerPort"] for port in ports}
    name, entries = service["metadata"]["name"], service["spec"].get("ports") or ()
    for port in entries:
        target = _target(port)
        if target in names or target in numbers or (isinstance(target, int) and not numbers):
            continue
        if snap.namespace and len(spec["containers"]) == 1 and target in {one.port for one in said(snap, pods[0])}:
            continue  # what is declared only informs, and the program says otherwise
        known = ", ".join(sorted(names) if isinstance(target, str) else map(str, sorted(numbers))) or "none"
        why = f"its target port {target} is not a port of the pods (they declare {known})"
        free = numbers - {names.get(str(_target(other)), _target(other)) for other in entries}
        right = near(target, names) if isinstance(target, str) else ""
        yield seen(
            "SM-SERVICE-PORT",
            service,
            f"Service {name} sends traffic to nobody: {why}.",
            severity=Severity.CRITICAL if isinstance(target, str) else Severity.WARNING,
            chain=(f"connections to service {name} on port {port['port']} are refused", why),
            evidence=(field("spec.ports.targetPort", target),),
            fixes=[_port_fix(service, port, right or (next(iter(free)) if len(free) == 1 else ""), known)],
        )


def _target(port: Object) -> int | str:
    return port.get("targetPort", port["port"])


def _port_fix(service: Object, port: Object, right: int | str, known: str) -> Fix:
    if not right:
        return Fix(text=f"Correct the target port; the pods declare {known}.")
    return change_fix(f"Send the traffic to port {right}.", target_port_change(service, port, right))


def target_port_change(service: Object, port: Object, right: int | str) -> Patch:
    """Send what comes to one port of a service to another port of its pods."""
    entry = {"port": port["port"], "targetPort": right, "protocol": port.get("protocol", "TCP")}
    return Patch(
        summary=f"set the target port of service {service['metadata']['name']} to {right}",
        ref=ref_of(service),
        verb="set port",
        patch={"spec": {"ports": [entry]}},
    )
