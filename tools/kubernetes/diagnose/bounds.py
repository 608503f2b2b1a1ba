"""Resources of containers against the LimitRanges of their namespace: what is out of bounds, and what would fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tools.kubernetes.quantity import parse

Object = Mapping[str, Any]


class Misfit(NamedTuple):
    """One resource of one container that a LimitRange refuses, why, and the request and limit that would do."""

    range: str
    container: str
    resource: str
    why: str
    request: str
    limit: str


def misfits(ranges: Iterable[Object], containers: Iterable[Object]) -> Iterator[Misfit]:
    """What is out of the bounds for single containers."""
    containers = list(containers)
    for item in ranges:
        for bound in item["spec"].get("limits") or ():
            if bound.get("type") != "Container":
                continue
            resources = {name for part in ("max", "min", "default") for name in bound.get(part) or ()}
            for container in containers:
                for resource in sorted(resources):
                    if found := _misfit(item["metadata"]["name"], bound, container, resource):
                        yield found


def _misfit(name: str, bound: Object, container: Object, resource: str) -> Misfit | None:
    request, limit, given = _effective(bound, container, resource)
    most, least = (bound.get("max") or {}).get(resource), (bound.get("min") or {}).get(resource)
    why: list[str] = []
    if most and limit and parse(limit) > parse(most):
        why.append(f"its limit of {limit} is above the maximum of {most}")
        limit = most
    if most and request and parse(request) > parse(most):
        why.append(f"its request of {request} is above the maximum of {most}")
        request = most
    if least and request and parse(request) < parse(least):
        why.append(f"its request of {request} is below the minimum of {least}")
        request = least
    if request and limit and parse(request) > parse(limit):
        if not why:
            kind = "limit" if given else "default limit"
            why.append(f"its request of {request} is above the {kind} of {limit}")
        limit = request if not most or parse(request) <= parse(most) else most
        request = limit
    if not why:
        return None
    return Misfit(name, container["name"], resource, " and ".join(why), request, limit)


def _effective(bound: Object, container: Object, resource: str) -> tuple[str, str, bool]:
    """Request and limit as admission sees them, and whether the limit is the container's own."""
    resources: Object = container.get("resources") or {}
    own = (resources.get("limits") or {}).get(resource)
    asked = (resources.get("requests") or {}).get(resource) or own
    limit = own or (bound.get("default") or {}).get(resource, "")
    return asked or (bound.get("defaultRequest") or {}).get(resource) or limit, limit, own is not None
