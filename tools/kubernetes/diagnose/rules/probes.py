"""A probe fails: nobody listens on its port, the path is wrong, it is too impatient, or the program is not ready."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools.change import Patch
from tools.finding import Fix
from tools.kubernetes.diagnose.logscan import scan
from tools.kubernetes.diagnose.rule import Seen, back_fix, change_fix, event, field, log, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-PROBE-READINESS": "the readiness probe fails, so the pod gets no traffic",
    "SM-PROBE-LIVENESS": "the liveness probe fails, so the container is restarted",
    "SM-PROBE-STARTUP": "the startup probe fails, so the container is restarted",
}
_KINDS = (("Liveness", "livenessProbe"), ("Startup", "startupProbe"), ("Readiness", "readinessProbe"))
_PATIENCE = 20.0  # seconds beyond the probe's own budget before a slow start is called a fault
_STATUS = re.compile(r"statuscode: (\d+)")


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each container of a workload whose probe keeps failing."""
    for unit, count in snap.one_each(unit for unit in snap.units() if not unit.init and _failing(snap, unit)):
        kind, failure = _failing(snap, unit) or ("", {})
        yield _finding(snap, unit, count, kind, failure)


def _failing(snap: Snapshot, unit: Unit) -> tuple[str, Object] | None:
    """Which probe of a container fails, with the event that tells; None while it may just be starting."""
    if unit.waiting.get("reason") not in (None, "", "CrashLoopBackOff"):
        return None
    state: dict[str, Any] = unit.status.get("state") or {}
    for kind, name in _KINDS:
        if not unit.spec.get(name):
            continue
        told = [item for item in snap.events(unit.pod, "Unhealthy") if f"{kind} probe" in item.get("message", "")]
        if not told:
            continue
        if kind == "Readiness":
            running = snap.seconds_since((state.get("running") or {}).get("startedAt"))
            starting = unit.spec.get("startupProbe") and not unit.status.get("started")
            if not unit.status.get("ready") and not starting and running > _budget(unit.spec[name]) + _PATIENCE:
                return kind, told[-1]
        elif _stopped_by(snap, unit, kind):
            return kind, told[-1]
    return None


def _stopped_by(snap: Snapshot, unit: Unit, kind: str) -> bool:
    if not unit.status.get("restartCount") or (unit.status.get("ready") and unit.status["restartCount"] < 2):
        return False
    return any(f"{kind.lower()} probe" in item.get("message", "") for item in snap.events(unit.pod, "Killing"))


def _budget(probe: Object) -> float:
    return probe.get("initialDelaySeconds", 0) + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)


def _finding(snap: Snapshot, unit: Unit, count: int, kind: str, failure: Object) -> Seen:
    name, field_name = unit.spec["name"], dict(_KINDS)[kind]
    probe, message = unit.spec[field_name], failure.get("message", "")
    why, fix = _cause(unit, field_name, probe, message)
    effect = "gets no traffic" if kind == "Readiness" else "is restarted again and again"
    clue = scan(snap.log(unit.pod, name))
    return seen(
        f"SM-PROBE-{kind.upper()}",
        unit.owner,
        f"The {kind.lower()} probe of container {name} of {ref_of(unit.owner)} fails: {why}.",
        chain=(f"{pods_text(count, unit.owner)} {effect}", f"the {kind.lower()} probe on {_target(probe)} fails", why),
        evidence=(event(failure), field(field_name, _target(probe)), log(clue.lines) if clue else None),
        fixes=(fix, back_fix(snap, unit.owner)),
    )


def _target(probe: Object) -> str:
    for action in ("httpGet", "tcpSocket", "grpc"):
        if found := probe.get(action):
            return f"{found.get('scheme', '')} {found.get('path', '')} port {found['port']}".strip()
    return "command " + " ".join((probe.get("exec") or {}).get("command") or ())


def _cause(unit: Unit, field_name: str, probe: Object, message: str) -> tuple[str, Fix | None]:
    declared = [item["containerPort"] for item in unit.spec.get("ports") or ()]
    port = next((probe[action]["port"] for action in ("httpGet", "tcpSocket", "grpc") if probe.get(action)), None)
    if "connection refused" in message:
        if declared and port not in declared and isinstance(port, int):
            why = f"nobody listens on port {port}; the container declares {', '.join(map(str, declared))}"
            return why, _port_fix(unit, field_name, probe, declared[0]) if len(declared) == 1 else None
        return f"nobody listens on port {port}", Fix(
            text=f"Let the program listen on port {port} at 0.0.0.0, or correct the probe."
        )
    if status := _STATUS.search(message):
        code = int(status[1])
        path = (probe.get("httpGet") or {}).get("path", "/")
        if code == 404:
            return f"there is nothing at {path} (HTTP 404)", Fix(text="Correct the path of the probe.")
        if code in (401, 403):
            return f"{path} wants a login (HTTP {code})", Fix(text="Probe a path that needs no login.")
        return f"the program answers with HTTP {code}", Fix(
            text="The program itself says that it is not well; see its log."
        )
    if "deadline exceeded" in message or "timed out" in message or "timeout" in message.lower():
        seconds = probe.get("timeoutSeconds", 1)
        return f"no answer within {seconds} s", Fix(
            text=f"Raise timeoutSeconds above {seconds}, or look at why it is slow."
        )
    if "malformed HTTP" in message or "HTTP response to HTTPS" in message or "tls:" in message:
        return "the scheme is wrong (HTTP against HTTPS)", Fix(text="Correct the scheme of the probe.")
    if probe.get("exec"):
        return f"its command fails: {message.partition('probe failed:')[2].strip()[:120] or message[:120]}", None
    return message[:160], None


def _port_fix(unit: Unit, field_name: str, probe: Object, port: int) -> Fix | None:
    if unit.owner["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        return None
    action = next(action for action in ("httpGet", "tcpSocket", "grpc") if probe.get(action))
    entry = {"name": unit.spec["name"], field_name: {action: {"port": port}}}
    change = Patch(
        summary=f"set the port of the {field_name} of {ref_of(unit.owner)} to {port}",
        ref=ref_of(unit.owner),
        verb="set probe",
        patch={"spec": {"template": {"spec": {"containers": [entry]}}}},
    )
    return change_fix(f"Probe port {port}, which the container declares.", change)
