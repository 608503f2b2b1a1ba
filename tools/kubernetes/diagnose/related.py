"""What belongs to an object: its pods, what they use, and what stands before, beside and above them."""

from __future__ import annotations

from collections.abc import Iterator

from tools.kubernetes.diagnose.closest import labels_of
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.capacity import selects

_RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
_SELECTING = ("poddisruptionbudgets.policy", "networkpolicies.networking.k8s.io")


def related(snap: Snapshot, target: Object) -> Iterator[Object]:
    """The target, what owns it, its pods, their claims, and what serves, scales, protects or limits them."""
    yield target
    tops = [snap.owner(target), *_led_to(snap, target)]
    yield from tops
    pods = [pod for top in tops for pod in snap.pods_of(top)]
    if target["kind"] == "Service":
        selector = (target.get("spec") or {}).get("selector") or {"": ""}
        pods += snap.selected(selector, target["metadata"].get("namespace"))
    if target["kind"] == "Node":
        pods += [pod for pod in snap.pods if pod["spec"].get("nodeName") == target["metadata"]["name"]]
    yield from pods
    for pod in pods:
        yield snap.owner(pod)
        yield from _claims(snap, pod)
    for top in tops:
        yield from _around(snap, top)


def _led_to(snap: Snapshot, target: Object) -> Iterator[Object]:
    """The workloads that a service, an ingress, an autoscaler, a budget, a policy or a CronJob is about."""
    space, spec = target["metadata"].get("namespace"), target.get("spec") or {}
    mine = [item for item in snap.workloads() if item["metadata"].get("namespace") == space]
    match target["kind"]:
        case "Service":
            yield from snap.behind(target)
        case "Ingress":
            for name in _backends(target):
                if service := snap.find("services", name, space):
                    yield service
                    yield from snap.behind(service)
        case "HorizontalPodAutoscaler":
            yield from (item for item in mine if _scales(target, item))
        case "PodDisruptionBudget":
            yield from (item for item in mine if selects(spec.get("selector"), labels_of(item)))
        case "NetworkPolicy":
            yield from (item for item in mine if selects(spec.get("podSelector") or {}, labels_of(item)))
        case "CronJob":
            yield from (job for job in snap.all("jobs.batch") if _made_by(job, target))
        case "Job":
            yield from (cron for cron in snap.all("cronjobs.batch") if _made_by(target, cron))
        case _:
            return


def _claims(snap: Snapshot, pod: Object) -> Iterator[Object]:
    for volume in pod["spec"].get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and (found := snap.find("persistentvolumeclaims", claim, pod["metadata"].get("namespace"))):
            yield found


def _around(snap: Snapshot, top: Object) -> Iterator[Object]:
    """What serves, scales, protects and limits the pods of a workload; the ingresses of a service."""
    space, name = top["metadata"].get("namespace"), top["metadata"]["name"]
    labels = labels_of(top) if top["kind"] in _RUNNING else {}
    services = [top] if top["kind"] == "Service" else []
    for service in snap.all("services") if labels else ():
        selector, mine = (service.get("spec") or {}).get("selector"), service["metadata"].get("namespace") == space
        named = service["metadata"]["name"] == name
        if selector and mine and (named or selects({"matchLabels": selector}, labels)):
            services.append(service)
    yield from services
    names = {service["metadata"]["name"] for service in services}
    for ingress in snap.all("ingresses.networking.k8s.io") if names else ():
        if ingress["metadata"].get("namespace") == space and names & set(_backends(ingress)):
            yield ingress
    for scaler in snap.all("horizontalpodautoscalers.autoscaling"):
        if scaler["metadata"].get("namespace") == space and _scales(scaler, top):
            yield scaler
    for kind in _SELECTING if labels else ():
        for item in snap.all(kind):
            selector = item["spec"].get("selector") or item["spec"].get("podSelector") or {}
            named = item["metadata"]["name"] == name
            if item["metadata"].get("namespace") == space and (selects(selector, labels) or named):
                yield item


def _backends(ingress: Object) -> list[str]:
    """The names of the services that an ingress sends to."""
    spec = ingress["spec"]
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    wanted = [spec.get("defaultBackend") or {}, *(path["backend"] for path in paths)]
    return [backend["service"]["name"] for backend in wanted if backend.get("service")]


def _scales(scaler: Object, workload: Object) -> bool:
    aim = scaler["spec"]["scaleTargetRef"]
    return (aim["kind"], aim["name"]) == (workload["kind"], workload["metadata"]["name"])


def _made_by(job: Object, cron: Object) -> bool:
    return any(own["uid"] == cron["metadata"]["uid"] for own in job["metadata"].get("ownerReferences") or ())
