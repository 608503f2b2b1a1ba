"""The objects of a large cluster: nodes, and workloads of ten pods each as their controllers would have made them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

Object = dict[str, Any]
PODS_EACH = 10
SPACES = 50
_HASH = "5d8f7c9b6d"
LEFT_ALONE = "bench.shipmate.dev/left-alone"  # kwok does not touch the status of pods with this label


class Workload(NamedTuple):
    """A Deployment with its ReplicaSet, pods and what else belongs to it; `status` is what its pods are to have."""

    deployment: Object
    replica_set: Object
    pods: list[Object]
    others: list[Object]
    status: Object | None

    @property
    def name(self) -> str:
        return self.deployment["metadata"]["name"]

    @property
    def space(self) -> str:
        return self.deployment["metadata"]["namespace"]


def space_of(number: int) -> str:
    """Neighbouring workloads live in different namespaces."""
    return f"team-{number % SPACES:02}"


def nodes(first: int, last: int) -> Iterator[Object]:
    """Fake nodes, which kwok keeps alive; ordinary pods stay away from them."""
    size = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
    for number in range(first, last):
        name = f"fake-{number:04}"
        labels = {"type": "kwok", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
        yield {
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": labels},
            "spec": {"taints": [{"key": "kwok.x-k8s.io/node", "value": "fake", "effect": "NoSchedule"}]},
            "status": {"allocatable": size, "capacity": size},
        }  # fmt: skip


def workload(number: int) -> Workload:
    """A healthy one, on nodes that it shares with nine others."""
    name, space = f"app-{number:05}", space_of(number)
    labels = {"app": name}
    spec = {"replicas": PODS_EACH, "selector": {"matchLabels": labels}}
    template = {"metadata": {"labels": labels}, "spec": _pod_spec(name)}
    deployment = _object("apps/v1", "Deployment", name, space, spec={**spec, "template": template})
    hashed = {**labels, "pod-template-hash": _HASH}
    replica_set = _object("apps/v1", "ReplicaSet", f"{name}-{_HASH}", space)
    replica_set["metadata"] |= {
        "labels": hashed,
        "annotations": {
            "deployment.kubernetes.io/desired-replicas": str(PODS_EACH),
            "deployment.kubernetes.io/max-replicas": str(PODS_EACH + 3),
            "deployment.kubernetes.io/revision": "1",
        },
    }
    replica_set["spec"] = {
        "replicas": PODS_EACH,
        "selector": {"matchLabels": hashed},
        "template": {"metadata": {"labels": hashed}, "spec": _pod_spec(name)},
    }
    pods = []
    for index in range(PODS_EACH):
        pod = _object("v1", "Pod", f"{name}-{_HASH}-{index:05}", space, spec=_pod_spec(name))
        pod["metadata"]["labels"] = hashed
        pod["spec"]["nodeName"] = f"fake-{number - number % PODS_EACH + index:04}"
        pods.append(pod)
    ports = {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    settings = _object("v1", "ConfigMap", f"{name}-settings", space, data={f"KEY_{n}": "value" * 8 for n in range(20)})
    return Workload(deployment, replica_set, pods, [_object("v1", "Service", name, space, spec=ports), settings], None)


def owned(obj: Object, owner: Object) -> Object:
    """The same object as its controller would have made it; `owner` as the server stored it."""
    meta = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    return {**obj, "metadata": {**obj["metadata"], "ownerReferences": [reference]}}


def _object(api_version: str, kind: str, name: str, space: str, **more: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": space}, **more}


def _pod_spec(name: str) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 10}
    own = [{"name": f"SETTING_{number}", "value": f"value of setting {number}"} for number in range(12)]
    read = [
        {
            "name": f"KEY_{number}",
            "valueFrom": {"configMapKeyRef": {"name": f"{name}-settings", "key": f"KEY_{number}"}},
        }
        for number in range(4)
    ]
    container = {
        "name": "main", "image": f"registry.example.com/shop/{name}:1.0.0", "env": [*own, *read],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": probe, "livenessProbe": probe,
        "volumeMounts": [{"name": "scratch", "mountPath": "/var/cache/app"}],
    }  # fmt: skip
    return copy.deepcopy({
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
        "nodeSelector": {"type": "kwok"},
    })  # fmt: skip
