"""Made-up clusters of any size behind the scripted API server: workloads of ten pods each, some of them broken."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.tools.kubernetes.api_server import Answer, ApiServer, Request

Object = dict[str, Any]
SINCE = "2026-01-01T00:00:00Z"
PODS_EACH = 10
_KINDS = {
    "": (
        "Event Pod Service Endpoints ConfigMap Secret ServiceAccount PersistentVolumeClaim ResourceQuota LimitRange",
        "Namespace Node PersistentVolume",
    ),
    "apps": ("Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision", ""),
    "batch": ("Job CronJob", ""),
    "autoscaling": ("HorizontalPodAutoscaler", ""),
    "policy": ("PodDisruptionBudget", ""),
    "discovery.k8s.io": ("EndpointSlice", ""),
    "networking.k8s.io": ("Ingress NetworkPolicy", "IngressClass"),
    "storage.k8s.io": ("", "StorageClass"),
    "admissionregistration.k8s.io": ("", "ValidatingWebhookConfiguration MutatingWebhookConfiguration"),
    "apiregistration.k8s.io": ("", "APIService"),
    "certificates.k8s.io": ("", "CertificateSigningRequest"),
    "rbac.authorization.k8s.io": ("Role RoleBinding", "ClusterRole ClusterRoleBinding"),
}


def plural(kind: str) -> str:
    word = kind.lower()
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return word if word == "endpoints" else f"{word}es" if word.endswith("s") else f"{word}s"


def _version(group: str) -> str:
    return "v2" if group == "autoscaling" else "v1"


def _place(group: str) -> str:
    return f"/apis/{group}/{_version(group)}" if group else "/api/v1"


def _served(group: str) -> Object:
    resources = [
        {
            "resource": plural(kind), "responseKind": {"group": "", "version": "", "kind": kind},
            "scope": scope, "singularResource": kind.lower(), "verbs": ["get", "list"],
            "subresources": [{"subresource": "log", "verbs": ["get"]}] if kind == "Pod" else [],
        }
        for scope, kinds in zip(("Namespaced", "Cluster"), _KINDS[group], strict=True)
        for kind in kinds.split()
    ]  # fmt: skip
    return {"metadata": {"name": group}, "versions": [{"version": _version(group), "resources": resources}]}


def script(objects: Iterable[Object], spaces: Iterable[str] = ("shop",)) -> dict[str, Any]:
    """Answers for a cluster that holds these objects: discovery, every list with its pages, every namespace."""
    by_kind: dict[str, list[Object]] = defaultdict(list)
    for item in objects:
        by_kind[item["kind"]].append(item)
    for space in spaces:
        by_kind["Namespace"].append(_object("v1", "Namespace", space, None))
    groups = {"kind": "APIGroupDiscoveryList", "items": [_served(name) for name in _KINDS if name]}
    answers: dict[str, Any] = {
        "GET /api": {"kind": "APIGroupDiscoveryList", "items": [_served("")]},
        "GET /apis": groups,
    }
    for group, (inside, wide) in _KINDS.items():
        for kind in (inside + " " + wide).split():
            answers[f"GET {_place(group)}/{plural(kind)}"] = pages(by_kind[kind])
        for kind in inside.split():
            for space in spaces:
                here = [item for item in by_kind[kind] if item["metadata"].get("namespace") == space]
                answers[f"GET {_place(group)}/namespaces/{space}/{plural(kind)}"] = pages(here)
    for item in by_kind["Service"]:
        meta = item["metadata"]
        answers[f"GET /api/v1/namespaces/{meta['namespace']}/services/{meta['name']}"] = item
    answers |= {f"GET /api/v1/namespaces/{item['metadata']['name']}": item for item in by_kind["Namespace"]}
    return answers


def pages(items: list[Object]) -> Callable[[Request], Answer]:
    """The list as the API server hands it out: in pages, each encoded once."""
    encoded: dict[tuple[int, int], bytes] = {}

    def answer(request: Request) -> Answer:
        chosen = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        if chosen and "=" not in chosen:
            return Answer({"items": [item for item in items if item["metadata"]["name"] == chosen]})
        start, size = int(request.query.get("continue") or 0), int(request.query.get("limit") or 0) or len(items) or 1
        if (start, size) not in encoded:
            end = start + size
            more = {"continue": str(end)} if end < len(items) else {}
            encoded[start, size] = json.dumps({"metadata": more, "items": items[start:end]}).encode()
        return Answer(encoded[start, size])

    return answer


def serve(api: ApiServer, objects: Iterable[Object], spaces: Iterable[str] = ("shop",)) -> None:
    api.script = script(objects, spaces)


# --- objects ------------------------------------------------------------------------------------------------------


def _object(api_version: str, kind: str, name: str, space: str | None, **more: Any) -> Object:
    meta = {"name": name, "uid": f"{kind}-{space}-{name}", "creationTimestamp": SINCE, "namespace": space}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **more}


def cluster(pods: int, broken_each: int = 50, spaces: tuple[str, ...] = ("shop",)) -> list[Object]:
    """Nodes, and workloads of ten pods with a service each; every so many workloads one whose image is not there."""
    nodes = [_node(f"node-{number}") for number in range(max(1, pods // 10))]
    found = list(nodes)
    for number in range(pods // PODS_EACH):
        broken = number % broken_each == 1
        found += workload(f"app-{number:05}", spaces[number % len(spaces)], broken, nodes)
    return found


def workload(name: str, space: str, broken: bool, nodes: list[Object] | None = None) -> list[Object]:
    """A deployment with its replica set, ten pods and a service."""
    nodes = nodes or [_node("node-0")]
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod_spec(name)}
    spec = {"replicas": PODS_EACH, "selector": {"matchLabels": {"app": name}}, "template": template}
    ready = 0 if broken else PODS_EACH
    status = {
        "replicas": PODS_EACH, "updatedReplicas": PODS_EACH, "readyReplicas": ready, "availableReplicas": ready,
        "observedGeneration": 1, "conditions": [],
    }  # fmt: skip
    deployment = _object("apps/v1", "Deployment", name, space, spec=spec, status=status)
    owned = _object("apps/v1", "ReplicaSet", f"{name}-5d8f", space, spec=spec, status=status)
    owned["metadata"]["ownerReferences"] = [_owner(deployment)]
    ports = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    service = _object("v1", "Service", name, space, spec=ports)
    pods = [
        _pod(f"{name}-5d8f-{number}", space, name, owned, nodes[number % len(nodes)], broken)
        for number in range(PODS_EACH)
    ]
    return [deployment, owned, service, *pods]


def _owner(obj: Object) -> Object:
    return {
        "apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"], "controller": True,
    }  # fmt: skip


def _pod_spec(name: str) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "timeoutSeconds": 1}
    container = {
        "name": "main", "image": f"registry.example.com/{name}:1.0", "ports": [{"containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": f"value of setting {number}"} for number in range(20)],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "readinessProbe": probe, "livenessProbe": probe, "imagePullPolicy": "IfNotPresent",
    }  # fmt: skip
    return {"containers": [container], "restartPolicy": "Always", "serviceAccountName": "default"}


def _pod(name: str, space: str, app: str, owner: Object, node: Object, broken: bool) -> Object:
    token = f"kube-api-access-{name[-5:]}"
    spec = json.loads(json.dumps(_pod_spec(app))) | {"nodeName": node["metadata"]["name"]}
    spec["volumes"] = [{"name": token, "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]
    mount = {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    spec["containers"][0]["volumeMounts"] = [mount]
    spec["tolerations"] = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ]
    waiting = {"reason": "ImagePullBackOff", "message": f"{spec['containers'][0]['image']}: manifest unknown"}
    status = {
        "phase": "Pending" if broken else "Running", "startTime": SINCE, "podIP": "10.0.0.1", "hostIP": "192.0.2.1",
        "conditions": [
            {"type": kind, "status": "False" if broken and "eady" in kind else "True", "lastTransitionTime": SINCE}
            for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": [
            {
                "name": "main", "ready": not broken, "restartCount": 0, "image": spec["containers"][0]["image"],
                "imageID": "sha256:" + "0" * 64, "containerID": f"containerd://{name}", "started": not broken,
                "state": {"waiting": waiting} if broken else {"running": {"startedAt": SINCE}},
            }
        ],
    }  # fmt: skip
    pod = _object("v1", "Pod", name, space, spec=spec, status=status)
    pod["metadata"] |= {
        "labels": {"app": app, "pod-template-hash": "5d8f"},
        "ownerReferences": [_owner(owner)],
        "managedFields": [
            {"manager": "kubelet", "fieldsV1": {f"f:part-{number}": {"f:value": {}} for number in range(100)}}
        ],
    }
    return pod


def _node(name: str) -> Object:
    room = {"cpu": "64", "memory": "256Gi", "pods": "110"}
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": SINCE}]
    status = {"conditions": conditions, "allocatable": room, "capacity": room, "images": []}
    return _object("v1", "Node", name, None, spec={}, status=status)
