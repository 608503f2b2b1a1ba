"""Which cluster, namespace and user a conversation works with."""

from __future__ import annotations

import json
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, Forbidden
from tools.kubernetes.quantity import age

_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


def cluster_info(ctx: Context) -> Result:
    """Where this works: context, server, version of the cluster, namespace, user, nodes."""
    cluster = ctx.cluster
    version: dict[str, Any] = json.loads(cluster.get_raw("/version"))
    found = {
        "context": cluster.context,
        "server": cluster.server,
        "version": version.get("gitVersion", "unknown"),
        "namespace": cluster.namespace,
        "user": cluster.whoami() or cluster.user,
        "nodes": _nodes(ctx),
    }
    return Result(text="\n".join(f"{key.capitalize()}: {value}" for key, value in found.items() if value), data=found)


def can_i(ctx: Context, *, verb: str, kind: str, namespace: str | None = None) -> Result:
    """Whether the server lets this user do something. verb: get, list, watch, create, update, patch or delete."""
    if verb not in _VERBS:
        raise BadRequest(f"{verb[:40]!r} is not a verb of the API.", f"There are: {', '.join(_VERBS)}.")
    resource = ctx.cluster.kinds.resolve(kind)
    place = (namespace or ctx.cluster.namespace) if resource.namespaced else None
    allowed = ctx.cluster.can(verb, resource, place)
    what = f"{verb} {resource.plural}{f' in namespace {place}' if place else ''}"
    user = ctx.cluster.whoami() or ctx.cluster.user
    return Result(text=f"{'Yes' if allowed else 'No'}: {user} may {'' if allowed else 'not '}{what}.", data=allowed)


def _nodes(ctx: Context) -> str:
    try:
        nodes = list(ctx.cluster.list(ctx.cluster.kinds.resolve("nodes")))
    except Forbidden:
        return ""
    told = [
        f"{node['metadata']['name']} ({((node.get('status') or {}).get('nodeInfo') or {}).get('kubeletVersion', '?')}, "
        f"{age(node['metadata'].get('creationTimestamp'))} old)"
        for node in nodes[:10]
    ]
    return ", ".join(told) + (f" and {len(nodes) - 10} more" if len(nodes) > 10 else "")
