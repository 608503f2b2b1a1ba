"""The order of a list: by a column, by age, by what is used right now, or by any trait that has a size."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tools.context import Context
from tools.errors import BadRequest, Failed
from tools.kubernetes.look.conditions import Objects, told
from tools.kubernetes.look.tables import Row, Table, size_of, sort_rows
from tools.kubernetes.look.top import pod_usage
from tools.kubernetes.look.traits import Trait, pod_spec, trait
from tools.kubernetes.look.world import World, selects
from tools.kubernetes.quantity import format_quantity, parse

_USED = {"memory": "memory_bytes", "cpu": "cpu_cores"}
_MEBIBYTE = 2**20


def needs_objects(table: Table, by: str) -> bool:
    """Whether the cells of the table are not enough to sort by this."""
    wanted = by.lstrip("-").strip().lower()
    columns = {name.lower() for name in table.columns} | {"age", "created", "creation", "namespace"}
    return wanted not in columns and (wanted in (*_USED, "replicas") or trait(by.lstrip("-").strip()) is not None)


def put_in_order(ctx: Context, table: Table, by: str, objects: Objects, place: str | None) -> str:
    """Sort the rows, with a column more for what they are sorted by; returns a note on it, mostly empty."""
    if not needs_objects(table, by):
        sort_rows(table, by)
        return ""
    wanted = by.lstrip("-").strip()
    if wanted.lower() == "replicas":
        sizes: dict[tuple[str, str], Any] = {
            key: (obj.get("spec") or {}).get("replicas", 1) for key, obj in objects.items()
        }
        note = ""
    elif wanted.lower() in _USED:
        sizes, wanted, note = _used(ctx, objects, wanted.lower(), place)
    else:
        own = trait(wanted)
        if own is None:
            raise BadRequest(f"There is nothing called {wanted!r} to sort by.")
        world = World(ctx, place)
        sizes, note = {key: _largest(own, obj, world) for key, obj in objects.items()}, ""
    table.columns = [*table.columns, wanted]
    table.rows = [
        Row(row.name, row.namespace, (*row.cells, _cell(sizes.get((row.namespace, row.name)))), row.metadata)
        for row in table.rows
    ]
    known = [row for row in table.rows if sizes.get((row.namespace, row.name)) is not None]
    unknown = [row for row in table.rows if sizes.get((row.namespace, row.name)) is None]
    known.sort(key=lambda row: size_of(sizes[row.namespace, row.name]), reverse=by.startswith("-"))
    table.rows = known + unknown  # what has no such size comes last either way
    return note


def _largest(own: Trait, obj: Mapping[str, Any], world: World) -> Any:
    values = [found.value for found in own.read(obj, world) if found.value not in (None, "")]
    return max(values, key=size_of, default=None)


def _used(ctx: Context, objects: Objects, what: str, place: str | None) -> tuple[dict[tuple[str, str], Any], str, str]:
    """What each object's pods use now; where nothing is measured, what they request."""
    try:
        measured = {(one["namespace"], one["name"]): one[_USED[what]] for one in pod_usage(ctx, place)}
    except Failed:
        sizes = {key: _requested(obj, what) for key, obj in objects.items()}
        return sizes, f"{what} requested", f"Nothing is measured here, so this is what a pod requests of {what}."
    pods = list(ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), place))
    sizes: dict[tuple[str, str], Any] = {}
    for key, obj in objects.items():
        own = [key] if obj.get("kind") == "Pod" else [_key(pod) for pod in pods if _is_of(pod, obj)]
        amounts = [measured[one] for one in own if one in measured]
        sizes[key] = _written(sum(amounts), what) if amounts else None
    return sizes, f"{what} used", ""


def _written(amount: float, what: str) -> str:
    return f"{round(amount / _MEBIBYTE)}Mi" if what == "memory" else f"{round(amount * 1000)}m"


def _requested(obj: Mapping[str, Any], what: str) -> str | None:
    asked = [
        ((item.get("resources") or {}).get("requests") or {}).get(what)
        for item in pod_spec(obj).get("containers") or ()
    ]
    total = sum((parse(one) for one in asked if one), Decimal(0))
    return format_quantity(total, "binary" if what == "memory" else "decimal") if total else None


def _key(obj: Mapping[str, Any]) -> tuple[str, str]:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _is_of(pod: Mapping[str, Any], obj: Mapping[str, Any]) -> bool:
    """Whether a pod is on this node or is selected by this workload or service."""
    if obj.get("kind") == "Node":
        return (pod.get("spec") or {}).get("nodeName") == obj["metadata"]["name"]
    selector: Mapping[str, Any] = (obj.get("spec") or {}).get("selector") or {}
    selector = {"matchLabels": selector} if obj.get("kind") == "Service" else selector
    same = pod["metadata"].get("namespace") == obj["metadata"].get("namespace")
    return bool(selector) and same and selects(selector, pod["metadata"].get("labels") or {})


def _cell(value: Any) -> str:
    return "-" if value is None else told(value)
