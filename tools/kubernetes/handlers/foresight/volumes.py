"""What becomes of data: claims, the volumes behind them, and what a stateful set does with its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tools.change import Ref
from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.kubernetes.look.related import visible

Object = Mapping[str, Any]


def reclaim_policy(ctx: Context, claim: Object) -> str:
    """Delete or Retain, as the volume says; what may not be looked at is taken for the worse."""
    volume = claim["spec"].get("volumeName")
    if not volume:
        return ""
    try:
        found = ctx.cluster.read(Ref(api_version="v1", kind="PersistentVolume", name=volume))
    except (NotFound, Forbidden):
        return "Delete"
    return found["spec"].get("persistentVolumeReclaimPolicy", "Delete")


def fates(ctx: Context, claims: Iterable[Object]) -> list[str]:
    """What becomes of the data when these claims are deleted, claims of the same fate told together."""
    told: dict[str, list[str]] = {}
    for claim in claims:
        told.setdefault(reclaim_policy(ctx, claim), []).append(claim["metadata"]["name"])
    texts = {
        "": "holds no data yet",
        "Delete": "its data is deleted for good (reclaim policy Delete)",
        "Recycle": "its data is deleted for good (reclaim policy Recycle)",
    }
    return [
        f"Volume claim {', '.join(names)}: "
        + texts.get(policy, f"its data stays in the volume, which nobody uses then (reclaim policy {policy})").replace(
            "its data", "its data" if len(names) == 1 else "their data"
        )
        + "."
        for policy, names in told.items()
    ]


def claims_of(ctx: Context, workload: Object) -> list[Object]:
    """The claims that a stateful set made for its pods."""
    templates = [item["metadata"]["name"] for item in workload["spec"].get("volumeClaimTemplates") or ()]
    if workload["kind"] != "StatefulSet" or not templates:
        return []
    names = "|".join(re.escape(name) for name in templates)
    made = re.compile(rf"(?:{names})-{re.escape(workload['metadata']['name'])}-\d+$")
    found = visible(ctx, "persistentvolumeclaims", workload["metadata"].get("namespace"))
    return [claim for claim in found if made.match(claim["metadata"]["name"])]


def claims_after_delete(ctx: Context, workload: Object) -> list[str]:
    """What becomes of a stateful set's claims when it is deleted."""
    claims = claims_of(ctx, workload)
    if not claims:
        return []
    policy = (workload["spec"].get("persistentVolumeClaimRetentionPolicy") or {}).get("whenDeleted", "Retain")
    if policy == "Delete":
        return ["Its volume claims are deleted with it.", *fates(ctx, claims)]
    names = ", ".join(claim["metadata"]["name"] for claim in claims)
    return [f"Its volume claims stay, with their data: {names}."]


def claims_after_scaling(ctx: Context, workload: Object, count: int) -> list[str]:
    """The claims that go, with their data, when a stateful set has only `count` pods left."""
    policy = (workload["spec"].get("persistentVolumeClaimRetentionPolicy") or {}).get("whenScaled", "Retain")
    if policy != "Delete":
        return []
    start = (workload["spec"].get("ordinals") or {}).get("start", 0)
    gone = [c for c in claims_of(ctx, workload) if int(c["metadata"]["name"].rpartition("-")[2]) >= start + count]
    return fates(ctx, gone)
