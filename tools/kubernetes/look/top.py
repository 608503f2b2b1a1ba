"""What pods and nodes use right now, as metrics-server measures it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from tools.catalog import Result
from tools.context import Context
from tools.errors import Failed, NotFound, Unreachable
from tools.kubernetes.look.lookup import check_exists, nearest
from tools.kubernetes.look.tables import render
from tools.kubernetes.quantity import parse

_METRICS = "/apis/metrics.k8s.io/v1beta1"
_MEBIBYTE = 2**20

Usage = dict[str, Any]


def top(
    ctx: Context,
    *,
    what: Literal["pods", "nodes"] = "pods",
    namespace: str | None = None,
    all_namespaces: bool = False,
    name: str | None = None,
    sort_by: Literal["cpu", "memory", "name"] = "cpu",
) -> Result:
    """Show how much CPU and memory pods or nodes use now, and the share of requests and limits (nodes: of room).

    name: only those whose name contains this text. sort_by: cpu and memory put the largest first.
    """
    place = None if all_namespaces or what == "nodes" else (namespace or ctx.cluster.namespace)
    found = _nodes(ctx) if what == "nodes" else pod_usage(ctx, place)
    if name:
        fitting = [item for item in found if name.lower() in item["name"]]
        if not fitting and (near := nearest(name, [item["name"] for item in found])):
            raise NotFound(f"No {what} called {name!r} are measured.", f"Did you mean {' or '.join(near)}?")
        found = fitting
    found.sort(key=lambda item: item["name"] if sort_by == "name" else -item[_FIELDS[sort_by]])
    where = "" if what == "nodes" else f" in namespace {place}" if place else " in all namespaces"
    if not found:
        check_exists(ctx, place)
        return Result(text=f"No {what} are measured{where} (new ones take a minute).", data={"items": []})
    named = ["namespace", "name"] if what == "pods" and place is None else ["name"]
    rows = [[*(item[column] for column in named), *_cells(item)] for item in found]
    of = ("of room",) if what == "nodes" else ("of request", "of limit")
    text = render((*named, "cpu", *of, "memory", *of), rows)
    total = f"Together {_millicores(sum(item['cpu_cores'] for item in found))} CPU, "
    total += f"{_mebibytes(sum(item['memory_bytes'] for item in found))} memory."
    if too_much := [item["name"] for item in found if _asks_too_much(item)]:
        total += f" More than twice the memory in use is requested by: {', '.join(too_much)}."
    return Result(
        text=f"{len(found)} {what if len(found) > 1 else what[:-1]}{where}:\n{text}\n{total}", data={"items": found}
    )


_FIELDS = {"cpu": "cpu_cores", "memory": "memory_bytes"}


def pod_usage(ctx: Context, namespace: str | None) -> list[Usage]:
    """What each measured pod uses, with its limits and requests. Raises Failed where nothing is measured."""
    cluster = ctx.cluster
    limits = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["spec"]
        for pod in cluster.list(cluster.kinds.resolve("pods"), namespace)
    }
    path = f"{_METRICS}/namespaces/{namespace}/pods" if namespace else f"{_METRICS}/pods"
    found: list[Usage] = []
    for item in _measured(ctx, path):
        metadata = item["metadata"]
        spec: Mapping[str, Any] | None = limits.get((metadata["namespace"], metadata["name"]))
        if spec is None:
            continue  # gone since it was measured
        amounts = [container["usage"] for container in item["containers"]]
        found.append(
            {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                **_amounts(amounts),
                "cpu_of": _amount(spec, "limits", "cpu"),
                "memory_of": _amount(spec, "limits", "memory"),
                "cpu_requested": _amount(spec, "requests", "cpu"),
                "memory_requested": _amount(spec, "requests", "memory"),
            }
        )
    return found


def _nodes(ctx: Context) -> list[Usage]:
    cluster = ctx.cluster
    nodes = {node["metadata"]["name"]: node for node in cluster.list(cluster.kinds.resolve("nodes"))}
    found: list[Usage] = []
    for item in _measured(ctx, f"{_METRICS}/nodes"):
        name = item["metadata"]["name"]
        if name not in nodes:
            continue
        room: Mapping[str, str] = nodes[name]["status"].get("allocatable") or {}
        found.append(
            {
                "name": name,
                **_amounts([item["usage"]]),
                "cpu_of": float(parse(room.get("cpu", 0))),
                "memory_of": int(parse(room.get("memory", 0))),
            }
        )
    return found


def _measured(ctx: Context, path: str) -> list[dict[str, Any]]:
    try:
        return ctx.cluster.get(path).get("items") or []
    except (NotFound, Unreachable) as error:
        if isinstance(error, Unreachable) and "HTTP 503" not in error.message:
            raise
        raise Failed(
            "The cluster measures nothing: the metrics API does not answer.",
            "Install metrics-server, or wait a minute if it has just started.",
        ) from error


def _amounts(usages: list[dict[str, str]]) -> Usage:
    total = {name: sum((parse(usage.get(name, 0)) for usage in usages), Decimal(0)) for name in ("cpu", "memory")}
    return {"cpu_cores": round(float(total["cpu"]), 4), "memory_bytes": int(total["memory"])}


def _amount(spec: Mapping[str, Any], side: str, name: str) -> float:
    """What the containers of a pod may use, or request, together; 0 when one of them does not say."""
    said = [((item.get("resources") or {}).get(side) or {}).get(name) for item in spec["containers"]]
    return float(sum((parse(one) for one in said if one), Decimal(0))) if all(said) else 0.0


def _asks_too_much(item: Usage) -> bool:
    """Whether a pod requests more than twice of what it uses, by an amount that matters."""
    asked, used = item.get("memory_requested", 0), item["memory_bytes"]
    return asked > 2 * used and asked - used > 64 * _MEBIBYTE


def _cells(item: Usage) -> list[str]:
    cells: list[str] = []
    for name, show in (("cpu", _millicores), ("memory", _mebibytes)):
        used = item[_FIELDS[name]]
        asked = [_share(used, item[f"{name}_requested"])] if f"{name}_requested" in item else []
        cells += [show(used), *asked, _share(used, item[f"{name}_of"])]
    return cells


def _share(part: float, whole: float) -> str:
    return f"{round(100 * part / whole)}%" if whole else "-"


def _millicores(cores: float) -> str:
    return f"{round(cores * 1000)}m"


def _mebibytes(size: float) -> str:
    return f"{round(size / _MEBIBYTE)}Mi"
