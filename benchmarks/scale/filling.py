"""Fill a cluster with workloads and faults, and wait until its controllers have said what they think of them."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.scale.faults import EVERY, Planted, plant
from benchmarks.scale.objects import PODS_EACH, SPACES, Object, Workload, nodes, owned, space_of, workload
from benchmarks.scale.plane import Plane, say, until

_PATHS = {
    "Deployment": "apps/v1/deployments",
    "ReplicaSet": "apps/v1/replicasets",
    "Pod": "v1/pods",
    "Service": "v1/services",
    "ConfigMap": "v1/configmaps",
    "PersistentVolumeClaim": "v1/persistentvolumeclaims",
    "Ingress": "networking.k8s.io/v1/ingresses",
    "HorizontalPodAutoscaler": "autoscaling/v2/horizontalpodautoscalers",
    "PodDisruptionBudget": "policy/v1/poddisruptionbudgets",
}


def fill(plane: Plane, first: int, last: int) -> list[Planted]:
    """Add workloads from one number to another, with a node and ten pods each; returns the faults among them."""
    planted: list[Planted] = []
    loads: list[Workload] = []
    for number in range(first, last):
        load = workload(number)
        if number % EVERY == 1:
            planted.append(plant(load, number // EVERY))
            load = planted[-1].workload
        loads.append(load)
    _spaces(plane)
    say(f"writing {len(loads)} workloads with {len(loads) * PODS_EACH} pods, {len(planted)} of them with a fault")
    with plane.controllers_paused():
        plane.each(lambda load: _write(plane, load), loads)
        plane.each(lambda node: _join(plane, node), nodes(first, last))
        until("pods to run", lambda: _waiting_pods(plane))
    say("waiting for the controllers")
    until("workloads and services without a word of their controllers", lambda: _unsettled(plane))
    return planted


def _spaces(plane: Plane) -> None:
    names = {space_of(number) for number in range(SPACES)}
    there = {item["metadata"]["name"] for item in plane.items("/api/v1/namespaces")}
    for name in sorted(names - there):
        plane.create("v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    made = "/api/v1/serviceaccounts"
    until("accounts", lambda: len(names - {item["metadata"]["namespace"] for item in plane.items(made)}), 120)


def _join(plane: Plane, node: Object) -> None:
    """A new node, without the taint that a controller would take away once it is ready."""
    stored = plane.create("v1/nodes", node)
    meta = {name: value for name, value in stored["metadata"].items() if name != "resourceVersion"}
    plane.write("PUT", f"/api/v1/nodes/{meta['name']}", {**stored, "metadata": meta, "spec": node["spec"]})


def _write(plane: Plane, load: Workload) -> None:
    deployment = plane.create(_PATHS["Deployment"], load.deployment)
    owner = plane.create(_PATHS["ReplicaSet"], owned(load.replica_set, deployment))
    for other in load.others:
        plane.create(_PATHS[other["kind"]], other)
    for pod in load.pods:
        stored = plane.create(_PATHS["Pod"], owned(pod, owner))
        if load.status:
            meta = stored["metadata"]
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
            plane.write("PUT", path, {**stored, "status": load.status})


def _waiting_pods(plane: Plane) -> int:
    """Pods that kwok has not yet come to; those with a written status and those without a node wait for nobody."""
    found = plane.get("/api/v1/pods", fieldSelector="status.phase=Pending", resourceVersion="0")["items"]
    return sum(bool(pod["spec"].get("nodeName")) and "containerStatuses" not in pod["status"] for pod in found)


def _unsettled(plane: Plane) -> int:
    deployments = plane.items("/apis/apps/v1/deployments")
    late = sum(not _settled(item) for item in deployments)
    slices = plane.items("/apis/discovery.k8s.io/v1/endpointslices")
    served = {
        (item["metadata"]["namespace"], item["metadata"]["labels"]["kubernetes.io/service-name"]) for item in slices
    }
    named = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for item in plane.items("/api/v1/services")
        if item["spec"].get("selector")
    }
    return late + len(named - served) + _unscheduled(plane.items("/api/v1/pods"))


def _settled(deployment: Object) -> bool:
    """Whether its controller has seen all its pods, ready or not."""
    status = deployment.get("status") or {}
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return seen and status.get("replicas") == deployment["spec"]["replicas"]


def _unscheduled(pods: Iterable[Object]) -> int:
    """Pods that the scheduler has not yet tried."""
    return sum(not pod["spec"].get("nodeName") and not pod["status"].get("conditions") for pod in pods)
