"""Why a probe fails, from what the kubelet says of it, what the container declares and what its log says. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tools.finding import Asks, Fix
from tools.kubernetes.diagnose.logscan import scan
from tools.kubernetes.diagnose.mending import container_patch
from tools.kubernetes.diagnose.rule import change_fix, cut, near
from tools.kubernetes.diagnose.snapshot import Object, Unit
from tools.kubernetes.workload_changes import ref_of

_STATUS = re.compile(r"statuscode: (\d+)")
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):(?P<port>\d+)")
_NO_PROGRAM = re.compile(r'exec: "(?P<name>[^"]+)": (?:stat|executable file not found|no such file)')
_ACTIONS = ("httpGet", "tcpSocket", "grpc")
_SOON = 60  # seconds: a probe that gives up earlier may not leave enough time to start
_FIRST = {"livenessProbe": "liveness", "startupProbe": "startup", "readinessProbe": "readiness"}


class Cause(NamedTuple):
    """The reason in words, a change that ends it, and advice."""

    why: str
    fix: Fix | None = None
    advice: Fix | None = None


def budget(probe: Object) -> float:
    """Seconds until a probe that never succeeds gives up."""
    return probe.get("initialDelaySeconds", 0) + probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)


def server_error(message: str) -> bool:
    """Whether the program answered that something on its own side is wrong, such as what it depends on."""
    found = _STATUS.search(message)
    return found is not None and int(found[1]) >= 500


def target_text(probe: Object) -> str:
    """What a probe asks, in words."""
    for action in _ACTIONS:
        if found := probe.get(action):
            return f"{found.get('scheme', '')} {found.get('path', '')} port {found['port']}".strip()
    return "command " + " ".join((probe.get("exec") or {}).get("command") or ())


def cause(unit: Unit, name: str, message: str, words: str) -> Cause:
    """Why the probe called `name` fails; `words` are the end of the container's log."""
    probe = unit.spec[name]
    if program := _NO_PROGRAM.search(message):
        advice = Fix(text="Probe with a command that the image has, or by HTTP or TCP.")
        return Cause(f"its command {program['name']} is not in the image", advice=advice)
    if "strconv" in message or ("errored" in message and isinstance(_port(probe), str)):
        return _named_port(unit, name, probe)
    if "connection refused" in message or (not message and _port(probe)):
        return _refused(unit, name, probe, words)
    if status := _STATUS.search(message):
        return _answered(unit, name, probe, int(status[1]), words)
    if any(sign in message for sign in ("malformed HTTP", "HTTP response to HTTPS", "tls:", "HTTPS server")):
        return _scheme(unit, name, probe)
    if "deadline exceeded" in message or "timed out" in message or "timeout" in message.lower():
        return _slow(unit, name, probe)
    if probe.get("exec"):
        return Cause(f"its command fails: {message.partition('probe failed:')[2].strip()[:120] or message[:120]}")
    return Cause(message[:160] or "the container was ended from outside, and nothing was reported of it")


def _port(probe: Object) -> Any:
    return next((probe[action]["port"] for action in _ACTIONS if probe.get(action)), None)


def _patch(unit: Unit, name: str, text: str, fields: dict[str, Any], what: str) -> Fix | None:
    change = container_patch(unit, "set probe", f"{what} of the {_FIRST[name]} probe", {name: fields})
    return change_fix(text, change) if change else None


def _at(probe: Object, **fields: Any) -> dict[str, Any]:
    return {next(action for action in _ACTIONS if probe.get(action)): fields}


def _named_port(unit: Unit, name: str, probe: Object) -> Cause:
    port = _port(probe)
    names = [item["name"] for item in unit.spec.get("ports") or () if item.get("name")]
    best = near(str(port), names) or (names[0] if len(names) == 1 else "")
    known = f"; it has {', '.join(names)}" if names else ""
    fix = _patch(unit, name, f"Ask port {best}.", _at(probe, port=best), f"set the port to {best}") if best else None
    return Cause(f"the container has no port called {port}{known}", fix, Fix(text="Name a port that it has."))


def _refused(unit: Unit, name: str, probe: Object, words: str) -> Cause:
    port = _port(probe)
    ports = unit.spec.get("ports") or ()
    declared = [item["containerPort"] for item in ports]
    number = next((item["containerPort"] for item in ports if item.get("name") == port), port)
    if declared and number not in declared:
        why = f"nobody listens on port {port}; the container declares {', '.join(map(str, declared))}"
        if len(declared) == 1:
            text = f"Probe port {declared[0]}, which the container declares."
            return Cause(why, _patch(unit, name, text, _at(probe, port=declared[0]), f"set the port to {declared[0]}"))
        return Cause(why, advice=Fix(text="Probe the port that it listens on."))
    own = next((found for found in _LOOPBACK.finditer(words) if found["port"] == str(number)), None)
    if own:
        why = f"it listens on {own[0]} only, where no other than its own pod reaches it"
        return Cause(why, advice=Fix(text=f"Let the program listen on 0.0.0.0:{number}."))
    advice = Fix(text=f"Let the program listen on port {port} at 0.0.0.0, or correct the probe.")
    seconds = budget(probe)
    if name == "readinessProbe" or seconds >= _SOON:
        return Cause(f"nobody listens on port {port}", advice=advice)
    why = f"nobody listens on port {port} yet when it gives up, {seconds:.0f} s after the start"
    return Cause(why, _patience(unit, name, probe), advice)


def _patience(unit: Unit, name: str, probe: Object) -> Fix | None:
    """Time to start: more of it for a startup probe, and a startup probe for a container that has none."""
    period = max(probe.get("periodSeconds", 10), 1)
    tries = -(-2 * _SOON // period)
    if name == "startupProbe":
        text = f"Let it try for {tries * period} s."
        return _patch(unit, name, text, {"failureThreshold": tries}, f"set the failure threshold to {tries}")
    if unit.spec.get("startupProbe"):
        return None
    kept = {key: probe[key] for key in (*_ACTIONS, "exec", "timeoutSeconds") if key in probe}
    fields = {"startupProbe": {**kept, "periodSeconds": period, "failureThreshold": tries}}
    change = container_patch(unit, "set probe", f"let the start take up to {tries * period} s (startup probe)", fields)
    text = f"Give it {tries * period} s to start before that probe counts (a startup probe)."
    return change_fix(text, change) if change else None


def _answered(unit: Unit, name: str, probe: Object, code: int, words: str) -> Cause:
    path = (probe.get("httpGet") or {}).get("path", "/")
    if code == 400 and (probe["httpGet"].get("scheme") or "HTTP") == "HTTP":
        return Cause(f"the program does not understand it (HTTP 400): it may want HTTPS at port {_port(probe)}",
                     advice=Fix(text="Correct the scheme or the path of the probe."))  # fmt: skip
    if code == 404:
        return _no_page(unit, name, probe, path)
    if code in (401, 403):
        return Cause(f"{path} wants a login (HTTP {code})", advice=Fix(text="Probe a path that needs no login."))
    advice = Fix(text="The program itself says that it is not well; see its log.")
    clue = scan(words)
    said = f", and its log says: {cut(clue.text, 160)}" if clue else ""
    return Cause(f"the program answers with HTTP {code}{said}", advice=advice)


def _no_page(unit: Unit, name: str, probe: Object, path: str) -> Cause:
    why = f"there is nothing at {path} (HTTP 404)"
    for other in ("livenessProbe", "readinessProbe", "startupProbe"):
        found = (unit.spec.get(other) or {}).get("httpGet") or {}
        good = other != name and found.get("path", path) != path and found.get("port") == _port(probe)
        if good and unit.status.get("started"):
            text = f"Ask {found['path']}, as the {_FIRST[other]} probe does."
            return Cause(
                why, _patch(unit, name, text, _at(probe, path=found["path"]), f"set the path to {found['path']}")
            )
    fix = _patch(unit, name, "Correct the path of the probe.", _at(probe, path="{value}"), "set the path to {value}")
    question = f"Which path shall the {_FIRST[name]} probe of {ref_of(unit.owner)} ask for, instead of {path}?"
    return Cause(why, fix.model_copy(update={"asks": Asks(question=question)}) if fix else None)


def _scheme(unit: Unit, name: str, probe: Object) -> Cause:
    now = (probe.get("httpGet") or {}).get("scheme") or "HTTP"
    right = "HTTPS" if now == "HTTP" else "HTTP"
    why = f"the scheme is wrong: it speaks {now}, the program {right}"
    return Cause(why, _patch(unit, name, f"Speak {right}.", _at(probe, scheme=right), f"set the scheme to {right}"))


def _slow(unit: Unit, name: str, probe: Object) -> Cause:
    seconds = probe.get("timeoutSeconds", 1)
    more = max(5, 3 * seconds)
    text = f"Wait up to {more} s for an answer."
    fix = _patch(unit, name, text, {"timeoutSeconds": more}, f"raise the timeout from {seconds} to {more} s")
    advice = Fix(text=f"Raise timeoutSeconds above {seconds}, or look at why it is slow.")
    return Cause(f"no answer within {seconds} s", fix, advice)
