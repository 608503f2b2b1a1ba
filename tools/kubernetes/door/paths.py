"""Paths of the Kubernetes API: built only from checked names, and read back strictly.

A path that this module cannot read in exactly one way is refused, so that no encoding or `..` makes a request mean
something else than what was checked.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tools.errors import BadRequest, Refused

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@~+-]*\Z")
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_PATH_NAME_GROUPS = ("rbac.authorization.k8s.io",)  # the only names that may hold capitals and colons

# Sub-resources that open a way into a container, a node or a service instead of reading or writing an object.
_TUNNELS = frozenset({"exec", "attach", "portforward", "proxy"})


class Target(NamedTuple):
    """What a path points at; empty strings where it names no such part."""

    group: str
    version: str
    namespace: str
    resource: str
    name: str
    subresource: str


def check_namespace(namespace: str) -> str:
    """Return the namespace; raise BadRequest when Kubernetes would not allow such a name."""
    if not _DNS_LABEL.match(namespace):
        raise BadRequest(
            f"{namespace[:80]!r} is not a valid namespace name.",
            "Namespaces are made of lower-case letters, digits and dashes, at most 63.",
        )
    return namespace


def check_name(name: str, group: str = "") -> str:
    """Return an object's name; raise BadRequest when Kubernetes would not allow it."""
    if group in _PATH_NAME_GROUPS:
        valid = bool(_SEGMENT.match(name)) and len(name) <= 253
    else:
        valid = bool(_SUBDOMAIN.match(name)) and len(name) <= 253
    if not valid:
        raise BadRequest(
            f"{name[:80]!r} is not a name that Kubernetes allows.",
            "Names are made of lower-case letters, digits, dashes and dots, and begin and end with a letter or digit.",
        )
    return name


def read_path(path: str) -> Target:
    """Take a path apart the way the API server does; raise BadRequest unless it is plain and unambiguous."""
    segments = path.split("/")
    if segments[0] != "" or len(segments) < 2 or not all(_SEGMENT.match(part) for part in segments[1:]):
        raise BadRequest(f"{path[:120]!r} is not a plain API path.")
    parts = segments[1:]
    if parts[0] == "api" and len(parts) >= 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return Target("", "", "", "", "", "")
    if rest and rest[0] in ("proxy", "watch"):  # old forms of the API that change what follows
        raise BadRequest(f"{path[:120]!r} uses a form of the API that is not supported.")
    namespace = ""
    if len(rest) > 1 and rest[0] == "namespaces":
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    resource, name, subresource = [*rest, "", "", ""][:3]
    return Target(group, version, namespace, resource, name, subresource)


def refuse_tunnel(path: str) -> Target:
    """Read the path; raise Refused when it leads into a container, a node or a service."""
    target = read_path(path)
    if target.subresource in _TUNNELS:
        raise Refused(f"{path} was stopped: this door does not open {target.subresource} connections.")
    return target


def collection_path(group: str, version: str, plural: str, namespace: str | None) -> str:
    """Path of a collection: /api/v1/namespaces/todo/pods; without namespace the cluster-wide one."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    place = f"/namespaces/{check_namespace(namespace)}" if namespace else ""
    return f"{root}{place}/{plural}"
