"""A probe fails: nobody listens on its port, the path is wrong, it is too impatient, or the program is not ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.finding import Confidence, Evidence, Severity
from tools.kubernetes.diagnose.logscan import scan
from tools.kubernetes.diagnose.probe_causes import budget, cause, server_error, target_text
from tools.kubernetes.diagnose.rule import Seen, back_fix, event, field, log, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.diagnose.superseded import superseded
from tools.kubernetes.diagnose.unreached import down
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-PROBE-READINESS": "the readiness probe fails, so the pod gets no traffic",
    "SM-PROBE-LIVENESS": "the liveness probe fails, so the container is restarted",
    "SM-PROBE-STARTUP": "the startup probe fails, so the container is restarted",
}
_KINDS = (("Liveness", "livenessProbe"), ("Startup", "startupProbe"), ("Readiness", "readinessProbe"))
_REPORTS = ("Created", "Started", "Killing", "BackOff", "Unhealthy")
_PATIENCE = 20.0  # seconds beyond the probe's own budget before a slow start is called a fault


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each container of a workload whose probe keeps failing."""
    for unit, count in snap.one_each(unit for unit in snap.units() if not _settled(unit) and _failing(snap, unit)):
        kind, told = _failing(snap, unit) or ("", [{}])
        yield _finding(snap, unit, count, kind, told)


def _settled(unit: Unit) -> bool:
    """Init containers have no probes unless they are sidecars; pods of a former template are on their way out."""
    once = unit.init and unit.spec.get("restartPolicy") != "Always"
    return once or superseded(unit.owner, unit.pod)


def _failing(snap: Snapshot, unit: Unit) -> tuple[str, list[Object]] | None:
    """Which probe of a container fails, with the events that tell; None while it may just be starting."""
    if unit.waiting.get("reason") not in (None, "", "CrashLoopBackOff"):
        return None
    state: dict[str, Any] = unit.status.get("state") or {}
    for kind, name in _KINDS:
        if not unit.spec.get(name):
            continue
        told = [item for item in snap.events(unit.pod, "Unhealthy") if f"{kind} probe" in item.get("message", "")]
        if kind == unseen_killer(snap, unit):
            return kind, told or [{}]
        if not told:
            continue
        running = snap.seconds_since((state.get("running") or {}).get("startedAt"))
        late = running > budget(unit.spec[name]) + _PATIENCE
        if kind == "Readiness":
            starting = unit.spec.get("startupProbe") and not unit.status.get("started")
            if not unit.status.get("ready") and not starting and (late or _impossible(told)):
                return kind, told
        elif _stopped_by(snap, unit, kind) or (_impossible(told) and state.get("running")):
            return kind, told
    return None


def unseen_killer(snap: Snapshot, unit: Unit) -> str:
    """The probe that must have ended a container, where the kubelet's report of that never came or is gone."""
    killed = unit.terminated.get("exitCode") in (137, 143) and unit.terminated.get("reason") == "Error"
    if not killed or not unit.status.get("restartCount"):
        return ""
    reports = snap.events(unit.pod, *_REPORTS)
    failed = " ".join(item.get("message", "") for item in reports if item.get("reason") == "Unhealthy")
    if kind := next((kind for kind in ("Startup", "Liveness") if f"{kind} probe" in failed), ""):
        return "" if any(item.get("reason") == "Killing" for item in reports) else kind
    if reports:
        return ""
    if unit.spec.get("startupProbe") and not unit.status.get("started"):
        return "Startup"
    return "Liveness" if unit.spec.get("livenessProbe") else ""


def _impossible(told: list[Object]) -> bool:
    """The kubelet cannot even ask: such a probe never fails and never succeeds."""
    return bool(told) and all("probe errored" in item.get("message", "") for item in told)


def _stopped_by(snap: Snapshot, unit: Unit, kind: str) -> bool:
    if not unit.status.get("restartCount") or (unit.status.get("ready") and unit.status["restartCount"] < 2):
        return False
    return any(f"{kind.lower()} probe" in item.get("message", "") for item in snap.events(unit.pod, "Killing"))


def _finding(snap: Snapshot, unit: Unit, count: int, kind: str, told: list[Object]) -> Seen:
    name, field_name = unit.spec["name"], dict(_KINDS)[kind]
    probe = unit.spec[field_name]
    failure = _telling(told)
    idle = _impossible(told)
    effect = "gets no traffic" if kind == "Readiness" else "is restarted again and again"
    if idle and kind == "Liveness":
        effect = "is not watched at all"
    words = snap.last_words(unit)
    why, fix, more = cause(unit, field_name, failure.get("message", ""), words)
    clue = scan(words)
    return seen(
        f"SM-PROBE-{kind.upper()}",
        unit.owner,
        f"The {kind.lower()} probe of container {name} of {ref_of(unit.owner)} fails: {why}.",
        severity=Severity.WARNING if idle and kind == "Liveness" else Severity.CRITICAL,
        chain=(
            f"{pods_text(count, unit.owner)} {effect}",
            f"the {kind.lower()} probe on {target_text(probe)} fails",
            why,
        ),
        evidence=(
            event(failure or None),
            _ending(unit) if not failure else None,
            field(field_name, target_text(probe)),
            log(clue.lines) if clue else None,
        ),
        confidence=None if failure else Confidence.LIKELY,
        symptom_of=down(snap, unit.owner) if server_error(failure.get("message", "")) else (),
        fixes=(None if fix and fix.asks else fix, back_fix(snap, unit.owner), fix if fix and fix.asks else None, more),
    )


def _ending(unit: Unit) -> Evidence:
    return field("lastState.terminated.exitCode", f"{unit.terminated.get('exitCode')}, ended from outside")


def _telling(told: list[Object]) -> Object:
    """The event that says most: a refused connection is also what every start looks like."""
    answered = [item for item in told if "connection refused" not in item.get("message", "")]
    return max(answered or told, key=lambda item: (item.get("series") or {}).get("count") or item.get("count") or 1)
