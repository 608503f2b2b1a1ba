"""Objects as the API server returns them, and a snapshot of them for one rule."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from tools.errors import NotFound
from tools.finding import Finding
from tools.kubernetes.diagnose import run
from tools.kubernetes.diagnose.snapshot import Snapshot

Object = dict[str, Any]
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
LONG_AGO = "2026-03-10T09:00:00Z"
JUST_NOW = "2026-03-10T11:59:55Z"
_UIDS = itertools.count(1)


class Server:
    """Answers reads from a list of objects; logs by "pod/container" (with "/previous" for the run before)."""

    def __init__(self, objects: list[Object], logs: dict[str, str]) -> None:
        self.objects = objects
        self.logs = logs

    @property
    def kinds(self) -> SimpleNamespace:
        return SimpleNamespace(resolve=lambda kind: kind, all=lambda: ())

    def list(self, kind: str, namespace: str | None = None, *, metadata_only: bool = False, **_: str):
        for item in self.objects:
            place = item["metadata"].get("namespace")
            if plural(item) == kind.partition(".")[0] and (namespace is None or place in (None, namespace)):
                parts = ("apiVersion", "kind", "metadata") if metadata_only else item
                yield {key: item[key] for key in parts}

    def get(self, path: str) -> Object:
        assert path == "/version"
        return {"gitVersion": "v1.34.1"}

    def read(self, ref: Any) -> Object:
        for item in self.objects:
            if (item["kind"], item["metadata"]["name"]) == (ref.kind, ref.name):
                return item
        raise NotFound(f"{ref} does not exist.")

    def path(self, ref: Any, subresource: str = "") -> str:
        return ref.name

    def get_raw(self, path: str, *, container: str, previous: str = "", **_: Any) -> bytes:
        key = f"{path}/{container}" + ("/previous" if previous else "")
        return self.logs.get(key, "").encode()


def plural(item: Object) -> str:
    kind = item["kind"].lower()
    if kind.endswith("y"):
        return kind[:-1] + "ies"
    return kind + ("es" if kind.endswith("s") else "s")


def snapshot(*objects: Object, namespace: str | None = "shop", logs: dict[str, str] | None = None) -> Snapshot:
    context: Any = SimpleNamespace(cluster=Server(list(objects), logs or {}), namespace=namespace)
    return Snapshot(context, namespace, NOW)


def found(snap: Snapshot) -> list[Finding]:
    """What all rules say, symptoms folded."""
    return [finding for finding, _ in run.fold(run.check(snap))]


def ids(snap: Snapshot) -> list[str]:
    return [finding.id for finding in found(snap)]


# --- objects ------------------------------------------------------------------------------------------------------


def made(kind: str, name: str, api: str = "v1", namespace: str | None = "shop", **parts: Any) -> Object:
    meta: Object = {"name": name, "uid": f"uid-{next(_UIDS)}", "creationTimestamp": LONG_AGO, "generation": 1}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": api, "kind": kind, "metadata": {**meta, **parts.pop("metadata", {})}, **parts}


def container(**more: Any) -> Object:
    return {"name": "main", "image": "example.test/app:1", **more}


def env(**values: str) -> list[Object]:
    return [{"name": name, "value": value} for name, value in values.items()]


def workload(name: str, *containers: Object, kind: str = "Deployment", replicas: int = 1, **pod: Any) -> Object:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [container()], **pod}}
    status = {"observedGeneration": 1}
    for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"):
        status[key] = replicas
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return made(kind, name, "apps/v1", spec=spec, status=status)


def pod(
    owner: Object, *, ready: bool = True, phase: str = "Running", status: Object | None = None, **meta: Any
) -> Object:
    """A pod of a workload; `status` overrides that of its first container."""
    template = owner["spec"]["template"]
    own = [{"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
            "controller": True, "apiVersion": owner["apiVersion"]}]  # fmt: skip
    running = {"name": template["spec"]["containers"][0]["name"], "ready": ready, "restartCount": 0, "started": True,
               "image": "", "state": {"running": {"startedAt": LONG_AGO}}}  # fmt: skip
    return made(
        "Pod",
        f"{owner['metadata']['name']}-{next(_UIDS)}",
        metadata={"ownerReferences": own, "labels": template.get("metadata", {}).get("labels", {}), **meta},
        spec={"nodeName": "node-1", **template["spec"]},
        status={
            "phase": phase,
            "podIP": "10.0.0.9",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{**running, **(status or {})}],
        },
    )


def crashed(code: int = 1, reason: str = "Error", restarts: int = 4) -> Object:
    """Status of a container that has ended again and again."""
    return {
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": JUST_NOW}},
    }


def service(name: str, selects: str, port: int = 80, target: Any = None, **spec: Any) -> Object:
    ports = [{"port": port, "targetPort": target or port, "protocol": "TCP"}]
    return made("Service", name, spec={"type": "ClusterIP", "selector": {"app": selects}, "ports": ports, **spec})


def event(obj: Object, reason: str, message: str, time: str = JUST_NOW, count: int = 1) -> Object:
    return made(
        "Event", f"event-{next(_UIDS)}", involvedObject={"uid": obj["metadata"]["uid"]},
        reason=reason, message=message, lastTimestamp=time, count=count, type="Warning",
    )  # fmt: skip


def node(name: str = "node-1", **parts: Any) -> Object:
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    status = {"allocatable": allocatable, "conditions": [{"type": "Ready", "status": "True"}]}
    return made("Node", name, namespace=None, spec={}, status={**status, **parts.pop("status", {})}, **parts)


def namespace(name: str = "shop", **parts: Any) -> Object:
    return made("Namespace", name, namespace=None, **{"status": {"phase": "Active"}, **parts})
