"""Which cluster, namespace and user a conversation works with."""

from __future__ import annotations

import json
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import Forbidden
from tools.kubernetes.quantity import age


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
