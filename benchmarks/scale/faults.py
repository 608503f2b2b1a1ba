"""The planted faults: one workload or the object beside it is broken, and the diagnosis must name just that."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.scale.objects import LEFT_ALONE, Object, Workload

EVERY = 5  # workloads, one of which has a fault


class Planted(NamedTuple):
    """A workload with its fault, and the finding that must come of it: id, kind and name of its subject."""

    workload: Workload
    expected: tuple[str, str, str, str]


def plant(workload: Workload, number: int) -> Planted:
    """The fault of that number, each kind in turn."""
    kind = _KINDS[number % len(_KINDS)]
    return kind(workload)


def _image(load: Workload) -> Planted:
    image = load.pods[0]["spec"]["containers"][0]["image"]
    message = f'Back-off pulling image "{image}": ErrImagePull: rpc error: code = NotFound desc = {image}: not found'
    state = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    return _broken(load, "SM-IMAGE-NOT-FOUND", _status("Pending", state))


def _settings(load: Workload) -> Planted:
    missing = f"{load.name}-settings"
    kept = [item for item in load.others if item["kind"] != "ConfigMap"]
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": f'configmap "{missing}" not found'}}
    return _broken(load._replace(others=kept), "SM-CONFIG-MISSING", _status("Pending", state))


def _memory(load: Workload) -> Planted:
    return _broken(load, "SM-OOM", _status("Running", *_crashing("OOMKilled", 137)))


def _crash(load: Workload) -> Planted:
    return _broken(load, "SM-CRASH", _status("Running", *_crashing("Error", 3)))


def _too_large(load: Workload) -> Planted:
    """No node is that large, which the real scheduler says."""
    load = copy.deepcopy(load)
    for spec in [*(pod["spec"] for pod in load.pods), *(o["spec"]["template"]["spec"] for o in load[:2])]:
        spec.pop("nodeName", None)
        spec["containers"][0]["resources"]["requests"]["cpu"] = "64"
    return Planted(load, ("SM-PENDING-CPU", "Deployment", load.space, load.name))


def _selector(load: Workload) -> Planted:
    return _beside(load, "SM-SERVICE-SELECTOR", "v1", "Service", {
        "selector": {"app": "nobody-is-called-so"}, "ports": [{"port": 80}],
    })  # fmt: skip


def _claim(load: Workload) -> Planted:
    return _beside(load, "SM-CLAIM-CLASS", "v1", "PersistentVolumeClaim", {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast-ssd",
    })  # fmt: skip


def _ingress(load: Workload) -> Planted:
    backend = {"service": {"name": f"{load.name}-gone", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    rules = [{"host": f"{load.name}.example.com", "http": {"paths": [path]}}]
    spec = {"ingressClassName": "traefik", "rules": rules}
    return _beside(load, "SM-INGRESS-SERVICE", "networking.k8s.io/v1", "Ingress", spec)


def _autoscaler(load: Workload) -> Planted:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{load.name}-gone"}
    spec = {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}
    return _beside(load, "SM-HPA-TARGET", "autoscaling/v2", "HorizontalPodAutoscaler", spec)


def _budget(load: Workload) -> Planted:
    spec = {"maxUnavailable": 0, "selector": {"matchLabels": {"app": load.name}}}
    return _beside(load, "SM-BUDGET-BLOCKS", "policy/v1", "PodDisruptionBudget", spec)


_KINDS: tuple[Callable[[Workload], Planted], ...] = (
    _image, _selector, _memory, _claim, _settings, _ingress, _crash, _autoscaler, _too_large, _budget,
)  # fmt: skip


def _broken(load: Workload, id: str, status: Object) -> Planted:
    """The pods themselves are broken: their status is written instead of left to kwok."""
    for pod in load.pods:
        pod["metadata"]["labels"] = {**pod["metadata"]["labels"], LEFT_ALONE: "true"}
    return Planted(load._replace(status=status), (id, "Deployment", load.space, load.name))


def _beside(load: Workload, id: str, api_version: str, kind: str, spec: Object) -> Planted:
    """The workload is well; something that goes with it is not."""
    name = f"{load.name}-beside"
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": load.space}, "spec": spec}
    return Planted(load._replace(others=[*load.others, obj]), (id, kind, load.space, name))


def _crashing(reason: str, code: int) -> tuple[Object, Object]:
    time = "2026-01-01T00:00:00Z"
    ended = {"reason": reason, "exitCode": code, "startedAt": time, "finishedAt": time}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=main"}
    return {"waiting": waiting}, {"terminated": ended}


def _status(phase: str, state: Object, last: Object | None = None) -> dict[str, Any]:
    time = "2026-01-01T00:00:00Z"
    container = {
        "name": "main", "image": "registry.example.com/shop/app:1.0.0", "imageID": "", "ready": False,
        "started": False, "restartCount": 7 if last else 0, "state": state, "lastState": last or {},
    }  # fmt: skip
    true = dict.fromkeys(("PodReadyToStartContainers", "Initialized", "PodScheduled"), "True")
    conditions = {**true, "Ready": "False", "ContainersReady": "False"}
    return {
        "phase": phase, "startTime": time, "podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}],
        "conditions": [
            {"type": type, "status": value, "lastTransitionTime": time} for type, value in conditions.items()
        ],
        "containerStatuses": [container],
    }  # fmt: skip
