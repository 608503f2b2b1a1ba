"""Looking at objects: lists, one object as YAML, the kinds that there are."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.look.conditions import Conditions, keep, read_condition
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.forms import Form, counted, grouped, shaped
from tools.kubernetes.look.lookup import check_exists, get_one, not_found
from tools.kubernetes.look.order import needs_objects, put_in_order
from tools.kubernetes.look.pods import selector_text
from tools.kubernetes.look.tables import Row, Table, fetch_table, render
from tools.kubernetes.look.traits import trait
from tools.kubernetes.look.world import World
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
    where: str | list[str] | None = None,
    wide: bool = False,
    count: bool = False,
    per: str | None = None,
    form: Form = "table",
    line: str | None = None,
    limit: int = 200,
) -> Result:
    """List the objects of a kind as a table, like `kubectl get`, or judge them by a rule (an audit).

    kind: any kind of the cluster (pods, deploy, Ingress, a custom resource), several with commas, or `all`.
    name: keep only names that contain this text, or match it where it has * or ?.
    selector: label selector such as app=web,tier!=db. of: only the pods of this workload or service.
    where: conditions that must all hold: `ready`, `not ready`, a column compared with a value (restarts>0,
    status=Pending, replicas>2, age<1h), `FACT` or `no FACT` (no memory limit, no readiness probe, latest, root,
    privileged, no endpoints, unused, no tls, cordoned, pressure, failed, suspended, at maximum, no label team),
    a fact compared (memory limit>1Gi, registry!=ghcr.io, image~nginx, type=LoadBalancer), a path (.spec.size>3);
    `A or B` within one. sort_by: column, age, memory, cpu or a fact; -column sorts backwards.
    count: only how many; per: counted for each namespace, node, status or fact. wide: more columns.
    form: table, lines (`line` with {kind} {namespace} {name} {why}), names, json, yaml.
    """
    if limit < 1:
        raise BadRequest("The limit must be at least 1.")
    if selector and not _SELECTOR.match(selector):
        raise BadRequest(f"{selector[:80]!r} is not a label selector.", "Write it like app=web,tier!=db.")
    resources = _resources(ctx, kind)
    asked = Asked(
        place=None if all_namespaces else (namespace or ctx.cluster.namespace), name=name, selector=selector or "",
        sort_by=sort_by, of=of, condition=read_condition(where) if where else None, wide=wide, count=count, per=per,
        form=form, line=line, limit=limit,
    )  # fmt: skip
    if of:
        asked.place, asked.selector = _pods_of(ctx, of, namespace, selector)
    sections: list[str] = []
    items: list[dict[str, Any]] = []
    for resource in resources:
        text, found = _listed(ctx, resource, asked, single=len(resources) == 1)
        sections += [text] if text else []
        items += found
    text = "\n\n".join(sections) or f"There is nothing of that in {asked.place or 'the cluster'}."
    return Result(text=redact_text(text), data=redact_object({"items": items}))


@dataclass
class Asked:
    """The arguments of one list, checked; `place` None stands for all namespaces."""

    place: str | None
    name: str | None
    selector: str
    sort_by: str | None
    of: str | None
    condition: Conditions | None
    wide: bool
    count: bool
    per: str | None
    form: Form
    line: str | None
    limit: int


def _listed(ctx: Context, resource: Resource, asked: Asked, single: bool) -> tuple[str, list[dict[str, Any]]]:
    """One kind: its text, and its items as data."""
    place, by = asked.place, asked.sort_by
    # the fitting or first ones may be on any page
    whole = bool(asked.name or by or asked.condition or asked.count or asked.per)
    table = fetch_table(
        ctx.cluster,
        resource,
        place,
        selector=asked.selector,
        limit=0 if whole else asked.limit,
        wide=asked.wide or bool(asked.per),
    )
    if asked.name:
        try:
            table.rows = _named(ctx, asked.name, table, resource, place)
        except NotFound as error:  # that there is none is an answer to a question for objects of that name
            return " ".join(filter(None, (error.message, error.next_step))), []
    total, world, objects = len(table.rows), World(ctx, place), _objects(ctx, resource, asked, table)
    why = keep(table, asked.condition, objects, world) if asked.condition and table.rows else {}
    note = put_in_order(ctx, table, by, objects, place) if by and table.rows else ""
    hidden = max(0, len(table.rows) - asked.limit) + table.more
    counts = grouped(table, asked.per, objects, world) if asked.per else {}
    found = len(table.rows)
    if not asked.count and not asked.per:
        table.rows = table.rows[: asked.limit]
    items = [_item(resource, row, table.columns, why) for row in table.rows]
    told = _things(resource, place, total if asked.condition else len(table.rows), asked.of, asked.selector or None)
    if asked.form != "table" and items and not asked.count and not asked.per:
        return shaped(items, asked.form, asked.line, place is None), items
    if not total:
        return _section(ctx, resource, place, table, hidden, told) if single or asked.count else "", items
    if asked.condition and not found:
        return asked.condition.none(total, told), items
    head = asked.condition.some(found, total, told) if asked.condition else ""
    if asked.per:
        return f"{head or f'{found} {told}'}, per {asked.per}:\n{counted(counts, asked.per)}", items
    if asked.count:
        return f"{head}." if head else _counted(ctx, resource, place, table, told), items
    if head:
        shown = f" (the first {len(table.rows)})" if hidden else ""
        return "\n".join(filter(None, (f"{head}{shown}:", _rendered(table, place, why), note))), items
    return "\n".join(filter(None, (_section(ctx, resource, place, table, hidden, told), note))), items


def _objects(ctx: Context, resource: Resource, asked: Asked, table: Table) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects themselves, where cells are not enough; without secret values, which no rule may try out."""
    needed = (asked.condition and asked.condition.of_objects) or (asked.sort_by and needs_objects(table, asked.sort_by))
    if not (needed or (asked.per and trait(asked.per))):
        return {}
    found = ctx.cluster.list(resource, asked.place if resource.namespaced else None, selector=asked.selector)
    return {(one["metadata"].get("namespace") or "", one["metadata"]["name"]): redact_object(one) for one in found}


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


def _rendered(table: Table, place: str | None, why: dict[tuple[str, str], str] | None = None) -> str:
    """The rows, with their namespaces when they are of several, and with why they are listed where that says more."""
    if why and any(why.get((row.namespace, row.name)) for row in table.rows):
        rows = [replace(row, cells=(*row.cells, why[row.namespace, row.name])) for row in table.rows]
        table = Table([*table.columns, "Why"], rows)
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


def _item(resource: Resource, row: Row, columns: list[str], why: dict[tuple[str, str], str]) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "api_version": resource.api_version,
        "name": row.name,
        "namespace": row.namespace or None,
        "created": row.metadata.get("creationTimestamp"),
        "labels": row.metadata.get("labels") or {},
        **({"why": reason} if (reason := why.get((row.namespace, row.name))) else {}),
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
