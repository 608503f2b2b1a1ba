"""What runs, at a glance; and what the workspace holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import Forbidden, NotFound, ShipmateError
from tools.helm import store
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.look.owners import helm_release
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import containers_of

Object = dict[str, Any]

_WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")


def status(ctx: Context, *, namespace: str | None = None, all_namespaces: bool = False) -> Result:
    """What runs: releases, workloads with ready and wanted replicas, images and restarts, autoscalers, ways in, and
    what is not well. Without a namespace everything but the system's own; `all_namespaces` includes that."""
    place = None if all_namespaces else namespace or ctx.namespace
    try:
        seen = _Seen(ctx, place, hide_system=not all_namespaces)
    except Forbidden:
        if place:
            raise
        place = ctx.cluster.namespace
        seen = _Seen(ctx, place, hide_system=False)
    workloads = [_workload(seen, one) for one in seen.workloads]
    releases = [_release(one) for one in seen.releases]
    ways = [way for one in seen.ingresses for way in _ways_in(ctx, one)]
    warnings = [text for one in workloads for text in one["warnings"]]
    warnings += [
        f"Release {one['release']} in {one['namespace']} is {one['status']}." for one in releases if one["bad"]
    ]
    if seen.denied:
        warnings.append(f"Not shown, for lack of rights: {', '.join(kind.split('.')[0] for kind in seen.denied)}.")
    data = {"releases": releases, "workloads": workloads, "ways_in": ways, "warnings": warnings}
    return Result(text=_text(data, f"in namespace {place}" if place else "in the cluster"), data=data)


def list_components(ctx: Context) -> Result:
    """List the components of the workspace: source, image, what each needs, and whether it is deployed."""
    workspace = ctx.workspace
    if not workspace.components:
        return Result(text=f"The folder {workspace.root} holds nothing that can be deployed.", data=[])
    try:
        running = _Seen(ctx, ctx.namespace, hide_system=True).workloads
        known = True
    except ShipmateError:  # without a cluster the workspace can still be told
        running, known = [], False
    rows: list[dict[str, Any]] = []
    lines = [f"{workspace.name} ({workspace.root}), chart {workspace.chart.name if workspace.chart else 'none'}:"]
    for name, one in workspace.components.items():
        there = [found for found in running if _is_component(found, name)]
        places = [f"{found['metadata']['namespace']} ({_ready(found)}/{replicas_of(found)})" for found in there]
        what = f"from {one.source}" if one.source else f"image {one.image}"
        needs = f", needs {', '.join(one.needs)}" if one.needs else ""
        state = f"runs in {', '.join(places)}" if places else "not deployed" if known else "no cluster to look at"
        lines.append(f"  {name}: {what}{needs}; {state}")
        rows.append({**one.model_dump(), "deployed_in": [found["metadata"]["namespace"] for found in there]})
    return Result(text="\n".join(lines), data=rows)


class _Seen:
    """What is in a namespace or (None) everywhere, read once."""

    def __init__(self, ctx: Context, place: str | None, *, hide_system: bool) -> None:
        self.ctx = ctx
        self._place = place
        self._hidden = _SYSTEM if hide_system and not place else ()
        self.denied: dict[str, Forbidden] = {}
        found = [one for kind in _WORKLOADS for one in self._all(kind)]
        if all(kind in self.denied for kind in _WORKLOADS):
            raise self.denied[_WORKLOADS[0]]
        self.workloads = sorted(found, key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]))
        self.pods: dict[str, list[Object]] = defaultdict(list)
        for pod in self._all("pods"):
            self.pods[pod["metadata"]["namespace"]].append(pod)
        self.autoscalers = self._all("horizontalpodautoscalers.autoscaling")
        self.ingresses = self._all("ingresses.networking.k8s.io")
        try:
            self.releases = [one for one in store.newest(ctx, place) if one.namespace not in self._hidden]
        except Forbidden:  # Helm keeps its records in Secrets, which not everybody may read
            self.releases = []

    def _all(self, kind: str) -> list[Object]:
        try:
            found = self.ctx.cluster.list(self.ctx.cluster.kinds.resolve(kind), self._place)
            return [one for one in found if one["metadata"].get("namespace") not in self._hidden]
        except NotFound:
            return []
        except Forbidden as error:
            self.denied[kind] = error
            return []

    def pods_of(self, workload: Mapping[str, Any]) -> list[Object]:
        """The pods that a workload's selector selects."""
        selector = workload["spec"].get("selector")
        pods = self.pods[workload["metadata"]["namespace"]]
        return [pod for pod in pods if selects(selector, pod["metadata"].get("labels") or {})]

    def autoscaler_of(self, workload: Mapping[str, Any]) -> Object | None:
        """The autoscaler that decides about a workload's replicas."""
        for one in self.autoscalers:
            target = one["spec"]["scaleTargetRef"]
            same = (target["kind"], target["name"]) == (workload["kind"], workload["metadata"]["name"])
            if same and one["metadata"]["namespace"] == workload["metadata"]["namespace"]:
                return one
        return None


def _workload(seen: _Seen, one: Object) -> dict[str, Any]:
    meta, pods = one["metadata"], seen.pods_of(one)
    wanted, ready = replicas_of(one), _ready(one)
    scaler = seen.autoscaler_of(one)
    name = f"{one['kind']} {meta['name']} in {meta['namespace']}"
    warnings = [f"{name}: {ready} of {wanted} ready{_reasons(pods)}."] if ready < wanted else []
    restarts = sum(state.get("restartCount", 0) for pod in pods for state in _states(pod))
    owner = helm_release(one)
    return {
        "namespace": meta["namespace"],
        "kind": one["kind"],
        "name": meta["name"],
        "ready": ready,
        "wanted": wanted,
        "images": [container.get("image", "") for container in containers_of(one)],
        "restarts": restarts,
        "autoscaler": _bounds(scaler) if scaler else "",
        "release": owner[0] if owner else "",
        "warnings": warnings,
    }


def _ready(workload: Mapping[str, Any]) -> int:
    state = workload.get("status") or {}
    return int(state.get("numberReady" if workload["kind"] == "DaemonSet" else "readyReplicas") or 0)


def _states(pod: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (pod.get("status") or {}).get("containerStatuses") or ()


def _reasons(pods: Iterable[Mapping[str, Any]]) -> str:
    """Why pods wait, as Kubernetes names it."""
    found: list[str] = []
    for pod in pods:
        found += [
            reason
            for state in _states(pod)
            if (reason := ((state.get("state") or {}).get("waiting") or {}).get("reason", ""))
            not in ("", "ContainerCreating", "PodInitializing")
        ]
        found += [
            condition["reason"]
            for condition in (pod.get("status") or {}).get("conditions") or ()
            if condition["type"] == "PodScheduled" and condition["status"] == "False" and condition.get("reason")
        ]
    return f" ({', '.join(dict.fromkeys(found))})" if found else ""


def _bounds(scaler: Mapping[str, Any]) -> str:
    spec = scaler["spec"]
    return f"{spec.get('minReplicas', 1)}-{spec['maxReplicas']}"


def _release(one: store.Revision) -> dict[str, Any]:
    return {
        "namespace": one.namespace,
        "release": one.name,
        "chart": f"{one.chart_name} {one.chart_version}",
        "revision": one.revision,
        "status": one.status,
        "bad": one.status not in ("deployed", "superseded", "uninstalled"),
    }


def _ways_in(ctx: Context, ingress: Mapping[str, Any]) -> list[dict[str, str]]:
    """Addresses under which an Ingress answers; for a cluster made here as seen from this machine."""
    from tools.provision.made import all_records

    uid = ctx.cluster.uid()
    local = next((record.ingress for record in all_records() if record.uid == uid and record.ingress), "")
    meta, spec = ingress["metadata"], ingress["spec"]
    addresses = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    outside = next((one.get("hostname") or one.get("ip") or "" for one in addresses), "")
    scheme = "https" if spec.get("tls") else "http"
    ways: list[dict[str, str]] = []
    for rule in spec.get("rules") or ():
        host = rule.get("host", "")
        start = local or f"{scheme}://{host or outside or '<address of the ingress controller>'}"
        said = f" (host {host})" if host and local else ""
        for path in (rule.get("http") or {}).get("paths") or ():
            service = ((path.get("backend") or {}).get("service") or {}).get("name", "")
            url = f"{start}{path.get('path', '/')}"
            ways.append({"namespace": meta["namespace"], "url": url, "to": f"service {service}", "note": said})
    return ways


def _is_component(workload: Mapping[str, Any], name: str) -> bool:
    meta = workload["metadata"]
    return name in (meta["name"], (meta.get("labels") or {}).get("app.kubernetes.io/component"))


def _text(data: Mapping[str, Any], where: str) -> str:
    if not data["workloads"] and not data["releases"]:
        return f"Nothing runs {where}."
    lines: list[str] = []
    for one in data["releases"]:
        what = f"{one['chart']}, revision {one['revision']}, {one['status']}"
        lines.append(f"Release {one['release']} in {one['namespace']}: {what}")
    rows = [
        (
            one["namespace"], f"{one['kind'].lower()}/{one['name']}", f"{one['ready']}/{one['wanted']}",
            one["autoscaler"], str(one["restarts"]), ", ".join(one["images"]),
        )
        for one in data["workloads"]
    ]  # fmt: skip
    lines += ["", *_table(("NAMESPACE", "WORKLOAD", "READY", "AUTOSCALED", "RESTARTS", "IMAGES"), rows)]
    lines += [f"{one['url']} → {one['to']} in {one['namespace']}{one['note']}" for one in data["ways_in"]]
    lines += ["", *(f"! {text}" for text in data["warnings"])] if data["warnings"] else ["", "All of it is ready."]
    return "\n".join(lines).strip()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
