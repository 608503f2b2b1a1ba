"""Whether this user may make the writes of a plan, asked of the server before any of them.

A dry run is refused like the write itself, so only what cannot be tried is asked for: writes into a namespace that an
earlier step makes, and those that a program such as helm makes by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.door.paths import read_path
from tools.preview import Write

_VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
_WORTH_A_SHORTCUT = 3  # questions about one place, from which on it pays to ask first for all rights


class _Right(NamedTuple):
    verb: str
    resource: Resource
    subresource: str
    namespace: str


def missing_rights(ctx: Context, writes: Iterable[Write]) -> tuple[str, ...]:
    """A blocker for each kind of object that the user may not write as planned."""
    names: dict[_Right, list[str]] = {}
    for write in writes:
        if write.door == "kubernetes":
            target = read_path(write.path)
            resource = Resource(target.group, target.version, "", target.resource, "", bool(target.namespace))
            right = _Right(_VERBS[write.method], resource, target.subresource, target.namespace)
            names.setdefault(right, []).append(target.name)
    lacking: dict[tuple[str, str], list[str]] = {}
    for place in dict.fromkeys(right.namespace for right in names):
        here = [right for right in names if right.namespace == place]
        if len(here) >= _WORTH_A_SHORTCUT and ctx.cluster.can("*", _EVERYTHING, place):
            continue
        for right in here:
            if not _may(ctx, right, names[right]):
                what = right.resource.full_name + (f"/{right.subresource}" if right.subresource else "")
                lacking.setdefault((what, place), []).append(right.verb)
    user = _user(ctx) if lacking else ""
    return tuple(_told(user, what, place, verbs) for (what, place), verbs in lacking.items())


_EVERYTHING = Resource("*", "", "", "*", "", True)


def _may(ctx: Context, right: _Right, names: list[str]) -> bool:
    """Allowed for the kind as a whole, or else for each of the names."""
    if ctx.cluster.can(right.verb, right.resource, right.namespace, right.subresource):
        return True
    if right.verb == "create" or not all(names):
        return False
    verb, resource, subresource, place = right
    return all(ctx.cluster.can(verb, resource, place, subresource, name) for name in dict.fromkeys(names))


def _user(ctx: Context) -> str:
    """Who the server takes the user for; the kubeconfig's own name for it where the server does not tell."""
    try:
        return ctx.cluster.whoami() or ctx.cluster.user
    except (Forbidden, NotFound):
        return ctx.cluster.user


def _told(user: str, what: str, place: str, verbs: list[str]) -> str:
    where = f" in namespace {place}" if place else ""
    option = f" -n {place}" if place else ""
    *rest, last = dict.fromkeys(verbs)
    said = f"{', '.join(rest)} or {last}" if rest else last
    return (
        f"The user {user} may not {said} {what}{where}. "
        f"Ask for that right; `kubectl auth can-i {last} {what}{option}` checks it."
    )
