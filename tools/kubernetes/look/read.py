"""Looking at objects: lists, one object as YAML, the kinds that there are."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.look.conditions import Conditions, keep, read_condition
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.lookup import check_exists, get_one, not_found
from tools.kubernetes.look.pods import selector_text
from tools.kubernetes.look.tables import Row, Table, fetch_table, render, sort_rows
from tools.secrets.redact import redact_object, redact_text

_SELECTOR = re.compile(r"[A-Za-z0-9_./ ,=!()-]*\Z")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def list_objects(
    ctx: Context,
    *,
    kind: str,
    name: str | None = None,
    namespace: str | None = None,
    all_namespaces: bool = False,
    selector: str | None = None,
    sort_by: str | None = None,
    of: str | None = None,
    where: str | None = None,
    wide: bool = False,
    count: bool = False,
    limit: int = 200,
) -> Result:
    """List the objects of a kind as a table, like `kubectl get`.

    kind: any kind of the cluster (pods, deploy, Ingress, a custom resource), several with commas, or `all`.
    name: keep only names that contain this text, or match it where it has * or ?.
    selector: label selector such as app=web,tier!=db. sort_by: a column, or age; -column sorts backwards.
    of: only the pods of this workload or service. where: `ready`, `not ready`, or a column compared with a value, such
    as restarts>0, status=Pending, replicas>2, age<1h. wide: more columns. count: only how many there are.
    """
    if limit < 1:
        raise BadRequest("The limit must be at least 1.")
    if selector and not _SELECTOR.match(selector):
        raise BadRequest(f"{selector[:80]!r} is not a label selector.", "Write it like app=web,tier!=db.")
    resources = _resources(ctx, kind)
    place = None if all_namespaces else (namespace or ctx.cluster.namespace)
    condition = read_condition(where) if where else None
    if of:
        place, selector = _pods_of(ctx, of, namespace, selector)
    sections: list[str] = []
    items: list[dict[str, Any]] = []
    for resource in resources:
        whole = bool(name or sort_by or where or count)  # the fitting or first ones may be on any page
        table = fetch_table(
            ctx.cluster, resource, place, selector=selector or "", limit=0 if whole else limit, wide=wide
        )
        if name:
            table.rows = _named(ctx, name, table, resource, place)
        things = _things(resource, place, len(table.rows), of, selector)
        if condition and table.rows:
            total = len(table.rows)
            keep(table, condition)
            sections.append(_fitting(table, condition, total, things, place, count))
        elif count:
            sections.append(_counted(ctx, resource, place, table, things))
        else:
            if sort_by:
                sort_rows(table, sort_by)
            hidden = max(0, len(table.rows) - limit) + table.more
            table.rows = table.rows[:limit]
            things = _things(resource, place, len(table.rows), of, selector)
            if table.rows or len(resources) == 1:
                sections.append(_section(ctx, resource, place, table, hidden, things))
        items += [_item(resource, row, table.columns) for row in table.rows]
    text = "\n\n".join(sections) or f"There is nothing of that in {place or 'the cluster'}."
    return Result(text=redact_text(text), data=redact_object({"items": items}))


def _resources(ctx: Context, kind: str) -> list[Resource]:
    kinds = ctx.cluster.kinds
    if kind.strip().lower() == "all":
        return [item for item in kinds.all() if "all" in item.categories and "list" in item.verbs]
    found = [kinds.resolve(part.strip()) for part in kind.split(",") if part.strip()]
    if not found:
        raise BadRequest("No kind was given.", "Say which, for instance pods or deployments.")
    for resource in found:
        if "list" not in resource.verbs:
            raise BadRequest(f"{resource.full_name} cannot be listed.")
    return found


def _matches(pattern: str, name: str) -> bool:
    pattern = pattern.lower()
    return fnmatch.fnmatchcase(name, pattern) if set(pattern) & set("*?[") else pattern in name


def _named(ctx: Context, name: str, table: Table, resource: Resource, place: str | None) -> list[Row]:
    """The rows that the name fits; raises NotFound, with the nearest, when there is none."""
    fitting = [row for row in table.rows if _matches(name, row.name)]
    if fitting or set(name) & set("*?["):
        return fitting
    raise not_found(ctx, resource, name, place if resource.namespaced else None)


def _pods_of(ctx: Context, of: str, namespace: str | None, selector: str | None) -> tuple[str, str]:
    """Namespace and label selector of the pods of a workload, else of a service or job of that name."""
    try:
        found = find_workload(ctx, of, None, namespace)
    except NotFound:
        found = next(_others(ctx, of, namespace), None)
        if found is None:
            raise
    mine = found["spec"].get("selector") or {}
    text = selector_text(mine if found["kind"] != "Service" else {"matchLabels": mine})
    return found["metadata"]["namespace"], ",".join(filter(None, (text, selector)))


def _others(ctx: Context, name: str, namespace: str | None) -> Iterator[dict[str, Any]]:
    for kind in ("services", "jobs.batch"):
        resource = ctx.cluster.kinds.resolve(kind)
        try:
            found = ctx.cluster.read(resource.ref(name, namespace or ctx.cluster.namespace))
        except NotFound:
            continue
        yield {**found, "kind": resource.kind}


def _things(resource: Resource, place: str | None, count: int, of: str | None, selector: str | None) -> str:
    """`pods of api in namespace shop`."""
    whose = f" of {of}" if of else f" with {selector}" if selector else ""
    where = "" if not resource.namespaced else f" in namespace {place}" if place else " in all namespaces"
    return f"{resource.singular if count == 1 else resource.plural}{whose}{where}"


def _fitting(table: Table, condition: Conditions, total: int, things: str, place: str | None, count: bool) -> str:
    if not table.rows:
        return condition.none(total, things)
    if count:
        return f"{condition.some(len(table.rows), total, things)}."
    return f"{condition.some(len(table.rows), total, things)}:\n{_rendered(table, place)}"


def _counted(ctx: Context, resource: Resource, place: str | None, table: Table, things: str) -> str:
    """How many, and in which states they are where the kind has any."""
    if not table.rows:
        if resource.namespaced and place:
            check_exists(ctx, place)
        return f"There are no {things}."
    names = [name.lower() for name in table.columns]
    states = Counter(str(row.cells[names.index("status")]) for row in table.rows) if "status" in names else {}
    told = ", ".join(f"{number} {state}" for state, number in states.items())
    return f"{len(table.rows)} {things}{f' ({told})' if told else ''}."


def _rendered(table: Table, place: str | None) -> str:
    """The rows, with their namespaces when they are of several."""
    if place is None and any(row.namespace for row in table.rows):
        rows = [(row.namespace, *row.cells) for row in table.rows]
        return render(["Namespace", *table.columns], rows)
    return render(table.columns, [row.cells for row in table.rows])


def _section(ctx: Context, resource: Resource, place: str | None, table: Table, hidden: int, things: str) -> str:
    if not table.rows:
        if resource.namespaced and place:
            check_exists(ctx, place)
        return f"There are no {things}."
    number = len(table.rows)
    left_out = f" (the first {number}; {hidden} or more are not shown)" if hidden else ""
    return f"{number} {things}{left_out}:\n{_rendered(table, place)}"


def _item(resource: Resource, row: Row, columns: list[str]) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "api_version": resource.api_version,
        "name": row.name,
        "namespace": row.namespace or None,
        "created": row.metadata.get("creationTimestamp"),
        "labels": row.metadata.get("labels") or {},
        "columns": dict(zip(columns, row.cells, strict=True)),
    }


def get_object(ctx: Context, *, kind: str, name: str, namespace: str | None = None) -> Result:
    """Show one object completely, as YAML, without the server's bookkeeping and with secrets blanked out."""
    import yaml

    _, obj = get_one(ctx, kind, name, namespace)
    metadata: dict[str, Any] = obj["metadata"]
    metadata.pop("managedFields", None)
    annotations: dict[str, str] = metadata.get("annotations") or {}
    annotations.pop(_LAST_APPLIED, None)
    if not annotations:
        metadata.pop("annotations", None)
    clean = redact_object(obj)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(clean, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return Result(text=text.rstrip(), data=clean)


def list_kinds(ctx: Context) -> Result:
    """List the kinds of objects that this cluster knows, custom resources included, with their short names."""
    found = sorted(ctx.cluster.kinds.all(), key=lambda item: (item.group, item.plural))
    rows = [
        (item.plural, ",".join(item.short_names), item.api_version, item.namespaced, item.kind)
        for item in found
        if "list" in item.verbs
    ]
    data = [dict(zip(("plural", "short", "api_version", "namespaced", "kind"), row, strict=True)) for row in rows]
    return Result(text=render(("name", "short names", "api version", "namespaced", "kind"), rows), data=data)
