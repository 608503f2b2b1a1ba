"""Rights given in words: "let jane and bob edit deployments in staging" as roles and what binds them."""

# ruff: noqa: E501, UP031  (patterns are easier to read in one piece)
from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.drafts.access import by_group, resources, verbs
from agent.minds.planner.drafts.fragments import Text
from agent.minds.planner.drafts.slots import NAME, SLOTS
from agent.minds.planner.reading.facts import Facts

Object = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"
_STANDARD = {
    "admin": "admin",
    "administrator": "admin",
    "viewer": "view",
    "view": "view",
    "editor": "edit",
    "edit": "edit",
    "cluster-admin": "cluster-admin",
    "cluster admin": "cluster-admin",
}
_START = (
    r"^\W*(?:(?:please|pls|kindly|can you|could you|i want to|i need to|we need to|i would like to|now|hey|ok)[\s,]+)*"
    r"(?:give|grant|let|allow|permit|assign|authori[sz]e|make|bind)\s+"
)
_WHO = (
    r"(?:the\s+)?(?:(?P<kind>service ?accounts?|sa|users?|groups?|team)\s+)?[\"'`]?(?P<name>[a-z0-9](?:[\w.@:-]*[\w])?)[\"'`]?(?:\s+(?P<after>service ?account|sa|group|team|user))?(?:\s+(?:of|from|in)\s+(?:the\s+)?namespace\s+(?P<home>%s)(?=\s+(?:to\b|read|the\b|get|and\b)))?"
    % NAME
)
_NOBODY = frozenset("me us my it its them him her you i we all every each any a an the this that these those".split())
_WHOM = re.compile(_WHO, re.IGNORECASE)
_AND = re.compile(r"\s*(?:,\s*(?:and\s+)?|\s+and\s+)(?!to\b)", re.IGNORECASE)
_RULE = re.compile(
    rf"(?:\s|,|\band\b|\bto\b|\bcan\b|\bmay\b|\bonly\b|\bwith\b|\bthe\b|\bhave\b)*(?:(?:permissions?|rights?)\s+(?:to\s+)?)?(?P<verbs>{SLOTS['verbs'][0]})(?:\s+(?:access|permissions?|rights?))?(?:\s+(?:on|to|for|of|at))?(?:\s+(?:all|any|the))*\s+(?P<resources>{SLOTS['resources'][0]})(?![\w-])",
    re.IGNORECASE,
)  # fmt: skip
_ROLE = re.compile(
    rf"\s+(?:(?:an?|the|to|as|be)\s+)*(?:(?P<cluster>cluster ?-?)?role\s+(?P<role>{NAME})|(?P<role2>{NAME})\s+(?P<cluster2>cluster ?-?)?(?:role|rights|permissions|access)|(?P<standard>cluster[ -]admin|administrator|admin|viewer|view|editor|edit))\b(?:\s+(?:role|access|rights|permissions))?",
    re.IGNORECASE,
)
_TO_WHOM = re.compile(r"\s+(?:to|for)\s+", re.IGNORECASE)
_PLACES = re.compile(
    rf"\s*(?:in|on|of|within|for)\s+(?:the\s+|both\s+)?(?:(?P<every>all namespaces|every namespace|any namespace|the (?:whole |entire )?cluster|whole cluster|entire cluster|cluster)|namespaces?\s+(?P<names>{NAME}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){NAME})*)|(?P<names2>{NAME}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){NAME})*?)(?:\s+namespaces?)?)(?=[\s.!,]*$)|\s+(?P<wide>cluster[ -]?wide|everywhere)\b",
    re.IGNORECASE,
)


def granted(text: str, facts: Facts) -> tuple[list[Object], str] | None:
    """The objects of an order to give rights, or what has to be asked; None when the text is no such order."""
    start = re.match(_START, text, re.IGNORECASE)
    if not start:
        return None
    said = Text(text)
    end = start.end()
    role_first = _RULE.match(said.rest, end) or _ROLE.match(said.rest, end - 1)
    if role_first and (to := _TO_WHOM.match(said.rest, role_first.end())):
        subjects, end = _subjects(said.rest, to.end())
        rules, role = ([role_first], None) if role_first.re is _RULE else ([], role_first)
    else:
        subjects, end = _subjects(said.rest, end)
        rules, role = [], None
        while match := _RULE.match(said.rest, end):
            rules.append(match)
            end = match.end()
        if not rules and (role := _ROLE.match(said.rest, end)):
            end = role.end()
    if not subjects or not (rules or role) or any(one["name"].lower() in _NOBODY for one in subjects):
        return None
    place = _PLACES.search(said.rest, end)
    left = said.rest[end : place.start() if place else None] + (said.rest[place.end() :] if place else "")
    if re.sub(r"\b(?:please|too|as well|only|thanks?)\b|\W", "", left, flags=re.IGNORECASE):
        return None
    return _objects(subjects, rules, role, place, facts)


def _subjects(rest: str, at: int) -> tuple[list[re.Match[str]], int]:
    found: list[re.Match[str]] = []
    while match := _WHOM.match(rest, at):
        found.append(match)
        at = match.end()
        if not (joint := _AND.match(rest, at)):
            break
        if _RULE.match(rest, joint.end()):
            break
        at = joint.end()
    return found, at


def _objects(
    subjects: list[re.Match[str]],
    rules: list[re.Match[str]],
    role: re.Match[str] | None,
    place: re.Match[str] | None,
    facts: Facts,
) -> tuple[list[Object], str]:
    wide = bool(place and (place["every"] or place["wide"]))
    names = (place["names"] or place["names2"] or "") if place else ""
    spaces: list[str | None] = [*SLOTS["names"][1](names.lower())] or [None]
    bound: list[Object] = []
    kind = ""
    for one in subjects:
        kind = (one["kind"] or one["after"] or kind).lower().replace(" ", "").removesuffix("s")
        if not kind and (one["name"].lower() in facts.components or facts.labels_of(one["name"].lower())):
            return [], f"Is {one['name']} a user, a group or a service account?"
        bound.append(_subject(kind, one["name"], one["home"]))
    made: list[Object] = []
    for space in spaces:
        meta: Object = {"namespace": space} if space and not wide else {}
        prefix = "Cluster" if wide else ""
        if role is None:
            said = [
                rule
                for match in rules
                for rule in by_group({"resources": resources(match["resources"]), "verbs": verbs(match["verbs"])})
            ]
            if not said:
                return [], ""
            name = _name(bound, rules)
            made.append(
                {
                    "apiVersion": f"{_RBAC}/v1",
                    "kind": f"{prefix}Role",
                    "metadata": {"name": name, **meta},
                    "rules": said,
                }
            )
            reference = {"apiGroup": _RBAC, "kind": f"{prefix}Role", "name": name}
        else:
            given, cluster = _given(role)
            name = "-".join([bound[0]["name"].replace("@", "-").replace(":", "-").lower(), given])
            reference = {"apiGroup": _RBAC, "kind": "ClusterRole" if cluster or wide else "Role", "name": given}
        binding = {"apiVersion": f"{_RBAC}/v1", "kind": f"{prefix}RoleBinding", "metadata": {"name": name, **meta}}
        homes = [
            {**one, "namespace": one.get("namespace") or space or "default"} if one["kind"] == "ServiceAccount" else one
            for one in bound
        ]
        made.append({**binding, "roleRef": reference, "subjects": homes})
    return made, ""


def _subject(kind: str, name: str, home: str | None) -> Object:
    if kind in ("serviceaccount", "sa"):
        return {"kind": "ServiceAccount", "name": name.lower(), **({"namespace": home} if home else {})}
    return {"kind": "Group" if kind in ("group", "team") else "User", "apiGroup": _RBAC, "name": name}


def _given(role: re.Match[str]) -> tuple[str, bool]:
    if role["standard"]:
        return _STANDARD[role["standard"].lower()], True
    name = (role["role"] or role["role2"]).lower()
    return name, bool(role["cluster"] or role["cluster2"]) or name in _STANDARD.values()


def _name(bound: list[Object], rules: list[re.Match[str]]) -> str:
    """ "ci-read-pods-configmaps": who may do what, as the role's name."""
    first = re.findall(r"[a-z]+", rules[0]["verbs"].lower())
    things = [thing.replace("/", "-") for match in rules for thing in resources(match["resources"])]
    who = re.sub(r"[^a-z0-9.-]", "-", bound[0]["name"].lower())
    return "-".join([who, first[0] if first else "use", *dict.fromkeys(things)])[:63].rstrip("-")
