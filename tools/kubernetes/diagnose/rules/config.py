"""A pod refers to a ConfigMap, Secret, key or account that is not there, or may not run as it should."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.finding import Fix
from tools.kubernetes.diagnose.rule import Seen, back_fix, event, field, near, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-CONFIG-MISSING": "a ConfigMap or Secret that the pod needs does not exist",
    "SM-CONFIG-KEY": "a ConfigMap or Secret lacks the key that the pod needs",
    "SM-RUN-AS-ROOT": "the image runs as root, which the pod forbids",
    "SM-CONTAINER-CREATE": "the container cannot be made for another reason",
    "SM-MOUNT": "a volume cannot be mounted",
}
_MISSING = re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found', re.I)
_KEY = re.compile(
    r"(?:couldn't find key|references non-existent (?:secret|config) key:?) (?P<key>\S+)"
    r"(?: in (?P<kind>Secret|ConfigMap) (?P<name>\S+))?"
)
_WAITING = ("CreateContainerConfigError", "CreateContainerError", "PreCreateHookError")


def check(snap: Snapshot) -> Iterator[Seen]:
    """Containers that cannot be made, and pods that wait for a mount."""
    stuck = (unit for unit in snap.units() if unit.waiting.get("reason") in _WAITING)
    for unit, count in snap.one_each(stuck):
        yield _container(snap, unit, count)
    told: set[str] = set()
    for pod in snap.pods:
        owner = snap.owner(pod)
        if (pod.get("status") or {}).get("phase") != "Pending" or owner["metadata"]["uid"] in told:
            continue
        if events := snap.events(pod, "FailedMount", "FailedAttachVolume"):
            told.add(owner["metadata"]["uid"])
            yield _mount(snap, pod, owner, events[-1])


def _container(snap: Snapshot, unit: Unit, count: int) -> Seen:
    message = str(unit.waiting.get("message", ""))
    if found := _MISSING.search(message):
        return _missing(snap, unit.pod, unit.owner, found["kind"], found["name"], count)
    if found := _KEY.search(message):
        what = f"{found['kind'] or 'its source'} {(found['name'] or '').rpartition('/')[2]}".strip()
        why = f"{what} has no key {found['key']}"
        return seen(
            "SM-CONFIG-KEY",
            unit.owner,
            f"Container {unit.spec['name']} of {ref_of(unit.owner)} cannot be made: {why}.",
            chain=(f"{pods_text(count, unit.owner)} cannot start", why),
            evidence=(field("waiting", message),),
            fixes=(
                Fix(text=f"Add the key {found['key']}, or correct its name in the pod."),
                back_fix(snap, unit.owner),
            ),
        )
    if "runAsNonRoot" in message:
        why = "the image runs as root and the pod forbids that (runAsNonRoot)"
        return seen(
            "SM-RUN-AS-ROOT",
            unit.owner,
            f"Container {unit.spec['name']} of {ref_of(unit.owner)} cannot be made: {why}.",
            chain=(f"{pods_text(count, unit.owner)} cannot start", why),
            evidence=(field("waiting", message),),
            fixes=(Fix(text="Set runAsUser to a number other than 0, or build the image with USER."),),
        )
    return seen(
        "SM-CONTAINER-CREATE",
        unit.owner,
        f"Container {unit.spec['name']} of {ref_of(unit.owner)} cannot be made: {message or unit.waiting['reason']}",
        chain=(f"{pods_text(count, unit.owner)} cannot start",),
        evidence=(field("waiting", message),),
        fixes=(back_fix(snap, unit.owner),),
    )


def _missing(snap: Snapshot, pod: Object, owner: Object, kind: str, name: str, count: int) -> Seen:
    plural, title = ("secrets", "Secret") if kind.lower() == "secret" else ("configmaps", "ConfigMap")
    space = pod["metadata"].get("namespace")
    known = [item["metadata"]["name"] for item in snap.all(plural) if item["metadata"].get("namespace") == space]
    best = near(name, known)
    why = f"{title} {name} does not exist in {space}"
    hint = f"; there is {best}" if best else ""
    text = f"Correct the name to {best}, or create {title} {name}." if best else f"Create {title} {name}."
    return seen(
        "SM-CONFIG-MISSING",
        owner,
        f"{ref_of(owner)} cannot start: {why}{hint}.",
        chain=(f"{pods_text(count, owner)} cannot start", why),
        evidence=(event((snap.events(pod, "Failed", "FailedMount") or [None])[-1]),),
        fixes=(Fix(text=text), back_fix(snap, owner)),
    )


def _mount(snap: Snapshot, pod: Object, owner: Object, found: Object) -> Seen:
    message = found.get("message", "")
    count = len(snap.pods_of(owner)) or 1
    if missing := _MISSING.search(message):
        return _missing(snap, pod, owner, missing["kind"], missing["name"], count)
    if key := _KEY.search(message):
        why = f"its source has no key {key['key']}"
        return seen(
            "SM-CONFIG-KEY",
            owner,
            f"{ref_of(owner)} cannot start: {why}.",
            chain=(f"{pods_text(count, owner)} cannot start", "a volume cannot be mounted", why),
            evidence=(event(found),),
        )
    return seen(
        "SM-MOUNT",
        owner,
        f"{ref_of(owner)} cannot start: a volume cannot be mounted.",
        chain=(f"{pods_text(count, owner)} cannot start",),
        evidence=(event(found),),
        fixes=(Fix(text="Check the volume, its claim and the node's driver."),),
    )
