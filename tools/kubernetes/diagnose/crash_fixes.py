"""What mends a container that ends by itself, where what it is told and its last words show it. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from tools.finding import Asks, Fix
from tools.kubernetes import quantity
from tools.kubernetes.diagnose.logscan import Clue
from tools.kubernetes.diagnose.mending import container_patch, pod_patch
from tools.kubernetes.diagnose.rule import change_fix
from tools.kubernetes.diagnose.snapshot import Object, Unit
from tools.kubernetes.workload_changes import env_change, ref_of

_PATH = re.compile(r"(?<![\w/])(/[\w.@+-]+(?:/[\w.@+-]+)*)")
_SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL", re.I)
_BINDS = re.compile(r"\bbind|\blisten|EACCES.*0\.0\.0\.0|socketserver|http\.server", re.I)
_PORT_START = "net.ipv4.ip_unprivileged_port_start"


class Mend(NamedTuple):
    """More of the reason, and a fix, where there is one."""

    why: str = ""
    fix: Fix | None = None


def mend(unit: Unit, id: str, clue: Clue) -> Mend:
    """What is known beyond the log about why a container ends, and the change that ends it."""
    match id:
        case "SM-CRASH-READ-ONLY":
            return _writable(unit, clue)
        case "SM-CRASH-PERMISSION":
            return _permitted(unit, clue)
        case "SM-CRASH-DISK":
            return _larger(unit, clue)
        case "SM-CRASH-VARIABLE":
            return _variable(unit, clue)
        case _:
            return Mend()


def path_in(text: str) -> str:
    """The file or folder that a line complains about; empty where it names none."""
    found = _PATH.findall(text)
    return found[-1] if found else ""


def volume_at(unit: Unit, path: str) -> Object | None:
    """The pod's volume that holds a path of the container."""
    mounts = [m for m in unit.spec.get("volumeMounts") or () if _within(path, m["mountPath"])]
    if not mounts:
        return None
    name = max(mounts, key=lambda mount: len(mount["mountPath"]))["name"]
    return next((volume for volume in unit.pod["spec"].get("volumes") or () if volume["name"] == name), None)


def _within(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


def user_of(unit: Unit) -> int | None:
    """The user that the pod says its container runs as."""
    for place in (unit.spec, unit.pod["spec"]):
        if (user := (place.get("securityContext") or {}).get("runAsUser")) is not None:
            return int(user)
    return None


def _writable(unit: Unit, clue: Clue) -> Mend:
    """A folder of its own where it writes, on a file system that was made read-only."""
    path = path_in(clue.text)
    folder = str(PurePosixPath(path).parent) if path else ""
    if not (unit.spec.get("securityContext") or {}).get("readOnlyRootFilesystem") or folder in ("", "/"):
        return Mend()
    if volume_at(unit, path):
        return Mend(f"the volume at {folder} is mounted read-only")
    name = "writable" + re.sub(r"[^a-z0-9]+", "-", folder.lower()).rstrip("-")
    change = container_patch(
        unit,
        "add volume",
        f"mount an empty volume at {folder} in container {unit.spec['name']}",
        {"volumeMounts": [{"name": name, "mountPath": folder}]},
        {"volumes": [{"name": name, "emptyDir": {}}]},
    )
    why = f"readOnlyRootFilesystem is set, and no volume is mounted at {folder}"
    return Mend(why, change_fix(f"Mount an emptyDir at {folder}.", change) if change else None)


def _permitted(unit: Unit, clue: Clue) -> Mend:
    """A file that its user may not read in a volume, or a port below 1024 that it may not open."""
    user, path = user_of(unit), path_in(clue.text)
    if user in (None, 0):
        return Mend()
    volume = volume_at(unit, path) if path else None
    if volume:
        change = pod_patch(
            unit.owner,
            "set fsGroup",
            f"let group {user} use the volumes",
            {"securityContext": {"fsGroup": user}},
        )
        why = f"it runs as user {user}, and {path} in volume {volume['name']} is not readable for it"
        return Mend(why, change_fix(f"Give the volumes to group {user} (fsGroup).", change) if change else None)
    low = [item["containerPort"] for item in unit.spec.get("ports") or () if item["containerPort"] < 1024]
    if not path and (low or any(_BINDS.search(line) for line in clue.lines)):
        known = (unit.pod["spec"].get("securityContext") or {}).get("sysctls") or []
        sysctls = [*known, {"name": _PORT_START, "value": "0"}]
        change = pod_patch(
            unit.owner,
            "set sysctl",
            "let ordinary users open ports below 1024 in the pods",
            {"securityContext": {"sysctls": sysctls}},
        )
        why = f"it runs as user {user}, who may not listen on a port below 1024"
        text = "Let its user open ports below 1024 in its own pod; listening on a port above 1023 is the other way."
        return Mend(why, change_fix(text, change) if change else None)
    return Mend(f"it runs as user {user}")


def _larger(unit: Unit, clue: Clue) -> Mend:
    """The volume with a size limit that the program has filled."""
    limited = [
        volume for volume in unit.pod["spec"].get("volumes") or () if (volume.get("emptyDir") or {}).get("sizeLimit")
    ]
    path = path_in(clue.text)
    volume = volume_at(unit, path) if path else None
    full = [item for item in limited if not path or item is volume]
    return larger_volume(unit.owner, full[0]) if len(full) == 1 else Mend()


def larger_volume(owner: Object, volume: Object) -> Mend:
    """Twice the room in an emptyDir that is full."""
    limit = volume["emptyDir"]["sizeLimit"]
    more = doubled(limit)
    change = pod_patch(
        owner,
        "set size limit",
        f"raise the size limit of volume {volume['name']} from {limit} to {more}",
        {"volumes": [{"name": volume["name"], "emptyDir": {"sizeLimit": more}}]},
    )
    why = f"volume {volume['name']} may hold {limit} only"
    return Mend(why, change_fix(f"Raise its size limit from {limit} to {more}.", change) if change else None)


def doubled(limit: str) -> str:
    """Twice an amount of bytes, as people write it."""
    size = int(quantity.parse(limit) * 2)
    return f"{size // 2**20}Mi" if size % 2**20 == 0 else f"{size}"


def _variable(unit: Unit, clue: Clue) -> Mend:
    """Only a person knows the value; one that is secret is not asked for here."""
    name = clue.about
    if not name or unit.init or _SECRET.search(name) or unit.owner["kind"] not in ("Deployment", "StatefulSet"):
        return Mend()
    asks = Asks(question=f"Which value shall {name} have in {ref_of(unit.owner)}?")
    change = env_change(unit.owner, unit.spec["name"], {name: "{value}"})
    return Mend("", Fix(text=f"Set {name}.", changes=(change,), asks=asks))


def executable(unit: Unit, program: str) -> Mend:
    """A script from a volume that lacks the right to be executed."""
    volume = volume_at(unit, program) if program.startswith("/") else None
    for kind in ("configMap", "secret", "projected"):
        if volume and volume.get(kind):
            source: dict[str, Any] = {kind: {"defaultMode": 0o755}}
            change = pod_patch(
                unit.owner,
                "set mode",
                f"make the files of volume {volume['name']} executable",
                {"volumes": [{"name": volume["name"], **source}]},
            )
            why = f"{program} comes from volume {volume['name']}, whose files are not executable"
            fix = change_fix("Make the files of the volume executable (mode 0755).", change) if change else None
            return Mend(why, fix)
    return Mend()


def by_shell(unit: Unit, program: str) -> Mend:
    """A script from a volume that does not say which program reads it."""
    if not volume_at(unit, program):
        return Mend()
    command = ["sh", *(unit.spec.get("command") or ())]
    change = container_patch(unit, "set command", f"start {program} by sh", {"command": command})
    why = f"{program} does not begin with #! and the program that is to read it"
    return Mend(why, change_fix(f"Start it by sh: {' '.join(command)}.", change) if change else None)
