"""What is behind the refusal of pods, and what mends it: for each kind of refusal that tells enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tools.change import ApplyManifest, Patch, Ref
from tools.finding import Evidence, Fix
from tools.kubernetes.diagnose.bounds import misfits
from tools.kubernetes.diagnose.rule import change_fix, field, near
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import containers_of, ref_of, resources_change, template_of

_CHANGEABLE = ("Deployment", "StatefulSet", "DaemonSet")
_QUOTA = re.compile(r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.+?), used:")
_UNSET = re.compile(r"failed quota: (?P<name>[^:]+): must specify (?P<what>.+)")
_CLAIM = re.compile(r'persistentvolumeclaims "(?P<name>[^"]+)" is forbidden')
_ACCOUNT = re.compile(r"error looking up service account [^/]*/(?P<name>\S+): serviceaccount")
_CLASS = re.compile(
    r'no PriorityClass with name (?P<priority>\S+) was found|RuntimeClass "(?P<runtime>[^"]+)" not found', re.I
)
_WEBHOOK = re.compile(r'failed calling webhook "(?P<name>[^"]+)"')
_LEVEL = re.compile(r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<why>.+)')
# What a level asks for that can be granted to any program without knowing what it does.
_SETTABLE = re.compile(
    r"(?:allowPrivilegeEscalation != false|unrestricted capabilities|runAsNonRoot != true|seccompProfile) \([^()]*\)"
)
_NOBODY = 65534  # the user of that number exists for programs that need no rights
_HOOKS = tuple(
    f"{kind}webhookconfigurations.admissionregistration.k8s.io" for kind in ("validating", "mutating")
)  # fmt: skip


class Refusal(NamedTuple):
    """What a refusal comes from, the objects that it is a symptom of, and what mends it; `why` in better words."""

    why: str = ""
    evidence: tuple[Evidence | None, ...] = ()
    fixes: tuple[Fix | None, ...] = ()
    causes: tuple[Ref, ...] = ()


def refusal(id: str, snap: Snapshot, owner: Object, message: str) -> Refusal:
    """More of a refusal that was recognised as `id`."""
    reader = _READERS.get(id)
    return reader(snap, owner, message) if reader else Refusal()


# --- Quotas and limits --------------------------------------------------------------------------------------------


def _quota(snap: Snapshot, owner: Object, message: str) -> Refusal:
    found = _QUOTA.search(message)
    if not found:
        return Refusal()
    claim = _CLAIM.search(message)
    what = (field("refused", f"claim {claim['name']}"),) if claim else ()
    return Refusal(
        evidence=what,
        fixes=(Fix(text=f"Have quota {found['name']} raised by {found['asked']}, ask for less, or free some of it."),),
    )


def _unset(snap: Snapshot, owner: Object, message: str) -> Refusal:
    found = _UNSET.search(message)
    if not found:
        return Refusal()
    text = f"Set {found['what']} in the pod template, or give the namespace defaults (LimitRange)."
    return Refusal(fixes=(Fix(text=text),))


def _range(snap: Snapshot, owner: Object, message: str) -> Refusal:
    space = owner["metadata"].get("namespace")
    ranges = [item for item in snap.all("limitranges") if item["metadata"].get("namespace") == space]
    found = list(misfits(ranges, containers_of(owner)))
    if not found:
        return Refusal(evidence=tuple(field("limitrange", item["metadata"]["name"]) for item in ranges))
    why = "; ".join(f"container {one.container} does not fit limitrange {one.range}: {one.resource}, {one.why}"
                    for one in found)  # fmt: skip
    changes: list[Patch] = []
    for name in dict.fromkeys(one.container for one in found):
        mine = [one for one in found if one.container == name]
        requests = {one.resource: one.request for one in mine if one.request}
        limits = {one.resource: one.limit for one in mine if one.limit}
        changes.append(resources_change(owner, name, requests=requests, limits=limits))
    fits = ", ".join(f"{one.resource} {one.request} to {one.limit or 'any'}" for one in found)
    fix = change_fix(f"Set what fits: {fits}.", *changes) if owner["kind"] in _CHANGEABLE else None
    return Refusal(why=why, fixes=(fix,), evidence=(field("server", message),))


# --- What the pods name -------------------------------------------------------------------------------------------


def _account(snap: Snapshot, owner: Object, message: str) -> Refusal:
    found, space = _ACCOUNT.search(message), owner["metadata"].get("namespace")
    if not found:
        return Refusal()
    name = found["name"]
    known = [item["metadata"]["name"] for item in snap.all("serviceaccounts")
             if item["metadata"].get("namespace") == space]  # fmt: skip
    best = near(name, [one for one in known if one != "default"])
    ref = Ref(api_version="v1", kind="ServiceAccount", name=name, namespace=space)
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": space}}
    create = ApplyManifest(summary=f"create {ref}", ref=ref, manifest=body, create_only=True)
    fixes = (
        _set(owner, f"Let the pods use account {best}.", {"serviceAccountName": best}) if best else None,
        change_fix(f"Create service account {name}, without any rights.", create),
    )
    there = f", but there is {best}" if best else ""
    return Refusal(why=f"service account {name} does not exist{there}", fixes=fixes)


def _class(snap: Snapshot, owner: Object, message: str) -> Refusal:
    found = _CLASS.search(message)
    if not found:
        return Refusal()
    if name := found["runtime"]:
        text = f"Install the runtime {name} and its RuntimeClass on the nodes, or let the pods do without it."
        return Refusal(why=f"runtime class {name} does not exist", fixes=(Fix(text=text),))
    name = found["priority"]
    known = [item["metadata"]["name"] for item in snap.all("priorityclasses.scheduling.k8s.io")]
    best = near(name, [one for one in known if not one.startswith("system-")])
    there = f", but there is {best}" if best else ""
    return Refusal(
        why=f"priority class {name} does not exist{there}",
        fixes=(
            _set(owner, f"Use priority class {best}.", {"priorityClassName": best}) if best else None,
            _set(owner, "Let the pods have the usual priority.", {"priorityClassName": None}),
        ),
    )


def _set(owner: Object, text: str, spec: Mapping[str, Any]) -> Fix | None:
    """Set something in the pod template."""
    if owner["kind"] not in _CHANGEABLE:
        return None
    ref = ref_of(owner)
    told = ", ".join(spec)
    patch = {"spec": {"template": {"spec": dict(spec)}}}
    return change_fix(text, Patch(summary=f"set {told} of {ref}", ref=ref, verb=f"set {told}", patch=patch))


# --- Pod security and webhooks ------------------------------------------------------------------------------------


def _security(snap: Snapshot, owner: Object, message: str) -> Refusal:
    """Settings that every program can be given are set; what it needs of its node is for a person to weigh."""
    found = _LEVEL.search(message)
    if not found:
        return Refusal()
    level = found["level"]
    if _SETTABLE.sub("", found["why"]).strip(" ,."):
        advice = f"Let the pods do without what level {level} forbids, or run them in a namespace of another level."
        return Refusal(fixes=(Fix(text=advice),))
    spec = template_of(owner).get("spec") or {}
    pod: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if not (spec.get("securityContext") or {}).get("runAsUser"):
        pod["runAsUser"] = _NOBODY
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    parts = {
        part: [{"name": item["name"], "securityContext": own} for item in spec[part]]
        for part in ("initContainers", "containers")
        if spec.get(part)
    }
    user = f", as user {_NOBODY}" if "runAsUser" in pod else ""
    fix = _set(owner, f"Run the pods as level {level} wants them{user}.", {"securityContext": pod, **parts})
    return Refusal(fixes=(fix, Fix(text="If the program needs more than that, give it a namespace of its own level.")))


def _webhook(snap: Snapshot, owner: Object, message: str) -> Refusal:
    """A symptom of the webhook's configuration, where that may be read."""
    found = _WEBHOOK.search(message)
    name = found["name"] if found else ""
    configs = [
        ref_of(item)
        for kind in _HOOKS
        for item in snap.all(kind)
        if any(hook["name"] == name for hook in item.get("webhooks") or ())
    ]
    return Refusal(causes=tuple(configs))


_READERS: dict[str, Callable[[Snapshot, Object, str], Refusal]] = {
    "SM-QUOTA": _quota,
    "SM-QUOTA-UNSET": _unset,
    "SM-LIMIT-RANGE": _range,
    "SM-SERVICE-ACCOUNT": _account,
    "SM-POD-CLASS": _class,
    "SM-POD-SECURITY": _security,
    "SM-WEBHOOK-FAILS": _webhook,
}
