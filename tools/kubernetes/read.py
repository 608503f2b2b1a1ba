"""Looking at objects: lists, one object as YAML, the kinds that there are."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.kubernetes.kinds import Resource
from tools.kubernetes.lookup import check_exists, get_one, nearest
from tools.kubernetes.tables import Row, Table, fetch_table, render, sort_rows
from tools.redact import redact_object, redact_text

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
    limit: int = 200,
) -> Result:
    """List the objects of a kind as a table, like `kubectl get`.

    kind: any kind of the cluster (pods, deploy, Ingress, a custom resource), several with commas, or `all`.
    name: keep only names that contain this text, or match it where it has * or ?.
    selector: label selector such as app=web,tier!=db. sort_by: a column, or age; -column sorts backwards.
    """
    if limit < 1:
        raise BadRequest("The limit must be at least 1.")
    if selector and not _SELECTOR.match(selector):
        raise BadRequest(f"{selector[:80]!r} is not a label selector.", "Write it like app=web,tier!=db.")
    resources = _resources(ctx, kind)
    place = None if all_namespaces else (namespace or ctx.cluster.namespace)
    sections: list[str] = []
    items: list[dict[str, Any]] = []
    for resource in resources:
        whole = bool(name or sort_by)  # the fitting or first ones may be on any page
        table = fetch_table(ctx.cluster, resource, place, selector=selector or "", limit=0 if whole else limit)
        if name:
            table.rows = [row for row in table.rows if _matches(name, row.name)] or _none_match(name, table, resource)
        if sort_by:
            sort_rows(table, sort_by)
        hidden = max(0, len(table.rows) - limit) + table.more
        table.rows = table.rows[:limit]
        if table.rows or len(resources) == 1:
            sections.append(_section(ctx, resource, place, table, hidden, selector))
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


def _none_match(name: str, table: Table, resource: Resource) -> list[Row]:
    near = nearest(name, [row.name for row in table.rows])
    if near:
        raise NotFound(f"No {resource.plural} are called {name!r}.", f"Did you mean {' or '.join(near)}?")
    return []


def _section(
    ctx: Context, resource: Resource, place: str | None, table: Table, hidden: int, selector: str | None
) -> str:
    where = "" if not resource.namespaced else f" in namespace {place}" if place else " in all namespaces"
    with_labels = f" with {selector}" if selector else ""
    if not table.rows:
        if resource.namespaced and place:
            check_exists(ctx, place)
        return f"There are no {resource.plural}{with_labels}{where}."
    columns, rows = table.columns, [row.cells for row in table.rows]
    if resource.namespaced and place is None:
        columns, rows = ["Namespace", *columns], [(row.namespace, *row.cells) for row in table.rows]
    count = f"{len(rows)} {resource.plural if len(rows) != 1 else resource.singular}"
    left_out = f" (the first {len(rows)}; {hidden} or more are not shown)" if hidden else ""
    return f"{count}{with_labels}{where}{left_out}:\n{render(columns, rows)}"


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
