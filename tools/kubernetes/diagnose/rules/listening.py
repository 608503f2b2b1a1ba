"""The programs behind a service listen elsewhere than it sends: on another port, or on their own localhost only.

Example: service files sends to port 8080, and the log of its pods says "Serving HTTP on 0.0.0.0 port 8000". Only what a
program says tells this, so it is merely likely; a readiness probe that passes at that port says the contrary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Evidence, Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, cut, field, seen
from tools.kubernetes.diagnose.rules.service import target_port_change
from tools.kubernetes.diagnose.saying import LOOPBACK, Said, said
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import containers_of, env_change, ref_of

IDS = {
    "SM-SERVICE-LISTENS": "the pods say that they listen on another port than the service sends to",
    "SM-SERVICE-LOCALHOST": "the pods say that they listen on their own localhost only",
}
_MOST_LOGS = 20


def check(snap: Snapshot) -> Iterator[Seen]:
    """Services of one namespace, against what their pods say."""
    read = 0
    for item in snap.all("services") if snap.namespace else ():
        spec = item.get("spec") or {}
        entries = spec.get("ports") or []
        if not spec.get("selector") or len(entries) != 1 or read >= _MOST_LOGS:
            continue
        pod = next((pod for pod in snap.selected(spec["selector"], snap.namespace) if _may_tell(pod)), None)
        target = entries[0].get("targetPort", entries[0]["port"])
        if pod and isinstance(target, int) and not _probed(pod, target):
            read += 1
            yield from _compare(snap, item, pod, target)


def _may_tell(pod: Object) -> bool:
    """A ready pod with one container that declares no port, or one: more could be meant for anything."""
    containers = pod["spec"].get("containers") or []
    ready = condition(pod, "Ready").get("status") == "True" and not pod["metadata"].get("deletionTimestamp")
    return ready and len(containers) == 1 and len(containers[0].get("ports") or ()) <= 1


def _probed(pod: Object, target: int) -> bool:
    """Whether the kubelet itself reaches the ready pod at that port."""
    container = pod["spec"]["containers"][0]
    names = {port.get("name"): port["containerPort"] for port in container.get("ports") or ()}
    probe = container.get("readinessProbe") or {}
    ports = [probe[action]["port"] for action in ("httpGet", "tcpSocket", "grpc") if probe.get(action)]
    return any(names.get(port, port) == target for port in ports)


def _compare(snap: Snapshot, item: Object, pod: Object, target: int) -> Iterator[Seen]:
    told = said(snap, pod)
    if len({one.port for one in told}) != 1:
        return
    if told[0].port != target:
        yield _elsewhere(item, told[0], target)
    elif all(one.local for one in told):
        yield _loopback(snap, item, pod, told[0])


def _elsewhere(item: Object, told: Said, target: int) -> Seen:
    name = item["metadata"]["name"]
    change = target_port_change(item, item["spec"]["ports"][0], told.port)
    return seen(
        "SM-SERVICE-LISTENS",
        item,
        f"Service {name} sends traffic to port {target}, but its pods say that they listen on {told.port}.",
        severity=Severity.WARNING,
        chain=(f"connections to service {name} are refused", f"the program listens on port {told.port}, not {target}"),
        evidence=(field("spec.ports.targetPort", target), Evidence(source="log", text=cut(told.line))),
        fixes=(change_fix(f"Send the traffic to port {told.port}.", change),),
    )


def _loopback(snap: Snapshot, item: Object, pod: Object, told: Said) -> Seen:
    name, owner = item["metadata"]["name"], snap.owner(pod)
    advice = Fix(text="Let the program listen on 0.0.0.0, by its arguments or settings.")
    change = _open(owner) if owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet") else None
    return seen(
        "SM-SERVICE-LOCALHOST",
        item,
        f"Service {name} reaches nobody: the program of {ref_of(owner)} listens on its own localhost only.",
        severity=Severity.WARNING,
        chain=(
            f"connections to service {name} are refused",
            "what listens on localhost cannot be reached from outside",
        ),
        evidence=(field("spec.ports.targetPort", told.port), Evidence(source="log", text=cut(told.line))),
        fixes=(change_fix("Let it listen on 0.0.0.0, as its settings allow.", change), advice) if change else (advice,),
    )


def _open(owner: Object) -> Patch | None:
    """0.0.0.0 in the place of the loopback address, where command, arguments or variables name it."""
    container = containers_of(owner)[0]
    for part in ("args", "command"):
        texts = container.get(part) or []
        if any(LOOPBACK.search(text) for text in texts):
            entry = {"name": container["name"], part: [LOOPBACK.sub("0.0.0.0", text) for text in texts]}  # noqa: S104
            return Patch(
                summary=f"let {ref_of(owner)} listen on 0.0.0.0",
                ref=ref_of(owner),
                verb=f"set {part}",
                patch={"spec": {"template": {"spec": {"containers": [entry]}}}},
            )
    for item in container.get("env") or ():
        if LOOPBACK.match(item.get("value") or "") and re.search(r"HOST|BIND|LISTEN|ADDR", item["name"]):
            return env_change(owner, container["name"], {item["name"]: LOOPBACK.sub("0.0.0.0", item["value"])})  # noqa: S104
    return None
