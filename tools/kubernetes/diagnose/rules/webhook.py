"""An admission webhook that nobody answers and that refuses everything meanwhile (it fails closed).

Example: validating webhook policy.example.test goes to service policy in tools, whose pods are gone, with
failurePolicy Fail. A webhook that fails open (Ignore), or whose service is well, is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-WEBHOOK": "an admission webhook fails closed, and nobody answers for it"}
_KINDS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")


def check(snap: Snapshot) -> Iterator[Seen]:
    """Webhooks whose service is missing or has no ready pod; of a single namespace that cannot be told."""
    for kind in _KINDS if snap.namespace is None else ():
        for item in snap.all(f"{kind}.admissionregistration.k8s.io"):
            for hook in item.get("webhooks") or ():
                service = (hook.get("clientConfig") or {}).get("service")
                closed = hook.get("failurePolicy", "Fail") == "Fail"
                if service and closed:
                    yield from _look(snap, item, hook, service)


def _look(snap: Snapshot, item: Object, hook: Object, wanted: Object) -> Iterator[Seen]:
    if "services" in snap.unchecked or "pods" in snap.unchecked:
        return
    name, space = wanted["name"], wanted["namespace"]
    service = snap.find("services", name, space)
    causes: list[Ref] = []
    if service is None:
        why = f"service {name} in {space} does not exist"
    else:
        selector = service["spec"].get("selector")
        if not selector or any(
            condition(pod, "Ready").get("status") == "True" for pod in snap.selected(selector, space)
        ):
            return
        why, causes = (
            f"service {name} in {space} has no ready pod",
            [ref_of(service), *map(ref_of, snap.behind(service))],
        )
    about = sorted({what for rule in hook.get("rules") or () for what in rule.get("resources") or ()})
    yield seen(
        "SM-WEBHOOK",
        item,
        f"Webhook {hook['name']} refuses changes of {', '.join(about[:5]) or 'objects'}: {why}, and it fails closed.",
        severity=Severity.CRITICAL,
        chain=(f"changes of {', '.join(about[:5]) or 'objects'} are refused", why),
        evidence=(field("failurePolicy", "Fail"), field("timeoutSeconds", hook.get("timeoutSeconds", 10))),
        fixes=(Fix(text=f"Bring service {name} back; if its program was removed for good, delete {ref_of(item)}."),),
        symptom_of=causes,
    )
