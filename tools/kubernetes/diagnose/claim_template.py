"""Claims that a StatefulSet makes from its templates: what is wrong with one is wrong with each that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.change import Change, Delete
from tools.kubernetes.diagnose.again import made_again
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.diagnose.superseded import ordinal
from tools.kubernetes.workload_changes import ref_of


def remade(snap: Snapshot, claim: Object, spec: Mapping[str, Any], why: str) -> tuple[Change, ...]:
    """The StatefulSet anew with its template's spec replaced, and its waiting claims gone; empty where none made it."""
    for item in snap.all("statefulsets.apps"):
        for template in item["spec"].get("volumeClaimTemplates") or ():
            mine = [one for one in snap.all("persistentvolumeclaims") if _made_from(one, item, template)]
            if claim not in mine:
                continue
            right = {**template, "spec": {**template["spec"], **spec}}
            templates = [right if one is template else one for one in item["spec"]["volumeClaimTemplates"]]
            away, again = made_again(item, {"volumeClaimTemplates": templates}, why)
            waiting = [ref_of(one) for one in mine if (one.get("status") or {}).get("phase") == "Pending"]
            ends = [Delete(summary=f"delete {ref}, which holds no data yet", ref=ref) for ref in waiting]
            return away, *ends, again
    return ()


def _made_from(claim: Object, owner: Object, template: Mapping[str, Any]) -> bool:
    meta = claim["metadata"]
    name = f"{template['metadata']['name']}-{owner['metadata']['name']}-{ordinal(claim)}"
    return meta["name"] == name and meta.get("namespace") == owner["metadata"].get("namespace")
