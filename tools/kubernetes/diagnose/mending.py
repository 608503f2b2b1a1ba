"""Changes that mend a pod template, made from what runs. Pure; None where its owner has no template to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.change import Patch
from tools.kubernetes.diagnose.snapshot import Object, Unit
from tools.kubernetes.workload_changes import ref_of

_MENDABLE = ("Deployment", "StatefulSet", "DaemonSet")


def container_patch(unit: Unit, verb: str, what: str, fields: Mapping[str, Any], pod: Any = None) -> Patch | None:
    """Lay fields over a unit's container (strategic merge), and others over its pod; `what` names it to a person."""
    part = "initContainers" if unit.init else "containers"
    return pod_patch(unit.owner, verb, what, {**(pod or {}), part: [{"name": unit.spec["name"], **fields}]})


def pod_patch(owner: Object, verb: str, what: str, spec: Mapping[str, Any]) -> Patch | None:
    """Lay fields over the spec of the owner's pods."""
    if owner["kind"] not in _MENDABLE:
        return None
    ref = ref_of(owner)
    body = {"spec": {"template": {"spec": dict(spec)}}}
    return Patch(summary=f"{what} of {ref}", ref=ref, verb=verb, patch=body)
