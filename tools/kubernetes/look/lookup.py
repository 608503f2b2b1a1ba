"""Find the one object that a name means, and say what there is instead when it means none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tools.context import Context
from tools.errors import BadRequest, Forbidden, NotFound
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.door.paths import check_name, check_namespace

_MOST_NAMES = 8

Object = dict[str, Any]


def split_name(kind: str | None, name: str) -> tuple[str | None, str]:
    """Take `deploy/backend` apart; a kind given by itself as well must be the same word."""
    prefix, slash, rest = name.partition("/")
    if not slash:
        return kind, name
    if not prefix or not rest:
        raise BadRequest(f"{name[:80]!r} is not a name.", "Write it like backend or deployment/backend.")
    return prefix, rest


def get_one(ctx: Context, kind: str, name: str, namespace: str | None) -> tuple[Resource, Object]:
    """The kind and the live object; raises NotFound that names the nearest, in other namespaces too."""
    kind_given, name = split_name(kind, name)
    cluster = ctx.cluster
    resource = cluster.kinds.resolve(kind_given or kind)
    place = (namespace or cluster.namespace) if resource.namespaced else None
    check_name(name, resource.group)
    try:
        return resource, cluster.read(resource.ref(name, place))
    except NotFound as error:
        raise not_found(ctx, resource, name, place) from error


def not_found(ctx: Context, resource: Resource, name: str, namespace: str | None) -> NotFound:
    """The error for a name that does not exist, with the nearest that do."""
    check_exists(ctx, namespace)
    kind = resource.kind.lower()
    where = f" in namespace {namespace}" if namespace else ""
    message = f"There is no {kind} {name!r}{where}."
    names = _names(ctx, resource, None)
    elsewhere = sorted({place for place, found in names if found == name})
    if elsewhere:
        return NotFound(message, f"There is one in {_listed(elsewhere, 'and')} (-n {elsewhere[0]}).")
    here = sorted({found for place, found in names if not namespace or place == namespace})
    near = nearest(name, here)
    if near:
        return NotFound(message, f"Did you mean {_listed(near, 'or')}?")
    far = [f"{found} in {place}" for place, found in names if found in nearest(name, [item for _, item in names])]
    if far and namespace:
        return NotFound(message, f"Did you mean {_listed(far[:3], 'or')}?")
    if here:
        more = ", …" if len(here) > _MOST_NAMES else ""
        return NotFound(message, f"There are: {', '.join(here[:_MOST_NAMES])}{more}.")
    return NotFound(message, f"There are no {resource.plural} at all{where}.")


def nearest(name: str, names: Sequence[str], limit: int = 3) -> list[str]:
    """The names that are spelled or begin much like this one, best first."""
    from rapidfuzz import fuzz, process

    found = process.extract(name.lower(), list(dict.fromkeys(names)), scorer=fuzz.WRatio, limit=limit, score_cutoff=70)
    return [match for match, _, _ in found]


def check_exists(ctx: Context, namespace: str | None) -> None:
    """Raise NotFound, with the nearest that exist, unless there is such a namespace."""
    if not namespace:
        return
    cluster = ctx.cluster
    check_namespace(namespace)
    resource = cluster.kinds.resolve("namespaces")
    try:
        cluster.get(cluster.path(resource.ref(namespace)))
    except Forbidden:
        return  # whoever may not look at namespaces may still look into one
    except NotFound as error:
        names = [item["metadata"]["name"] for item in _visible(ctx, resource, None)]
        near = nearest(namespace, names)
        hint = f"Did you mean {_listed(near, 'or')}?" if near else f"There are: {', '.join(names[:_MOST_NAMES])}."
        raise NotFound(f"There is no namespace {namespace!r}.", hint) from error


def _names(ctx: Context, resource: Resource, namespace: str | None) -> list[tuple[str, str]]:
    return [
        (item["metadata"].get("namespace") or "", item["metadata"]["name"])
        for item in _visible(ctx, resource, namespace)
    ]


def _visible(ctx: Context, resource: Resource, namespace: str | None) -> Iterable[Object]:
    """What this user may list: everything, else what is in the present namespace, else nothing."""
    cluster = ctx.cluster
    for place in dict.fromkeys((namespace, cluster.namespace)):
        try:
            return list(cluster.list(resource, place, metadata_only=True))
        except Forbidden:
            continue
    return []


def _listed(words: Sequence[str], joint: str) -> str:
    *rest, last = words
    return f"{', '.join(rest)} {joint} {last}" if rest else last
