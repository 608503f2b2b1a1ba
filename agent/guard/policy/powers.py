"""What a change gives its pods over the node they run on, and which images it names.

Both are looked for in the payload and in the diff of what the server would store: a chart's objects, and what
admission adds, show up there alone. Looking at text finds too much rather than too little, which costs a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tools.change import Json

_GRAVE_WHEN_TRUE = ("privileged", "hostNetwork", "hostPID", "hostIPC", "hostProcess", "allowPrivilegeEscalation")
_STRONG = (
    "ALL|SYS_ADMIN|SYS_MODULE|SYS_PTRACE|SYS_RAWIO|SYS_BOOT|NET_ADMIN|NET_RAW|DAC_READ_SEARCH|DAC_OVERRIDE|BPF|MKNOD"
)
_IN_DIFF = {
    **{name: re.compile(rf"^\+.*\b{name}:\s*[\"']?true\b", re.M) for name in _GRAVE_WHEN_TRUE},
    "hostPath": re.compile(r"^\+.*\bhostPath:", re.M),
    "capabilities": re.compile(rf"^\+\s*-\s*[\"']?(?:CAP_)?(?:{_STRONG})[\"']?\s*$", re.M),
    "procMount: Unmasked": re.compile(r"^\+.*\bprocMount:\s*Unmasked", re.M),
    "runAsUser: 0": re.compile(r"^\+.*\brunAsUser:\s*0\s*$", re.M),
    "Unconfined": re.compile(r"^\+.*\btype:\s*Unconfined", re.M),
}
# What a diff holds wherever the pattern matches: looked for first, since that is fast.
_MARKS = {"capabilities": "- ", "procMount: Unmasked": "procMount", "runAsUser: 0": "runAsUser"}
_DROPPED = re.compile(r"^[+ ](?P<indent>\s*)drop:\n(?:[+ ](?P=indent)\s*- .*\n?)*", re.M)  # taken away, not given
_CAPABILITY = re.compile(rf"(?:CAP_)?(?:{_STRONG})\Z")
_IMAGE = re.compile(r"^[+ ]\s*(?:- )?image:\s*[\"']?([^\s\"']+)", re.M)


def powers_in(payload: Json, diff: str) -> tuple[str, ...]:
    """The powers over the node that the payload or the diff gives, each by the field that gives it."""
    found = dict.fromkeys(power for key, value in _pairs(payload) if (power := _power(key, value)))
    diff = _DROPPED.sub("", diff) if "drop:" in diff else diff
    found |= dict.fromkeys(
        power for power, pattern in _IN_DIFF.items() if _MARKS.get(power, power) in diff and pattern.search(diff)
    )
    return tuple(found)


def images_in(payload: Json, diff: str) -> tuple[str, ...]:
    """The images of containers that are named."""
    named = [value for key, value in _pairs(payload) if key == "image" and isinstance(value, str)]
    return tuple(dict.fromkeys((*named, *(_IMAGE.findall(diff) if "image:" in diff else ()))))


def _power(key: str, value: Json) -> str:
    if key in _GRAVE_WHEN_TRUE:
        return key if value is True else ""
    if key == "hostPath":
        return key if value is not None else ""
    if key in ("add", "capabilities") and isinstance(value, list | str):
        given = [value] if isinstance(value, str) else value
        return "capabilities" if any(isinstance(one, str) and _CAPABILITY.match(one) for one in given) else ""
    if (key, value) in (("procMount", "Unmasked"), ("runAsUser", 0)) and value is not False:
        return f"{key}: {value}"
    return "Unconfined" if key == "type" and value == "Unconfined" else ""


def _pairs(value: Json) -> Iterator[tuple[str, Json]]:
    """Every key with its value, at any depth; operations of a JSON patch count by the end of their path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
            yield from _pairs(inner)
        if isinstance(path := value.get("path"), str) and path.startswith("/") and "value" in value:
            parts = [part for part in path.split("/") if part not in ("-", "") and not part.isdigit()]
            yield from ((part, value["value"]) for part in parts[-1:])
    elif isinstance(value, list):
        for item in value:
            yield from _pairs(item)
