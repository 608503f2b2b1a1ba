"""Whose logs are meant: the pods that a name stands for, and the containers of interest in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.door.paths import check_name
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.lookup import check_exists, get_one, nearest, split_name
from tools.kubernetes.look.pods import container_state, containers, pods_of

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

Object = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """One container to be read."""

    pod: str
    namespace: str
    container: str
    state: str
    restarts: int

    @property
    def path(self) -> str:
        """Where the API server has its log."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}/log"


def find_pods(ctx: Context, kind: str | None, name: str, namespace: str | None) -> tuple[str, list[Object]]:
    """What the name means, in words, and its pods: a pod, or those of a workload, service, job or component."""
    kind, name = split_name(kind, name)
    check_name(name)
    cluster = ctx.cluster
    resolved = cluster.kinds.resolve(kind).kind if kind else ""
    place = namespace or cluster.namespace
    if not resolved:
        pods = list(cluster.list(cluster.kinds.resolve("pods"), place, fields=f"metadata.name={name}"))
        if pods:
            return f"pod {name}", pods
    if resolved and resolved not in _WORKLOADS:
        _, obj = get_one(ctx, resolved, name, namespace)
        obj["kind"] = resolved
        return f"{resolved.lower()} {name}", [obj] if resolved == "Pod" else pods_of(ctx, obj)
    try:
        workload = find_workload(ctx, name, kind, namespace)
    except NotFound as error:
        pods = [] if resolved else _pods_called(ctx, name, place)
        if not pods:
            raise _nothing(ctx, name, place, error) from error
        return f"pods {name}*", pods
    metadata: Mapping[str, Any] = workload["metadata"]
    return f"{workload['kind'].lower()} {metadata['name']} in {metadata['namespace']}", pods_of(ctx, workload)


def _pods_called(ctx: Context, name: str, place: str) -> list[Object]:
    """Pods whose names begin so (those of a Job or of an operator), or that carry it as their app label."""
    keys = ("app.kubernetes.io/component", "app.kubernetes.io/name", "app", "k8s-app", "job-name")
    found: list[Object] = []
    for pod in ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), place):
        labels: Mapping[str, str] = pod["metadata"].get("labels") or {}
        if pod["metadata"]["name"].startswith(f"{name}-") or name in (labels.get(key) for key in keys):
            found.append(pod)
    return found


def _nothing(ctx: Context, name: str, place: str, error: NotFound) -> NotFound:
    check_exists(ctx, place)
    pods = ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), place, metadata_only=True)
    near = nearest(name, [pod["metadata"]["name"] for pod in pods])
    return NotFound(error.message, f"Did you mean {' or '.join(near)}?" if near else error.next_step)


def sources_of(pod: Object, container: str | None) -> list[Source]:
    """The container that was named, else those of interest in this pod."""
    known = containers(pod)
    names = [spec["name"] for _, spec, _ in known]
    if container and container not in names:
        raise NotFound(
            f"The pod {pod['metadata']['name']} has no container {container!r}.", f"There are: {', '.join(names)}."
        )
    chosen = [container] if container else _main_containers(pod)
    return [
        Source(
            pod=pod["metadata"]["name"],
            namespace=pod["metadata"]["namespace"],
            container=spec["name"],
            state=container_state(status),
            restarts=status.get("restartCount") or 0,
        )
        for _, spec, status in known
        if spec["name"] in chosen
    ]


def _main_containers(pod: Object) -> list[str]:
    """Those of interest: while an init container keeps the pod from starting, that one; else all main ones."""
    default = (pod["metadata"].get("annotations") or {}).get(_DEFAULT_CONTAINER)
    if default:
        return [default]
    for role, spec, status in containers(pod):
        unfinished = (status.get("state") or {}).get("terminated", {}).get("exitCode") != 0
        if role == "init" and unfinished and spec.get("restartPolicy") != "Always" and status:
            return [spec["name"]]
    return [spec["name"] for role, spec, _ in containers(pod) if role == "main"]
