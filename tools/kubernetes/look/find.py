"""Find the workload that a person means by a short name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.context import Context
from tools.errors import BadRequest, Forbidden, NeedsAnswer, NotFound
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.look.lookup import check_exists, nearest
from tools.kubernetes.names import check_name, check_namespace

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
COMPONENT = "app.kubernetes.io/component"
INSTANCE = "app.kubernetes.io/instance"


def find_workload(ctx: Context, name: str, kind: str | None = None, namespace: str | None = None) -> dict[str, Any]:
    """The live Deployment, StatefulSet or DaemonSet called `name` (also `deployment/name`), complete with its kind.

    A name is the object's own, a component label's or the part after `<release>-`. Without a namespace (neither here
    nor by -n) the one that the conversation last dealt with comes first, then all are searched; raises NeedsAnswer
    when several have one, NotFound when none.
    """
    prefix, slash, rest = name.partition("/")
    kind, name = (prefix, rest) if slash else (kind, name)
    check_name(name)
    place = namespace or ctx.namespace
    if place:
        check_namespace(place)
    kinds = _wanted_kinds(ctx, kind)
    found: list[dict[str, Any]] = []
    everything: list[dict[str, Any]] = []
    if not place and ctx.recent:
        found = matching(_search(ctx, kinds, ctx.recent), name)
    if not found:
        found = _search(ctx, kinds, place, fields=f"metadata.name={name}")
        if not place:
            found += _search(ctx, kinds, place, selector=f"{COMPONENT}={name}")
    if not found:
        everything = _search(ctx, kinds, place)
        found = matching(everything, name)
    if not found:
        raise _not_found(ctx, name, kinds, place, everything)
    return _the_one(list({obj["metadata"]["uid"]: obj for obj in found}.values()), name, ctx.cluster.namespace)


def matching(workloads: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The workloads that `name` can stand for, by the first way of naming that finds any."""
    ways = (
        lambda obj: obj["metadata"]["name"] == name,
        lambda obj: _labels(obj).get(COMPONENT) == name,
        lambda obj: obj["metadata"]["name"] == f"{_labels(obj).get(INSTANCE)}-{name}",
        lambda obj: obj["metadata"]["name"].endswith(f"-{name}"),
    )
    for way in ways:
        if found := [obj for obj in workloads if way(obj)]:
            return found
    return []


def _labels(obj: Mapping[str, Any]) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _wanted_kinds(ctx: Context, kind: str | None) -> tuple[str, ...]:
    if kind is None:
        return KINDS
    resolved = ctx.cluster.kinds.resolve(kind).kind
    if resolved not in KINDS:
        raise BadRequest(f"A {resolved} is not a workload of this kind.", f"Choose one of {', '.join(KINDS)}.")
    return (resolved,)


def _search(
    ctx: Context, kinds: tuple[str, ...], place: str | None, *, fields: str = "", selector: str = ""
) -> list[dict[str, Any]]:
    """What may be seen of these kinds; raises Forbidden when none of them may be."""
    found: list[dict[str, Any]] = []
    denied: list[Forbidden] = []
    for kind in kinds:
        resource = ctx.cluster.kinds.resolve(f"{kind.lower()}s.apps")
        try:
            found += _visible(ctx, resource, place, fields, selector)
        except Forbidden as error:
            denied.append(error)
    if len(denied) == len(kinds):
        raise denied[0]
    return found


def _visible(ctx: Context, resource: Resource, place: str | None, fields: str, selector: str) -> list[dict[str, Any]]:
    """Those of one kind; where not all namespaces may be listed, those of the present one."""
    try:
        return list(ctx.cluster.list(resource, place, fields=fields, selector=selector))
    except Forbidden:
        if place:
            raise
        return list(ctx.cluster.list(resource, ctx.cluster.namespace, fields=fields, selector=selector))


def _the_one(found: list[dict[str, Any]], name: str, home: str) -> dict[str, Any]:
    if len(found) == 1:
        return found[0]
    spaces = sorted({obj["metadata"]["namespace"] for obj in found}, key=lambda space: (space != home, space))
    if len(spaces) > 1:
        raise NeedsAnswer(f"{name} exists in several namespaces. Which one?", tuple(spaces), slot="namespace")
    options = tuple(f"{obj['kind'].lower()}/{obj['metadata']['name']}" for obj in found)
    raise NeedsAnswer(f"{name} could be several workloads in {spaces[0]}. Which one?", options, slot="name")


def _not_found(
    ctx: Context, name: str, kinds: tuple[str, ...], place: str | None, everything: list[dict[str, Any]]
) -> NotFound:
    check_exists(ctx, place)
    where = f"in namespace {place}" if place else "in the cluster"
    what = kinds[0].lower() if len(kinds) == 1 else "workload"
    names = sorted({obj["metadata"]["name"] for obj in everything})
    near = nearest(name, names)
    hint = "There is none at all."
    if near:
        hint = f"Did you mean {' or '.join(near)}?"
    elif names:
        hint = f"There are: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}."
    return NotFound(f"There is no {what} {name!r} {where}.", hint)
