"""What a finding's fix still needs before it is proposed: a person's value, and pods that try again at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from tools.change import Change
from tools.errors import BadRequest
from tools.finding import Finding, Fix
from tools.kubernetes.diagnose.folding import Key, key
from tools.kubernetes.diagnose.run import Look
from tools.kubernetes.diagnose.snapshot import Object
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, restart_change

_CHANGE: TypeAdapter[Change] = TypeAdapter(Change)
_PLACE = "{value}"
_FORMS = {
    "name": (r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", "a name: small letters, digits, dashes and dots"),
    "tag": (r"\w[\w.-]{0,127}", "a tag of an image, like 1.27"),
    "image": (r"[a-z0-9][\w./:@-]{0,255}", "an image, like nginx:1.27"),
    "number": (r"\d{1,9}", "a number"),
    "text": (r"[^\n]{1,1000}", "one line of text"),
}
_PYTHON = re.compile(r'File "([^"]+)", line (\d+)')
_ELSEWHERE = re.compile(
    r"(?<![\w/.:])((?:/|[A-Za-z]:)?[\w<>@./-]*\.(?:py|jsx?|mjs|cjs|tsx?|go|java|kt|rb|php|rs)|<\w+>):(\d+)\b"
)
_BACKED_OFF = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError")
_RESTARTABLE = ("Deployment", "DaemonSet")


def filled(fix: Fix, value: str) -> tuple[Change, ...]:
    """The fix's changes with the person's value in them; raises BadRequest when it does not look like one."""
    form = fix.asks.form if fix.asks else "text"
    pattern, told = _FORMS[form]
    value = value.strip().strip("\"'`")
    if form == "tag":
        value = value.rpartition(":")[2]  # "nginx:1.27" is an answer to "which tag?", too
    if not re.fullmatch(pattern, value):
        raise BadRequest(f"{value[:80]!r} is not {told}.", "Say it again.")
    put: int | str = int(value) if form == "number" else value
    return tuple(_CHANGE.validate_python(_put(change.model_dump(), put)) for change in fix.changes)


def _put(data: Any, value: int | str) -> Any:
    """The value in place of its mark, in texts and as a whole; a number stays one where it stands alone."""
    if isinstance(data, str):
        return value if data == _PLACE else data.replace(_PLACE, str(value))
    if isinstance(data, dict):
        return {name: _put(item, value) for name, item in data.items()}
    if isinstance(data, list | tuple):
        return [_put(item, value) for item in data]
    return data


def place_in_code(finding: Finding) -> str:
    """ "main.py line 3": where in a program the cause is, as its own words say; empty where they do not."""
    if match := _ELSEWHERE.search(finding.summary):  # the rule picked the program's own line among those of libraries
        return f"{match[1]} line {match[2]}"
    text = "\n".join(item.text for item in finding.evidence if item.source == "log")
    frames = _PYTHON.findall(text) or _ELSEWHERE.findall(text)
    return f"{frames[-1][0]} line {frames[-1][1]}" if frames else ""


def restarts(seen: Look, finding: Finding, changes: Sequence[Change]) -> list[Change]:
    """Restarts of workloads that wait ever longer between two tries, where the changes themselves do not touch them.

    What they miss may be there a moment later; without this they would notice minutes after that.
    """
    suffering: set[Key] = {one for item, keys in seen.folded if item.id == finding.id for one in keys
                           if item.subject == finding.subject}  # fmt: skip
    touched = {key(ref) for change in changes if (ref := getattr(change, "ref", None))}
    found: dict[Key, Object] = {}
    for unit in seen.snap.units():
        owner = key(ref_of(unit.owner))
        waits = unit.waiting.get("reason") in _BACKED_OFF
        if waits and unit.owner["kind"] in _RESTARTABLE and owner in suffering - touched:
            found[owner] = unit.owner
    for item in seen.snap.all("deployments.apps"):  # whose pods are refused, so that there is no container to see
        if condition(item, "ReplicaFailure").get("status") == "True" and key(ref_of(item)) in suffering - touched:
            found[key(ref_of(item))] = item
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    why = "so that its pods try again at once"
    return [restart_change(owner, at, why) for owner in found.values() if not owner["spec"].get("paused")]
