"""Will the pods that a change makes be let in and find a place? Asked of the server and summed up before the yes.

The dry run of a Deployment creates no pod, so quota, PodSecurity, LimitRange and the nodes' room would only show
when it is too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.context import Context
from tools.errors import Forbidden
from tools.kubernetes.door.errors import AlreadyExists
from tools.kubernetes.handlers.foresight import autoscalers
from tools.kubernetes.handlers.foresight.beside import Beside
from tools.kubernetes.handlers.foresight.capacity import (
    Room,
    counted_in,
    room,
    room_text,
    shortage_text,
    shortages,
    unsuitable,
)
from tools.kubernetes.handlers.foresight.preflight import Tried, attempt
from tools.kubernetes.handlers.foresight.references import missing, storage
from tools.kubernetes.look.related import visible
from tools.kubernetes.rollout.rolling import WORKLOADS, Coming, coming, template_changed
from tools.kubernetes.workload_changes import template_of


class Outlook(NamedTuple):
    """What stands in the way of the pods to come."""

    blockers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __add__(self, other: tuple[Any, ...]) -> Outlook:
        return Outlook(self.blockers + other[0], self.warnings + other[1])


_ALONE = Beside()


def outlook(
    ctx: Context,
    live: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    namespace: str,
    others: Beside = _ALONE,
) -> Outlook:
    """Check the pods that come when `live` becomes `after` (the dry run's result).

    `others` is what the same plan or release makes beside it.
    """
    if after.get("kind") == "PersistentVolumeClaim" and live is None:
        return Outlook(warnings=storage(ctx, after))
    if after.get("kind") == "HorizontalPodAutoscaler":
        more = autoscalers.raised(ctx, after)
        return outlook(ctx, *more, namespace, others) if more else Outlook()
    if after.get("kind") not in WORKLOADS or not template_of(after).get("spec"):
        return Outlook()
    plan = _plan(ctx, live, after)
    changed = live is None or template_changed(live, after)
    if not (plan.more or plan.surge or changed):
        return Outlook()
    # The pods are tried in another namespace where their own is not there yet; what they need must be in their own.
    own = after["metadata"].get("namespace") or namespace
    absent = missing(ctx, template_of(after)["spec"], own, others.made) if changed else ()
    if after["kind"] == "Pod":
        placed = Outlook() if live else _places(ctx, after, plan)
        return Outlook(placed.blockers, absent + placed.warnings)
    tried = _try_pod(ctx, after, namespace)
    pod: dict[str, Any] = tried.body or {"metadata": {}, **template_of(after)}
    seen = _quota(ctx, pod, plan, namespace, others) + _refused(tried, after, plan, others.opens)
    if changed:
        seen += Outlook(warnings=(*tried.warnings, *added(template_of(after)["spec"], pod["spec"]), *absent))
    if live is None:
        seen += _try_claims(ctx, after, namespace)
    if not seen.blockers and (plan.more or plan.surge) and after["kind"] != "DaemonSet":
        seen += _places(ctx, pod, plan)
    return seen


def _plan(ctx: Context, live: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Coming:
    """The pods to come; those of a new DaemonSet are as many as there are nodes for it."""
    if live is not None or after["kind"] != "DaemonSet":
        return coming(live, after)
    suitable = [node for node in visible(ctx, "nodes", None) if not unsuitable(node, template_of(after)["spec"])]
    return Coming(len(suitable), len(suitable))


def _refused(tried: Tried, after: Mapping[str, Any], plan: Coming, opens: bool) -> Outlook:
    """What the server says to one pod; quota is summed up apart, unless nothing is known to be summed.

    `opens`: an earlier step may let it in, so that the verdict of now is none.
    """
    if not tried.blockers:
        return Outlook()
    quota = any("Quota " in text for text in tried.blockers)
    if quota and (plan.more or plan.replaced):
        return Outlook()
    if opens:
        return Outlook(warnings=tuple(f"Before that its pods are refused: {text}" for text in tried.blockers))
    told = tuple(f"Its pods would be refused: {text}" for text in tried.blockers)
    if quota or (not plan.total and after["kind"] != "CronJob"):
        return Outlook(warnings=told)  # there are none for now, and it may be otherwise when there are
    return Outlook(blockers=told)


def added(template: Mapping[str, Any], pod: Mapping[str, Any]) -> tuple[str, ...]:
    """What admission puts into the pods beyond the template: containers, and the defaults of a limit range."""
    told: list[str] = []
    for field in ("initContainers", "containers"):
        before = {item["name"]: item for item in template.get(field) or ()}
        for item in pod.get(field) or ():
            own = before.get(item["name"])
            if own is None:
                told.append(f"Admission adds container {item['name']} ({item.get('image', 'no image')}) to its pods.")
            elif given := _given(own.get("resources") or {}, item.get("resources") or {}):
                told.append(f"A limit range gives container {item['name']} {given}.")
    return tuple(told)


def _given(own: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The requests and limits that came without being asked for; a request that just repeats the limit is no news."""
    parts: list[str] = []
    for part in ("requests", "limits"):
        stated = {**((own.get("limits") or {}) if part == "requests" else {}), **(own.get(part) or {})}
        values = [f"{key} {value}" for key, value in sorted((now.get(part) or {}).items()) if key not in stated]
        parts += [f"{part} {', '.join(values)}"] if values else []
    return " and ".join(parts)


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
    tried = _try(ctx, "pods", pod, namespace)
    if tried.body is None and not tried.error:
        text = "Whether its pods would be let in could not be checked: the right to create pods is missing."
        return Tried(None, warnings=(text,))
    if tried.body:
        tried.body["spec"].pop("nodeName", None)
    return tried


def _try_claims(ctx: Context, after: Mapping[str, Any], namespace: str) -> Outlook:
    """Dry run of the claims that a new stateful set makes for its first pod."""
    seen = Outlook()
    for template in after["spec"].get("volumeClaimTemplates") or ():
        name = f"{template['metadata']['name']}-{after['metadata']['name']}-0"
        claim = {**template, "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}}
        claim.pop("status", None)
        tried = _try(ctx, "persistentvolumeclaims", claim, namespace)
        if isinstance(tried.error, AlreadyExists):
            seen += Outlook(warnings=(f"Volume claim {name} is there already and is used with the data on it.",))
            continue
        seen += Outlook(
            tuple(f"Its volume claims would be refused: {text}" for text in tried.blockers),
            tried.warnings + storage(ctx, tried.body or claim),
        )
    return seen


def _try(ctx: Context, kind: str, body: dict[str, Any], namespace: str) -> Tried:
    """Dry run of what a controller will make; that the user may not make it is no verdict."""
    path = ctx.cluster.collection(ctx.cluster.kinds.resolve(kind), namespace)
    tried = attempt(ctx, "POST", path, body, "application/json")
    return Tried(None) if isinstance(tried.error, Forbidden) else tried


def _claims(after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The volumes that a stateful set's controller adds to each of its pods."""
    names = [item["metadata"]["name"] for item in after["spec"].get("volumeClaimTemplates") or ()]
    own = after["metadata"].get("name", "")
    return [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{own}-0"}} for name in names]


def _quota(ctx: Context, pod: Mapping[str, Any], plan: Coming, namespace: str, others: Beside) -> Outlook:
    """Quota that denies the pods in the end is a blocker; one that only cramps a rolling replacement a warning."""
    resource = ctx.cluster.kinds.resolve("resourcequotas")
    try:
        quotas = counted_in(ctx.cluster.list(resource, namespace), others.pods)
    except Forbidden:
        return Outlook(warnings=("Quota could not be checked: the right to read it is missing.",))
    if plan.more:
        short = shortages(quotas, pod["spec"], plan.more)
        return Outlook(tuple(shortage_text(one, plan.total, plan.more) for one in short))
    tight = shortages(quotas, pod["spec"], 1) if plan.surge else []
    if tight and plan.stuck:
        text = "leaves no room for the one pod more that replacing the pods needs: it would never begin."
        return Outlook((f"Quota {tight[0].quota} {text}",))
    return Outlook(
        warnings=tuple(
            f"Quota {one.quota} leaves little room ({one.resource}): the pods are replaced slowly." for one in tight
        )
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
