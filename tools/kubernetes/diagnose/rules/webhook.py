"""An admission webhook that nobody answers and that refuses everything meanwhile (it fails closed).

Example: validating webhook policy.example.test goes to service policy in tools, whose pods are gone, with
failurePolicy Fail. A webhook that fails open (Ignore), or whose service is well, is no fault. Pods of the webhook's
own program that it would have to be asked about never come back by themselves. In a single namespace the
configurations are only read where something there points to one: a refusal, or a service without anybody behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.change import Change, Patch, Ref
from tools.finding import Fix
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, scale_change, template_of

IDS = {"SM-WEBHOOK": "an admission webhook fails closed, and nobody answers for it"}
_KINDS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")


def check(snap: Snapshot) -> Iterator[Seen]:
    """Webhooks whose service is missing or has no ready pod."""
    for kind in _KINDS if snap.namespace is None or _hinted(snap) else ():
        for item in snap.all(f"{kind}.admissionregistration.k8s.io"):
            for number, hook in enumerate(item.get("webhooks") or ()):
                service = (hook.get("clientConfig") or {}).get("service")
                closed = hook.get("failurePolicy", "Fail") == "Fail"
                if service and closed and snap.namespace in (None, service["namespace"]):
                    yield from _look(snap, item, number, service)


def _hinted(snap: Snapshot) -> bool:
    """Whether anything in the one namespace that is looked at points to a webhook."""
    if any("failed calling webhook" in item.get("message", "") for item in snap.all("events")):
        return True
    likely = (item for item in snap.all("services") if any(p["port"] == 443 for p in item["spec"].get("ports") or ()))
    return any(not _answers(snap, service) for service in likely)


def _answers(snap: Snapshot, service: Object) -> bool:
    selector, space = service["spec"].get("selector"), service["metadata"].get("namespace")
    pods = snap.selected(selector, space) if selector else ()
    return not selector or any(condition(pod, "Ready").get("status") == "True" for pod in pods)


def _look(snap: Snapshot, item: Object, number: int, wanted: Object) -> Iterator[Seen]:
    service = snap.find("services", wanted["name"], wanted["namespace"])
    if "services" in snap.unchecked or "pods" in snap.unchecked or (service and _answers(snap, service)):
        return
    hook: Object = item["webhooks"][number]
    why, causes, fixes = _why(snap, item, number, service)
    about = ", ".join(sorted({what for rule in hook.get("rules") or () for what in rule.get("resources") or ()})[:5])
    about = about or "objects"
    yield seen(
        "SM-WEBHOOK",
        item,
        f"Webhook {hook['name']} of {ref_of(item)} refuses changes of {about}: {why}, and it fails closed.",
        chain=(f"changes of {about} are refused", why),
        evidence=(field("failurePolicy", "Fail"), field("timeoutSeconds", hook.get("timeoutSeconds", 10))),
        fixes=(*fixes, change_fix("Let everything pass while nobody answers.", _open(item, number))),
        symptom_of=causes,
    )


def _why(snap: Snapshot, item: Object, number: int, service: Object | None) -> tuple[str, list[Ref], list[Fix]]:
    """What is wrong with the service, the objects whose fault that is, and how its program comes back."""
    hook: Object = item["webhooks"][number]
    if service is None:
        wanted = hook["clientConfig"]["service"]
        gone = Fix(text=f"If its program was removed for good, delete {ref_of(item)}.")
        return f"service {wanted['name']} in {wanted['namespace']} does not exist", [], [gone]
    name, space = service["metadata"]["name"], service["metadata"]["namespace"]
    behind = snap.behind(service)
    asleep = [one for one in behind if one["kind"] != "DaemonSet" and not replicas_of(one)]
    own = [one for one in behind if _is_asked(snap, hook, one)]
    why = f"service {name} in {space} has no ready pod"
    changes: list[Change] = [_without(item, number, service)] if own else []
    if asleep and len(asleep) == len(behind):
        why += f", as {ref_of(asleep[0])} is scaled to zero"
        changes.append(scale_change(asleep[0], 1))
    if own:
        why += ", and it would have to answer for its own pods first"
        text = "Do not ask it about its own pods."
        return why, [], [change_fix(text, *changes)]
    if changes:
        return why, [], [change_fix(f"Scale {ref_of(asleep[0])} up again.", *changes)]
    return why, [ref_of(service), *map(ref_of, behind)], [Fix(text=f"Bring service {name} back.")]


def _is_asked(snap: Snapshot, hook: Object, workload: Object) -> bool:
    """Whether the webhook is asked about new pods of a workload."""
    meta = workload["metadata"]
    space = snap.find("namespaces", meta["namespace"], None)
    labels = (template_of(workload).get("metadata") or {}).get("labels") or {}
    of_space: Mapping[str, str] = {
        "kubernetes.io/metadata.name": meta["namespace"],
        **((space or {"metadata": {}})["metadata"].get("labels") or {}),
    }
    return (
        any(_is_about_new_pods(rule) for rule in hook.get("rules") or ())
        and selects(hook.get("namespaceSelector") or {}, of_space)
        and selects(hook.get("objectSelector") or {}, labels)
    )


def _is_about_new_pods(rule: Object) -> bool:
    return (
        bool({"CREATE", "*"} & set(rule.get("operations") or ()))
        and bool({"pods", "*", "*/*"} & set(rule.get("resources") or ()))
        and bool({"", "*"} & set(rule.get("apiGroups") or ()))
    )


def _without(item: Object, number: int, service: Object) -> Patch:
    """Leave out what bears the labels of the service's pods."""
    old: dict[str, Any] = item["webhooks"][number].get("objectSelector") or {}
    label, value = next(iter(service["spec"]["selector"].items()))
    apart = {"key": label, "operator": "NotIn", "values": [value]}
    selector = {**old, "matchExpressions": [*(old.get("matchExpressions") or ()), apart]}
    told = f"leave out pods with {label}={value} from what {ref_of(item)} is asked about"
    return _patch(item, number, told, "objectSelector", selector)


def _open(item: Object, number: int) -> Patch:
    name = item["webhooks"][number]["name"]
    return _patch(item, number, f"let webhook {name} of {ref_of(item)} fail open", "failurePolicy", "Ignore")


def _patch(item: Object, number: int, summary: str, part: str, value: Any) -> Patch:
    name = item["webhooks"][number]["name"]
    return Patch(
        summary=summary,
        ref=ref_of(item),
        verb=f"set {part}",
        type="json",
        patch=[
            {"op": "test", "path": f"/webhooks/{number}/name", "value": name},
            {"op": "add", "path": f"/webhooks/{number}/{part}", "value": value},
        ],
    )
