"""The image of a container cannot be pulled: name or tag, login, rate limit, architecture, or the registry itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Asks, Fix
from tools.kubernetes.diagnose.rule import Seen, back_fix, change_fix, cut, event, latest, near, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Snapshot, Unit
from tools.kubernetes.workload_changes import image_change, ref_of

IDS = {
    "SM-IMAGE-NOT-FOUND": "the registry has no image of that name or tag",
    "SM-IMAGE-AUTH": "the registry wants a login, or the one it got is not enough",
    "SM-IMAGE-RATE-LIMIT": "the registry limits how often it is asked",
    "SM-IMAGE-PLATFORM": "the image was not built for the node's architecture",
    "SM-IMAGE-REGISTRY": "the registry cannot be reached",
    "SM-IMAGE-NAME": "the image reference is not valid",
    "SM-IMAGE-NEVER": "the image is not on the node and must not be pulled",
    "SM-IMAGE-PULL": "the image cannot be pulled for another reason",
}

_REASONS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
_KINDS: tuple[tuple[str, str, str], ...] = (
    ("SM-IMAGE-RATE-LIMIT", r"toomanyrequests|rate limit|429", "the registry refuses more pulls for now (rate limit)"),
    ("SM-IMAGE-PLATFORM", r"no match for platform|exec format error", "it has no variant for the node's architecture"),
    (
        "SM-IMAGE-REGISTRY",
        r"no such host|connection refused|i/o timeout|dial tcp|TLS|x509|deadline exceeded|EOF"
        r"|server gave HTTP response|unexpected status.*5\d\d|no route to host",
        "the registry cannot be reached",
    ),
    (
        "SM-IMAGE-AUTH",
        r"unauthorized|authentication required|pull access denied|403 Forbidden|insufficient_scope|denied",
        "the registry wants a login that the pod does not have (or the repository does not exist)",
    ),
    ("SM-IMAGE-NOT-FOUND", r"not found|manifest unknown|name unknown|NotFound|404", "the registry does not have it"),
)


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each container of a workload whose image does not come."""
    pulling = (unit for unit in snap.units() if unit.waiting.get("reason") in _REASONS)
    for unit, count in snap.one_each(pulling):
        yield _finding(snap, unit, count)


def _finding(snap: Snapshot, unit: Unit, count: int) -> Seen:
    image, name = unit.spec["image"], unit.spec["name"]
    message = _message(snap, unit)
    id, why = _classify(str(unit.waiting.get("reason")), message)
    report = latest(snap, unit.pod, "Failed", "InspectFailed")
    tags = _similar(snap, image) if id in ("SM-IMAGE-NOT-FOUND", "SM-IMAGE-AUTH") else ""
    fixes: list[Fix | None] = []
    if tags and unit.owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet") and not unit.init:
        fixes.append(change_fix(f"Use {tags}, which the nodes have.", image_change(unit.owner, name, tags)))
    fixes.append(back_fix(snap, unit.owner))
    fixes.append(_another_tag(snap, unit, image) if id in ("SM-IMAGE-NOT-FOUND", "SM-IMAGE-PLATFORM") else None)
    fixes.append(Fix(text=_advice(id, image)))
    return seen(
        id,
        unit.owner,
        f"Image {image} cannot be pulled: {why}.",
        chain=(f"{pods_text(count, unit.owner)} cannot start", f"container {name} waits for image {image}", why),
        evidence=(event(report) or event({"reason": unit.waiting.get("reason"), "message": cut(message)}),),
        fixes=fixes,
    )


def _message(snap: Snapshot, unit: Unit) -> str:
    """The fullest account of the failure: a back-off hides it, an earlier event has it."""
    told = [str(unit.waiting.get("message", ""))]
    told += [
        item.get("message", "")
        for item in snap.events(unit.pod, "Failed")
        if unit.spec["image"] in item.get("message", "")
    ]
    return max(told, key=len)


def _classify(reason: str, message: str) -> tuple[str, str]:
    if reason == "InvalidImageName":
        return "SM-IMAGE-NAME", "the reference is not valid"
    if reason == "ErrImageNeverPull":
        return "SM-IMAGE-NEVER", "it is not on the node, and the pull policy is Never"
    for id, pattern, why in _KINDS:
        if re.search(pattern, message, re.I if id != "SM-IMAGE-REGISTRY" else 0):
            return id, why
    return "SM-IMAGE-PULL", cut(message, 160) or "the node does not say why"


def _another_tag(snap: Snapshot, unit: Unit, image: str) -> Fix | None:
    """Only a person knows which version is meant."""
    if unit.owner["kind"] not in ("Deployment", "StatefulSet", "DaemonSet") or unit.init:
        return None
    repository, name = _split(image)[0], unit.spec["name"]
    question = f"Which tag of {repository} shall container {name} of {ref_of(unit.owner)} use?"
    asks = Asks(question=question, options=tuple(sorted(_tags(snap, image))[:6]), form="tag")
    ref, chosen = ref_of(unit.owner), f"{repository}:{{value}}"
    body = {"spec": {"template": {"spec": {"containers": [{"name": name, "image": chosen}]}}}}
    change = Patch(summary=f"set the image of {ref} to {chosen}", ref=ref, verb="set image", patch=body)
    return Fix(text=f"Use a tag of {repository} that exists.", changes=(change,), asks=asks)


def _similar(snap: Snapshot, image: str) -> str:
    """The nearest other tag of the same repository that some node has already."""
    known, tag = _tags(snap, image), _split(image)[2]
    best = near(tag, known) or (next(iter(known)) if len(known) == 1 else "")
    return known.get(best, "")


def _tags(snap: Snapshot, image: str) -> dict[str, str]:
    """Other tags of the same repository that some node has, each with the whole reference."""
    repository, _, tag = _split(image)
    known: dict[str, str] = {}
    for node in snap.all("nodes"):
        for entry in (node.get("status") or {}).get("images") or ():
            for name in entry.get("names") or ():
                other, at, found = _split(name)
                if not at and found and found != tag and _short(other) == _short(repository):
                    known[found] = f"{repository}:{found}"
    return known


def _split(image: str) -> tuple[str, str, str]:
    """Repository, digest and tag."""
    rest, _, digest = image.partition("@")
    head, colon, tag = rest.rpartition(":")
    return (head, digest, tag) if colon and "/" not in tag else (rest, digest, "latest")


def _short(repository: str) -> str:
    return repository.removeprefix("docker.io/").removeprefix("library/")


def _advice(id: str, image: str) -> str:
    match id:
        case "SM-IMAGE-AUTH":
            return (
                "Check the spelling of the repository; if it is private, add an imagePullSecret to the pod's account."
            )
        case "SM-IMAGE-RATE-LIMIT":
            return "Wait, log in to the registry with an imagePullSecret, or use a mirror."
        case "SM-IMAGE-PLATFORM":
            return "Build the image for the node's architecture as well."
        case "SM-IMAGE-REGISTRY":
            return "Check the registry's name, the network and its certificate from the node."
        case "SM-IMAGE-NAME":
            return "Correct the reference: [registry/]name[:tag], the name in lower case."
        case "SM-IMAGE-NEVER":
            return "Load the image onto the node, or use the pull policy IfNotPresent."
        case _:
            return f"Check name and tag of {image}, or build and push it."
