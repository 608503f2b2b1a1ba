"""What containers wrote: of a pod, or of all pods of a workload, in the order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, NotFound, ShipmateError
from tools.kubernetes.door.paths import check_name
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.lookup import check_exists, get_one, nearest, split_name
from tools.kubernetes.look.pods import container_state, containers, pods_of
from tools.kubernetes.quantity import parse_duration
from tools.secrets.redact import redact_text

_MOST_PODS = 20
_MOST_LINES = 5000
_SEARCHED_LINES = 20_000  # how far back a grep looks in each container
_MOST_BYTES = 4 * 1024 * 1024
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

Object = dict[str, Any]


@dataclass(frozen=True)
class _Source:
    """One container to be read."""

    pod: str
    namespace: str
    container: str
    state: str
    restarts: int


def logs(
    ctx: Context,
    *,
    name: str,
    kind: str | None = None,
    namespace: str | None = None,
    container: str | None = None,
    previous: bool = False,
    since: str | None = None,
    tail: int = 100,
    grep: str | None = None,
) -> Result:
    """Show the log of a pod, or of all pods of a workload, service or component (backend, deployment/backend, a pod).

    previous: of the run before the last restart. since: no older than this, such as 10m or 2h.
    tail: how many of the last lines in all. grep: only lines with this regular expression or text, any case.
    """
    if not 1 <= tail <= _MOST_LINES:
        raise BadRequest(f"The number of lines must be between 1 and {_MOST_LINES}.")
    if container:
        check_name(container)
    title, pods = _find_pods(ctx, kind, name, namespace)
    sources = [source for pod in pods[:_MOST_PODS] for source in _sources(pod, container)]
    if not sources:
        return Result(text=f"{title} has no pods, so there are no logs.", data={"lines": [], "notes": []})
    query: dict[str, Any] = {"previous": previous, "limitBytes": _MOST_BYTES, "timestamps": True}
    query["tailLines"] = _SEARCHED_LINES if grep else tail
    if since:
        query["sinceSeconds"] = max(1, int(parse_duration(since)))
    lines, notes = _read_all(ctx, sources, query)
    if len(pods) > _MOST_PODS:
        notes.append(f"Only the first {_MOST_PODS} of {len(pods)} pods were read.")
    if grep:
        wanted = _pattern(grep)
        lines = [line for line in lines if wanted.search(line[2])]
    found = len(lines)
    lines = lines[-tail:]
    several = len(sources) > 1
    shown = [f"[{_label(source, sources)}] {text}" if several else text for _, source, text in lines]
    head = _head(title, sources, found, len(lines), previous=previous, since=since, grep=grep)
    text = redact_text("\n".join([head, *shown, *(f"Note: {note}" for note in notes)]))
    data = {
        "lines": [
            {"time": time, "pod": source.pod, "container": source.container, "text": redacted}
            for (time, source, _), redacted in zip(lines, _redacted_lines(lines), strict=True)
        ],
        "notes": [redact_text(note) for note in notes],
    }
    return Result(text=text, data=data)


def _redacted_lines(lines: list[tuple[str, _Source, str]]) -> list[str]:
    """All lines at once, since a private key runs over several; it may then take fewer lines, hence the second way."""
    together = redact_text("\n".join(text for _, _, text in lines)).split("\n")
    return together if len(together) == len(lines) else [redact_text(text) for _, _, text in lines]


# --- Which pods -------------------------------------------------------------------------------------------------


def _find_pods(ctx: Context, kind: str | None, name: str, namespace: str | None) -> tuple[str, list[Object]]:
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


def _sources(pod: Object, container: str | None) -> list[_Source]:
    known = containers(pod)
    names = [spec["name"] for _, spec, _ in known]
    if container and container not in names:
        raise NotFound(
            f"The pod {pod['metadata']['name']} has no container {container!r}.", f"There are: {', '.join(names)}."
        )
    chosen = [container] if container else _main_containers(pod)
    return [
        _Source(
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


# --- Reading ----------------------------------------------------------------------------------------------------


def _read_all(
    ctx: Context, sources: Iterable[_Source], query: Mapping[str, Any]
) -> tuple[list[tuple[str, _Source, str]], list[str]]:
    """The lines of all containers by time, and what could not be read."""
    lines: list[tuple[str, _Source, str]] = []
    notes: list[str] = []
    for source in sources:
        path = f"/api/v1/namespaces/{source.namespace}/pods/{source.pod}/log"
        try:
            raw = ctx.cluster.get_raw(path, accept="*/*", container=source.container, **query)
        except ShipmateError as error:
            notes.append(_why_not(source, error, previous=bool(query["previous"])))
            continue
        if raw.startswith(_NO_LONGER_KEPT):
            notes.append(f"{source.pod}/{source.container}: its log is no longer kept by the node.")
            continue
        last = ""
        for line in raw.decode("utf-8", "replace").splitlines():
            stamp, _, text = line.partition(" ")
            if not _STAMP.match(stamp):  # the tail of a line that was cut off by the size limit
                stamp, text = last, line
            last = stamp
            lines.append((stamp, source, text))
    lines.sort(key=lambda line: _sortable(line[0]))
    return lines, notes


_NO_LONGER_KEPT = b"unable to retrieve container logs for"  # the kubelet says so with status 200
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\Z")


def _sortable(stamp: str) -> str:
    """Times of unequal precision compare as text once their fractions are equally long."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


def _why_not(source: _Source, error: ShipmateError, *, previous: bool) -> str:
    what = f"{source.pod}/{source.container}"
    if previous and "previous terminated container" in error.message.lower():
        return f"{what} has not been restarted, so there is no earlier log."
    if source.state != "running" and "waiting to start" in error.message.lower():
        return f"{what} has not started ({source.state}), so it has no log yet."
    return f"{what}: {error.message}"


def _pattern(grep: str) -> re.Pattern[str]:
    try:
        return re.compile(grep, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(grep), re.IGNORECASE)


def _label(source: _Source, sources: Iterable[_Source]) -> str:
    alone = sum(other.pod == source.pod for other in sources) == 1
    return source.pod if alone else f"{source.pod}/{source.container}"


def _head(
    title: str, sources: list[_Source], found: int, shown: int, *, previous: bool, since: str | None, grep: str | None
) -> str:
    pods = len({source.pod for source in sources})
    where = title if title.startswith("pod ") else f"{title} ({pods} pod{'s' if pods != 1 else ''})"
    extra = (" before the last restart" if previous else "") + (f" in the last {since}" if since else "")
    matching = f" that match {grep!r}" if grep else ""
    if not found:
        return f"No lines{matching} in the log of {where}{extra}."
    count = f"The last {shown} of {found} lines" if shown < found else f"{shown} line{'s' if shown != 1 else ''}"
    return f"{count}{matching} of {where}{extra}:"
