"""Whether a pod's own name server settings keep it from finding the services of the cluster."""

from __future__ import annotations

from typing import Any

from tools.kubernetes.diagnose.crash_fixes import Mend
from tools.kubernetes.diagnose.dependencies import dependencies
from tools.kubernetes.diagnose.logscan import Clue
from tools.kubernetes.diagnose.mending import pod_patch
from tools.kubernetes.diagnose.rule import change_fix
from tools.kubernetes.diagnose.snapshot import Snapshot, Unit


def own_dns(snap: Snapshot, unit: Unit, clue: Clue) -> Mend | None:
    """Why the pod does not find a host that exists, and the settings with which it would."""
    spec = unit.pod["spec"]
    policy, on_host = spec.get("dnsPolicy", "ClusterFirst"), spec.get("hostNetwork", False)
    servers = (spec.get("dnsConfig") or {}).get("nameservers") or []
    if policy == "None" and servers:
        why = f"the pod asks name server {', '.join(servers)} alone (dnsPolicy None), which does not answer for it"
    elif not _is_service(snap, unit, clue):
        return None
    elif policy == "Default":
        why = "the pod asks the node's name server (dnsPolicy Default), which knows no services"
    elif policy == "ClusterFirst" and on_host:
        why = "a pod on the node's network asks the node's name server unless dnsPolicy is ClusterFirstWithHostNet"
    else:
        return None
    right = "ClusterFirstWithHostNet" if on_host else "ClusterFirst"
    fields: dict[str, Any] = {"dnsPolicy": right}
    if policy == "None":
        fields["dnsConfig"] = None
    change = pod_patch(unit.owner, "set DNS policy", f"let the pods ask the cluster's name server ({right})", fields)
    return Mend(why, change_fix(f"Ask the cluster's name server (dnsPolicy {right}).", change) if change else None)


def _is_service(snap: Snapshot, unit: Unit, clue: Clue) -> bool:
    host = clue.about.partition(":")[0]
    hosts = [host] if host else [item.host for item in dependencies(unit.owner)] if unit.owner["kind"] != "Pod" else []
    home = unit.pod["metadata"]["namespace"]
    return any(
        snap.find("services", name, space[0] if space else home) is not None
        for name, *space in (host.split(".")[:2] for host in hosts)
    )
