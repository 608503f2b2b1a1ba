"""What goes with an object that is deleted: pods, data, traffic, rights, and everything that it owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tools.context import Context
from tools.errors import Forbidden, ShipmateError
from tools.kubernetes.door.kinds import Resource
from tools.kubernetes.handlers.foresight.impact import Impact, pods_text
from tools.kubernetes.handlers.foresight.volumes import claims_after_delete, fates
from tools.kubernetes.look.pods import pods_of
from tools.kubernetes.look.related import ingresses_for, left_empty, visible
from tools.kubernetes.look.users import holders
from tools.kubernetes.rollout.rolling import replicas_of
from tools.preview import Risk

Object = Mapping[str, Any]
Going = frozenset[tuple[str, str]]  # kind and name

RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")

# Kept by the cluster itself, or of no use without what is counted.
_NOT_COUNTED = {
    *("events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io", "leases.coordination.k8s.io"),
    *("controllerrevisions.apps", "replicasets.apps", "pods.metrics.k8s.io", "podtemplates", "bindings"),
}


def losses(ctx: Context, live: Object, propagation: str = "Background", going: Going = frozenset()) -> Impact:
    """What is lost with the object, in sentences, and how bad that is; `going` is deleted together with it."""
    kind = live["kind"]
    if kind in RUNNING:
        return _workload(ctx, live, propagation, going)
    if tell := _KINDS.get(kind):
        return tell(ctx, live, going)
    return _dependents(ctx, live, propagation)


def _workload(ctx: Context, live: Object, propagation: str, going: Going) -> Impact:
    count = replicas_of(live)
    if propagation == "Orphan":
        return Impact((f"Its {pods_text(count)} keep running, but nobody replaces them any more.",), Risk.MEDIUM)
    lost = [f"{pods_text(count)} will be stopped."] if count else []
    if count and (served := left_empty(ctx, live, {name for kind, name in going if kind == "Service"})):
        lost.append(f"Service {', '.join(served)} will have no endpoints.")
    return Impact((*lost, *claims_after_delete(ctx, live)), Risk.HIGH if count else Risk.MEDIUM)


def _pod(ctx: Context, live: Object, going: Going) -> Impact:
    owner = next((own for own in live["metadata"].get("ownerReferences") or () if own.get("controller")), None)
    if owner:
        return Impact((f"{owner['kind']} {owner['name']} makes a new pod in its place at once.",), Risk.MEDIUM)
    return Impact(("No controller owns it: nothing makes it again.",), Risk.MEDIUM)


def _job(ctx: Context, live: Object, going: Going) -> Impact:
    pods = pods_of(ctx, live)
    running = sum((pod.get("status") or {}).get("phase") in ("Pending", "Running") for pod in pods)
    lost = [f"{pods_text(running)} of it still run and will be stopped."] if running else []
    lost += [f"The logs of its {pods_text(len(pods))} go with it."] if pods else []
    return Impact(tuple(lost), Risk.MEDIUM)


def _service(ctx: Context, live: Object, going: Going) -> Impact:
    meta = live["metadata"]
    lost = ["Whoever connects to it by name or address no longer can."]
    found = ingresses_for(ctx, meta["name"], meta.get("namespace"))
    if through := [name for name in found if ("Ingress", name) not in going]:
        lost.append(f"Ingress {', '.join(through)} leads to it and will answer with an error there.")
    return Impact(tuple(lost), Risk.HIGH)


def _ingress(ctx: Context, live: Object, going: Going) -> Impact:
    hosts = dict.fromkeys(rule.get("host") or "every host" for rule in live["spec"].get("rules") or ())
    return Impact((f"Nothing leads in from outside any more for {', '.join(hosts) or 'its hosts'}.",), Risk.HIGH)


def _used(ctx: Context, live: Object, going: Going) -> Impact:
    """A ConfigMap, Secret or ServiceAccount: pods that run keep what they have, but cannot start again."""
    found = holders(ctx, live["kind"], live["metadata"]["name"], live["metadata"].get("namespace"))
    found = [(holder, how) for holder, how in found if not _goes(holder, going)]
    if not found:
        return Impact((), Risk.MEDIUM)
    who = "; ".join(f"{holder} ({how})" for holder, how in found)
    return Impact((f"In use: {who}. Their pods cannot start again without it.",), Risk.HIGH)


def _goes(holder: str, going: Going) -> bool:
    """Whether deployment/web is among what goes."""
    return any(f"{kind.lower()}/{name}" == holder for kind, name in going)


def _claim(ctx: Context, live: Object, going: Going) -> Impact:
    found = holders(ctx, live["kind"], live["metadata"]["name"], live["metadata"].get("namespace"))
    who = [holder for holder, _ in found if not _goes(holder, going)]
    users = [f"{', '.join(who)} use it; it goes once they have stopped."] if who else []
    return Impact((*fates(ctx, [live]), *users), Risk.HIGH)


def _volume(ctx: Context, live: Object, going: Going) -> Impact:
    claim = live["spec"].get("claimRef") or {}
    bound = f" Claim {claim['name']} in {claim['namespace']} is bound to it." if claim else ""
    return Impact((f"The data on it cannot be reached any more.{bound}",), Risk.HIGH)


def _namespace(ctx: Context, live: Object, going: Going) -> Impact:
    """What is in the namespace, counted by kind; its data, told apart."""
    name = live["metadata"]["name"]
    kinds = [
        item
        for item in ctx.cluster.kinds.all()
        if item.namespaced and {"list", "delete"} <= set(item.verbs) and item.full_name not in _NOT_COUNTED
    ]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda kind: _count(ctx, kind, name), kinds))
    counts = [f"{n} {kind.singular if n == 1 else kind.plural}" for kind, n in zip(kinds, found, strict=True) if n]
    unseen = [kind.full_name for kind, n in zip(kinds, found, strict=True) if n is None]
    lost = [f"All that is in it goes for good: {', '.join(counts) or 'it is empty'}."]
    lost += fates(ctx, visible(ctx, "persistentvolumeclaims", name))
    if unseen:
        lost.append(f"Not counted, for lack of rights: {', '.join(unseen)}.")
    return Impact(tuple(lost), Risk.HIGH)


def _count(ctx: Context, kind: Resource, namespace: str) -> int | None:
    """How many people put there; None where that may not be known."""
    own = {"ConfigMap": "kube-root-ca.crt", "ServiceAccount": "default"}.get(kind.kind)
    try:
        found = list(ctx.cluster.list(kind, namespace, metadata_only=True))
    except Forbidden:
        return None
    except ShipmateError:  # an aggregated API whose server is down
        return 0
    return sum(item["metadata"]["name"] != own for item in found)


def _definition(ctx: Context, live: Object, going: Going) -> Impact:
    """All objects of a kind, in all namespaces."""
    spec = live["spec"]
    try:
        resource = ctx.cluster.kinds.resolve(f"{spec['names']['plural']}.{spec['group']}")
        count = sum(1 for _ in ctx.cluster.list(resource, metadata_only=True))
    except ShipmateError:
        return Impact((f"Every {spec['names']['kind']} goes with it, in all namespaces.",), Risk.HIGH)
    if not count:
        return Impact((f"There is no {spec['names']['kind']} now; none can be made any more.",), Risk.HIGH)
    gone = "1 object goes" if count == 1 else f"{count} objects go"
    return Impact((f"{gone} with it, in all namespaces (kind {spec['names']['kind']}).",), Risk.HIGH)


def _node(ctx: Context, live: Object, going: Going) -> Impact:
    pods = visible(ctx, "pods", None, fields=f"spec.nodeName={live['metadata']['name']}")
    return Impact((f"Its {pods_text(len(pods))} are given up and made again on other nodes.",), Risk.HIGH)


def _autoscaler(ctx: Context, live: Object, going: Going) -> Impact:
    target = live["spec"]["scaleTargetRef"]
    return Impact((f"{target['kind']} {target['name']} keeps the replicas that it has just then.",), Risk.MEDIUM)


def _budget(ctx: Context, live: Object, going: Going) -> Impact:
    return Impact(("Draining a node may then stop all of the pods at once that it protects.",), Risk.MEDIUM)


def _network_policy(ctx: Context, live: Object, going: Going) -> Impact:
    return Impact(("The pods that it selects may be reachable from everywhere then.",), Risk.HIGH)


def _binding(ctx: Context, live: Object, going: Going) -> Impact:
    names = [f"{one['kind'].lower()} {one['name']}" for one in live.get("subjects") or ()]
    role = (live.get("roleRef") or {}).get("name", "")
    return Impact((f"{', '.join(names) or 'Nobody'} loses the rights of {role}.",), Risk.HIGH)


def _role(ctx: Context, live: Object, going: Going) -> Impact:
    space = live["metadata"].get("namespace")
    kinds = ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io")
    bound = [
        one["metadata"]["name"]
        for kind in (kinds[:1] if space else kinds)
        for one in visible(ctx, kind, space)
        if (one["roleRef"]["kind"], one["roleRef"]["name"]) == (live["kind"], live["metadata"]["name"])
    ]
    return Impact((f"Bindings that give nothing then: {', '.join(bound)}.",) if bound else (), Risk.HIGH)


def _dependents(ctx: Context, live: Object, propagation: str) -> Impact:
    """What the garbage collector takes away with an object that others name as their owner."""
    uid, space = live["metadata"].get("uid"), live["metadata"].get("namespace")
    if not space or propagation == "Orphan":
        return Impact((), Risk.MEDIUM)
    owned: list[str] = []
    for plural in _OWNED:
        for item in visible(ctx, plural, space, metadata_only=True):
            if any(own.get("uid") == uid for own in item["metadata"].get("ownerReferences") or ()):
                owned.append(f"{item['kind'].lower()} {item['metadata']['name']}")
    more = f" and {len(owned) - _MOST} more" if len(owned) > _MOST else ""
    return Impact((f"Goes with it: {', '.join(owned[:_MOST])}{more}.",) if owned else (), Risk.MEDIUM)


_MOST = 8
_OWNED = (
    *("deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "pods"),
    *("services", "configmaps", "secrets", "persistentvolumeclaims"),
)
_KINDS: dict[str, Callable[[Context, Object, Going], Impact]] = {
    "Pod": _pod,
    "Job": _job,
    "Service": _service,
    "Ingress": _ingress,
    "ConfigMap": _used,
    "Secret": _used,
    "ServiceAccount": _used,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "Namespace": _namespace,
    "CustomResourceDefinition": _definition,
    "Node": _node,
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": _budget,
    "NetworkPolicy": _network_policy,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "Role": _role,
    "ClusterRole": _role,
}
