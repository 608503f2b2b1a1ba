"""Who may do what by the roles and bindings of a snapshot, and what almost gives a right that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tools.kubernetes.diagnose.snapshot import Object, Snapshot

GROUP = "rbac.authorization.k8s.io"


class Right(NamedTuple):
    """Something that an account tried; `place` is empty for the whole cluster, `name` unless one object is meant."""

    account: str
    verb: str
    group: str
    resource: str
    place: str
    name: str = ""


def granted(snap: Snapshot, right: Right, home: str) -> bool:
    """Whether some binding gives an account of namespace `home` a right now."""
    for binding in _bindings(snap, right.place):
        role = role_of(snap, binding)
        if role and covers(role, right) and binds(binding, right.account, home):
            return True
    return False


def _bindings(snap: Snapshot, place: str) -> Iterator[Object]:
    """The bindings that hold in a namespace, or for the whole cluster."""
    yield from snap.all(f"clusterrolebindings.{GROUP}")
    for item in snap.all(f"rolebindings.{GROUP}") if place else ():
        if item["metadata"].get("namespace") == place:
            yield item


def bindings_in(snap: Snapshot, space: str) -> list[Object]:
    """The bindings of one namespace."""
    return [item for item in snap.all(f"rolebindings.{GROUP}") if item["metadata"].get("namespace") == space]


def role_of(snap: Snapshot, binding: Object) -> Object | None:
    """The role that a binding names."""
    ref, space = binding["roleRef"], binding["metadata"].get("namespace")
    return snap.find(f"{ref['kind'].lower()}s.{GROUP}", ref["name"], space if ref["kind"] == "Role" else None)


def binds(binding: Object, account: str, home: str) -> bool:
    """Whether a binding is for an account, by its name or by a group that it belongs to."""
    user = f"system:serviceaccount:{home}:{account}"
    groups = {f"system:serviceaccounts:{home}", "system:serviceaccounts", "system:authenticated"}
    for one in binding.get("subjects") or ():
        if one["kind"] == "ServiceAccount":
            hit = (one["name"], one.get("namespace") or binding["metadata"].get("namespace")) == (account, home)
        else:
            hit = one["name"] in groups if one["kind"] == "Group" else one["name"] == user
        if hit:
            return True
    return False


def covers(role: Object, right: Right) -> bool:
    """Whether a role has a right."""
    return any(_covers(rule, right) for rule in role.get("rules") or ())


def _covers(rule: Object, right: Right, but: str = "") -> bool:
    names = rule.get("resourceNames")
    if names and right.name not in names:
        return False
    fits = {"apiGroups": right.group, "resources": right.resource, "verbs": right.verb}
    return all({value, "*"} & set(rule.get(key) or ()) for key, value in fits.items() if key != but)


def verbs(role: Object, right: Right) -> list[str]:
    """What a role lets do with the resource of a right, when not the right itself."""
    rules = [rule for rule in role.get("rules") or () if _covers(rule, right, but="verbs")]
    return list(dict.fromkeys(verb for rule in rules for verb in rule.get("verbs") or ()))
