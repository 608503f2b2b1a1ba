"""A pod refers to a ConfigMap, Secret, key or account that is not there, or may not run as it should.

One that several workloads miss is one finding about it, with all of them in its chain; one workload's is about the
workload. Told as well is what does not show yet, since the image or a node is missing first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.change import Ref
from tools.finding import Evidence, Fix
from tools.kubernetes.diagnose.folding import Key, key
from tools.kubernetes.diagnose.mending import container_patch
from tools.kubernetes.diagnose.rule import (
    Seen,
    back_fix,
    change_fix,
    event,
    field,
    latest,
    near,
    pods_text,
    seen,
)
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.diagnose.sources import keys_taken, lacking, needed, other_key, other_source, taken_from
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
_MOUNT_POINT = re.compile(r'error mounting "[^"]*" to rootfs at "(?P<path>[^"]+)"')
_NO_DIRECTORY = re.compile(r"not a directory|is not directory|directory onto a file", re.I)
_USER = 1000  # any number but 0 will do where the image names none
_IMAGES = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_PATIENCE = 5.0  # seconds in which a source may still be on its way
_WAITING = ("CreateContainerConfigError", "CreateContainerError", "PreCreateHookError")


def check(snap: Snapshot) -> Iterator[Seen]:
    """Containers that cannot be made, and pods that wait for a mount."""
    found = [*_stuck(snap)]
    found += _hidden(snap, {(key(item.finding.subject), key(ref)) for item in found for ref in item.symptom_of})
    yield from found
    shared: dict[Key, list[Seen]] = {}
    for item in found:
        for ref in item.symptom_of:
            shared.setdefault(key(ref), []).append(item)
    for items in shared.values():
        if len({key(item.finding.subject) for item in items}) > 1:
            yield _shared(items[0].symptom_of[0], items)


def _stuck(snap: Snapshot) -> Iterator[Seen]:
    stuck = (unit for unit in snap.units() if unit.waiting.get("reason") in _WAITING or mount_trouble(unit))
    for unit, count in snap.one_each(stuck):
        yield _container(snap, unit, count)
    told: set[str] = set()
    for pod in snap.pods:
        owner = snap.owner(pod)
        if (pod.get("status") or {}).get("phase") != "Pending" or owner["metadata"]["uid"] in told:
            continue
        if _waits_for(pod) & _IMAGES:
            continue  # the volumes are mounted by then: what was reported of them is history
        if events := snap.events(pod, "FailedMount", "FailedAttachVolume"):
            told.add(owner["metadata"]["uid"])
            yield _mount(snap, pod, owner, events[-1])


def _hidden(snap: Snapshot, told: set[tuple[Key, Key]]) -> Iterator[Seen]:
    """What is missing besides for pods that wait for their image or a node."""
    waiting: dict[str, Object] = {}
    for pod in snap.pods:
        old = snap.seconds_since(pod["metadata"]["creationTimestamp"]) > _PATIENCE
        if old and (pod.get("status") or {}).get("phase") == "Pending" and _waits_for_more(pod):
            waiting[snap.owner(pod)["metadata"]["uid"]] = pod
    for pod in waiting.values():
        owner, space = snap.owner(pod), pod["metadata"].get("namespace")
        for kind, name in dict.fromkeys(needed(pod["spec"])):
            plural = f"{kind.lower()}s"
            ref = Ref(api_version="v1", kind=kind, name=name, namespace=space)
            if (key(ref_of(owner)), key(ref)) in told or snap.find(plural, name, space) or plural in snap.unchecked:
                continue
            yield _missing(snap, pod, owner, kind, name, len(snap.pods_of(owner)) or 1)


def _waits_for_more(pod: Object) -> bool:
    """Whether a pod waits for a node or an image, so that the kubelet does not look at its settings yet."""
    unplaced = any(
        item["type"] == "PodScheduled" and item["status"] == "False" for item in pod["status"].get("conditions") or ()
    )
    return unplaced or bool(_waits_for(pod) & _IMAGES)


def _waits_for(pod: Object) -> set[str]:
    """The reasons for which its containers wait."""
    return {
        ((item.get("state") or {}).get("waiting") or {}).get("reason", "")
        for part in ("initContainerStatuses", "containerStatuses")
        for item in (pod.get("status") or {}).get(part) or ()
    }


def _shared(ref: Ref, items: list[Seen]) -> Seen:
    """What several workloads lack is one cause."""
    fixes = [fix for item in items for fix in item.finding.fixes[:1] if fix.changes]
    right = {fix.text for fix in fixes}
    all_alike = len(fixes) == len(items) and len(right) == 1
    why = f"{ref.kind} {ref.name} does not exist in {ref.namespace}"
    return seen(
        "SM-CONFIG-MISSING",
        ref,
        f"{len(items)} workloads cannot start: {why}.",
        chain=(why,),
        evidence=[proof for item in items for proof in item.finding.evidence[:1]][:3],
        fixes=(
            change_fix(right.pop(), *(change for fix in fixes for change in fix.changes)) if all_alike else None,
            Fix(text=f"Create {ref.kind} {ref.name}."),
        ),
    )


def mount_trouble(unit: Unit) -> str:
    """Where a volume cannot be mounted into a container, since the image has a file there; else empty."""
    message = str(unit.waiting.get("message") or "") + str(unit.terminated.get("message") or "")
    found = _MOUNT_POINT.search(message)
    return found["path"] if found and _NO_DIRECTORY.search(message) else ""


def _container(snap: Snapshot, unit: Unit, count: int) -> Seen:
    message = str(unit.waiting.get("message", ""))
    if found := _MISSING.search(message):
        return _missing(snap, unit.pod, unit.owner, found["kind"], found["name"], count)
    if found := _KEY.search(message):
        return _key(snap, unit.pod, unit.owner, found["key"], count, field("waiting", message))
    if path := mount_trouble(unit):
        return _over_a_file(snap, unit, path, count)
    id, why, fix = "SM-CONTAINER-CREATE", message or str(unit.waiting["reason"]), None
    if "runAsNonRoot" in message:
        id, why, fix = _as_root(unit, message)
    return seen(
        id,
        unit.owner,
        f"Container {unit.spec['name']} of {ref_of(unit.owner)} cannot be made: {why}",
        chain=(f"{pods_text(count, unit.owner)} cannot start", why),
        evidence=(field("waiting", message),),
        fixes=(fix, back_fix(snap, unit.owner)),
    )


def _as_root(unit: Unit, message: str) -> tuple[str, str, Fix]:
    """The pod must not run as root, and the image names no user, or one by name."""
    advice = "Set runAsUser to a number other than 0, or build the image with USER."
    if "non-numeric" in message:
        why = "the image names its user by a word, so that nobody can tell whether that is root (runAsNonRoot)"
        return "SM-RUN-AS-ROOT", why, Fix(text=advice)
    why = "the image runs as root and the pod forbids that (runAsNonRoot)"
    body = {"securityContext": {"runAsUser": _USER}}
    change = container_patch(unit, "set user", f"run container {unit.spec['name']} as user {_USER}", body)
    return "SM-RUN-AS-ROOT", why, change_fix(f"Run it as user {_USER}.", change) if change else Fix(text=advice)


def _key(snap: Snapshot, pod: Object, owner: Object, key: str, count: int, proof: Evidence | None) -> Seen:
    """A ConfigMap or Secret is there, but not the key that the pod takes from it."""
    space = pod["metadata"]["namespace"]
    kind, source, best = lacking(snap, pod["spec"], space, key)
    why = f"{f'{kind} {source}' if source else 'its source'} has no key {key}" + (f", but {best}" if best else "")
    change = other_key(owner, kind, source, key, best) if best else None
    return seen(
        "SM-CONFIG-KEY",
        owner,
        f"{ref_of(owner)} cannot start: {why}.",
        chain=(f"{pods_text(count, owner)} cannot start", why),
        evidence=(proof,),
        fixes=(
            change_fix(f"Take the key {best}.", change) if change else None,
            back_fix(snap, owner),
            Fix(text=f"Add the key {key}, or correct its name in the pod."),
        ),
    )


def _missing(snap: Snapshot, pod: Object, owner: Object, kind: str, name: str, count: int) -> Seen:
    plural, title = ("secrets", "Secret") if kind.lower() == "secret" else ("configmaps", "ConfigMap")
    space = pod["metadata"].get("namespace")
    known = [item["metadata"]["name"] for item in snap.all(plural) if item["metadata"].get("namespace") == space]
    best = near(name, known)
    why = f"{title} {name} does not exist in {space}"
    hint = f"; there is {best}" if best else ""
    keys = ", ".join(keys_taken(pod["spec"], title, name))
    create = f"create {title} {name}{f' with {keys}' if keys else ''}."
    text = f"Correct the name to {best}, or {create}" if best else f"C{create[1:]}"
    change = other_source(owner, title, name, best) if best else None
    return seen(
        "SM-CONFIG-MISSING",
        owner,
        f"{ref_of(owner)} cannot start: {why}{hint}.",
        chain=(f"{pods_text(count, owner)} cannot start", why),
        evidence=(event((snap.events(pod, "Failed", "FailedMount") or [None])[-1]),),
        fixes=(
            change_fix(f"Take {title} {best}.", change) if change else None,
            back_fix(snap, owner, without=lambda spec: taken_from(spec, title, name)),
            Fix(text=text),
        ),
        symptom_of=(Ref(api_version="v1", kind=title, name=name, namespace=space),),
    )


def _mount(snap: Snapshot, pod: Object, owner: Object, found: Object) -> Seen:
    message = found.get("message", "")
    count = len(snap.pods_of(owner)) or 1
    if missing := _MISSING.search(message):
        return _missing(snap, pod, owner, missing["kind"], missing["name"], count)
    if key := _KEY.search(message):
        return _key(snap, pod, owner, key["key"], count, event(found))
    return seen(
        "SM-MOUNT",
        owner,
        f"{ref_of(owner)} cannot start: a volume cannot be mounted.",
        chain=(f"{pods_text(count, owner)} cannot start",),
        evidence=(event(found),),
        fixes=(Fix(text="Check the volume, its claim and the node's driver."),),
    )


def _over_a_file(snap: Snapshot, unit: Unit, path: str, count: int) -> Seen:
    """A volume is mounted as a directory where the image has a file: mostly one key of it was meant."""
    mount = next((item for item in unit.spec.get("volumeMounts") or () if item["mountPath"] == path), None)
    why = f"the image has a file at {path}, and volume {mount['name'] if mount else '?'} is a directory"
    change = None
    if mount and not mount.get("subPath"):
        entry = {"volumeMounts": [{"mountPath": path, "name": mount["name"], "subPath": PurePosixPath(path).name}]}
        change = container_patch(unit, "set mount", f"mount only the file {PurePosixPath(path).name} at {path}", entry)
    return seen(
        "SM-MOUNT",
        unit.owner,
        f"Container {unit.spec['name']} of {ref_of(unit.owner)} cannot be made: {why}.",
        chain=(f"{pods_text(count, unit.owner)} cannot start", why),
        evidence=(event(latest(snap, unit.pod, "Failed")),),
        fixes=(
            change_fix(f"Mount only {PurePosixPath(path).name} of it there (subPath).", change) if change else None,
            back_fix(snap, unit.owner),
            Fix(text="Mount it at a path that is no file in the image."),
        ),
    )
