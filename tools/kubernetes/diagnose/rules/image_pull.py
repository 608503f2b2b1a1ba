"""The image of a container cannot be pulled: name or tag, login, rate limit, architecture, or the registry itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tools.finding import Asks, Fix
from tools.kubernetes.diagnose.images import similar, split, tags
from tools.kubernetes.diagnose.mending import container_patch, pod_patch
from tools.kubernetes.diagnose.rule import Seen, back_fix, change_fix, cut, event, near, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Snapshot, Unit
from tools.kubernetes.workload_changes import ref_of

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

_IF_NOT_PRESENT = {"imagePullPolicy": "IfNotPresent"}
_REASONS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
_KINDS: tuple[tuple[str, str, str], ...] = (
    ("SM-IMAGE-RATE-LIMIT", r"toomanyrequests|rate limit|429", "the registry refuses more pulls for now (rate limit)"),
    ("SM-IMAGE-PLATFORM", r"no match for platform|exec format error", "it has no variant for the node's architecture"),
    (
        "SM-IMAGE-REGISTRY",
        r"no such host|connection refused|i/o timeout|dial tcp|TLS|x509|deadline exceeded|EOF"
        r"|server gave HTTP response|(?:unexpected status|status code).*\b5\d\d\b|no route to host",
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
    report = next((item for item in snap.events(unit.pod) if item.get("message") == message), None)
    login = _login(snap, unit) if id == "SM-IMAGE-AUTH" else None
    if login:
        why = f"{why}; {login.why}"
    fixes: list[Fix | None] = [login.fix if login else None]
    likely = similar(snap, image) if id in ("SM-IMAGE-NOT-FOUND", "SM-IMAGE-AUTH", "SM-IMAGE-NAME") else ""
    if likely and (change := container_patch(unit, "set image", f"set the image to {likely}", {"image": likely})):
        fixes.append(change_fix(f"Use {likely}.", change))
    if id == "SM-IMAGE-NEVER":
        policy = container_patch(unit, "set pull policy", "let the node pull the image", _IF_NOT_PRESENT)
        fixes.append(change_fix("Let the node pull it (IfNotPresent).", policy) if policy else None)
    fixes.append(back_fix(snap, unit.owner))
    fixes.append(_another_tag(snap, unit, image) if id in ("SM-IMAGE-NOT-FOUND", "SM-IMAGE-PLATFORM") else None)
    fixes.append(Fix(text=_advice(id, image)))
    return seen(
        id,
        unit.owner,
        f"Image {image} cannot be pulled: {why}.",
        chain=(f"{pods_text(count, unit.owner)} cannot start", f"container {name} waits for image {image}", why),
        evidence=(event(report or {"reason": unit.waiting.get("reason"), "message": message}),),
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
    repository = split(image)[0]
    question = f"Which tag of {repository} shall container {unit.spec['name']} of {ref_of(unit.owner)} use?"
    asks = Asks(question=question, options=tuple(sorted(tags(snap, image))[:6]), form="tag")
    chosen = f"{repository}:{{value}}"
    change = container_patch(unit, "set image", f"set the image to {chosen}", {"image": chosen})
    return Fix(text=f"Use a tag of {repository} that exists.", changes=(change,), asks=asks) if change else None


class _Login(NamedTuple):
    why: str
    fix: Fix | None


def _login(snap: Snapshot, unit: Unit) -> _Login | None:
    """The pull Secret that the pod names and nobody has, with the one that was probably meant."""
    space = unit.pod["metadata"].get("namespace")
    for entry in unit.pod["spec"].get("imagePullSecrets") or ():
        name = entry.get("name", "")
        if not name or "secrets" in snap.unchecked or snap.find("secrets", name, space):
            continue
        known = [item["metadata"]["name"] for item in snap.all("secrets") if item["metadata"]["namespace"] == space]
        best = near(name, known)
        if not best:
            return _Login(f"its pull Secret {name} does not exist", None)
        body = {"imagePullSecrets": [{"name": best}, {"name": name, "$patch": "delete"}]}
        change = pod_patch(unit.owner, "set pull secret", f"take the pull Secret {best} for the pods", body)
        fix = change_fix(f"Take the pull Secret {best}.", change) if change else None
        return _Login(f"its pull Secret {name} does not exist, but {best} does", fix)
    return None


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
