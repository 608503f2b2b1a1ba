"""Will the pods that a change makes be let in and find a place? Asked of the server and summed up before the yes.

The dry run of a Deployment creates no pod, so quota, PodSecurity, LimitRange and the nodes' room would only show
when it is too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.context import Context
from tools.errors import Forbidden
from tools.kubernetes.door.errors import status_of
from tools.kubernetes.handlers.capacity import Room, room, room_text, shortage_text, shortages
from tools.kubernetes.handlers.preflight import Tried, attempt
from tools.kubernetes.rollout.rolling import WORKLOADS, Coming, coming, template_changed
from tools.kubernetes.workload_changes import template_of


class Outlook(NamedTuple):
    """What stands in the way of the pods to come."""

    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def outlook(ctx: Context, live: Mapping[str, Any] | None, after: Mapping[str, Any], namespace: str) -> Outlook:
    """Check the pods that come when `live` becomes `after` (the dry run's result)."""
    if after.get("kind") not in WORKLOADS or not template_of(after).get("spec"):
        return Outlook()
    plan = coming(live, after)
    changed = live is None or template_changed(live, after)
    if after["kind"] == "Pod" or not (plan.more or plan.surge or changed):
        return Outlook() if live else _places(ctx, after, plan)
    tried = _try_pod(ctx, after, namespace)
    pod: dict[str, Any] = tried.body or {"metadata": {}, **template_of(after)}
    blockers, warnings = _quota(ctx, pod, plan, namespace)
    if not (blockers or warnings):
        refused = tuple(f"Its pods would be refused: {text}" for text in tried.blockers)
        quota = any("uota" in text for text in tried.blockers)
        if plan.more or (changed and not quota):
            blockers = refused
    if not blockers and (plan.more or plan.surge):
        placed = _places(ctx, pod, plan)
        return Outlook(blockers + placed.blockers, warnings + placed.warnings)
    return Outlook(blockers, warnings)


def _try_pod(ctx: Context, after: Mapping[str, Any], namespace: str) -> Tried:
    """Dry run of one pod made from the template; missing rights to make pods oneself are no verdict."""
    template = template_of(after)
    meta = template.get("metadata") or {}
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "shipmate-check-",
            "labels": meta.get("labels") or {},
            "annotations": meta.get("annotations") or {},
        },
        "spec": {**template["spec"], "volumes": [*(template["spec"].get("volumes") or ()), *_claims(after)]},
    }
    resource = ctx.cluster.kinds.resolve("pods")
    try:
        tried = attempt(ctx, "POST", ctx.cluster.collection(resource, namespace), pod, "application/json")
    except Forbidden:
        return Tried(None)
    if isinstance(tried.error, Forbidden) and (status := status_of(tried.error)) and "cannot create" in status.message:
        return Tried(None)
    if tried.body:
        tried.body["spec"].pop("nodeName", None)
    return tried


def _claims(after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The volumes that a stateful set's controller adds to each of its pods."""
    names = [item["metadata"]["name"] for item in after["spec"].get("volumeClaimTemplates") or ()]
    own = after["metadata"].get("name", "")
    return [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{own}-0"}} for name in names]


def _quota(
    ctx: Context, pod: Mapping[str, Any], plan: Coming, namespace: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Quota that denies the pods in the end is a blocker; one that only cramps a rolling replacement a warning."""
    resource = ctx.cluster.kinds.resolve("resourcequotas")
    try:
        quotas = list(ctx.cluster.list(resource, namespace))
    except Forbidden:
        return (), ("Quota could not be checked: the right to read it is missing.",)
    if not quotas:
        return (), ()
    if plan.more:
        return tuple(
            shortage_text(short, plan.total, plan.more) for short in shortages(quotas, pod["spec"], plan.more)
        ), ()
    if not plan.surge:
        return (), ()
    tight = shortages(quotas, pod["spec"], 1)
    if tight and plan.stuck:
        name = tight[0].quota
        return (
            f"Quota {name} leaves no room for the one pod more that replacing the pods needs: it would never begin.",
        ), ()
    return (), tuple(
        f"Quota {short.quota} leaves little room ({short.resource}): the pods are replaced slowly." for short in tight
    )


def _places(ctx: Context, pod: Mapping[str, Any], plan: Coming) -> Outlook:
    """Room on the nodes for the pods that come."""
    kinds = ctx.cluster.kinds
    try:
        nodes = list(ctx.cluster.list(kinds.resolve("nodes")))
        running = "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName!="
        pods = list(ctx.cluster.list(kinds.resolve("pods"), fields=running))
    except Forbidden:
        return Outlook(
            warnings=("Room on the nodes could not be checked: the right to list nodes and pods is missing.",)
        )
    if plan.more:
        found = room(nodes, pods, pod, plan.more)
        return _verdict(found, pod, plan)
    found = room(nodes, pods, pod, 1)
    if found.fits or not plan.stuck:
        return Outlook()
    text = room_text(found, pod["spec"], plan.total, 1)
    if not found.ever:
        return Outlook(blockers=(f"No node can ever take the new pods. {text}",))
    return Outlook(warnings=(f"Replacing the pods needs room for one more for a while. {text}",))


def _verdict(found: Room, pod: Mapping[str, Any], plan: Coming) -> Outlook:
    if found.fits >= plan.more:
        return Outlook()
    text = room_text(found, pod["spec"], plan.total, plan.more)
    if not found.ever:
        return Outlook(blockers=(f"No node can ever take such a pod. {text}",))
    return Outlook(warnings=(text,))
