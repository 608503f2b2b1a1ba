"""A pod finds no node: too little cpu or memory, taints, selectors, a volume, the limit of pods."""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import Patch, Ref
from tools.finding import Asks, Evidence, Fix
from tools.kubernetes.diagnose.affinity import affinity_text, corrected, terms_text
from tools.kubernetes.diagnose.mending import pod_patch
from tools.kubernetes.diagnose.rule import Seen, back_fix, change_fix, cut, event, latest, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.diagnose.superseded import superseded
from tools.kubernetes.handlers.foresight.capacity import needs, reserved, room, room_text
from tools.kubernetes.quantity import parse
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import containers_of, ref_of, scale_change

IDS = {
    "SM-PENDING-CPU": "no node has enough CPU left",
    "SM-PENDING-MEMORY": "no node has enough memory left",
    "SM-PENDING-PODS": "the nodes run as many pods as they may",
    "SM-PENDING-TAINT": "every node that would do keeps the pod off (taint, cordon)",
    "SM-PENDING-SELECTOR": "no node matches the pod's selector or affinity",
    "SM-PENDING-PORT": "another pod holds the port of the node that the pod wants",
    "SM-PENDING-APART": "pods that must not share a node find no other one",
    "SM-PENDING-VOLUME": "the pod waits for a volume",
    "SM-PENDING-NO-NODES": "there is no node",
    "SM-PENDING-GATED": "somebody holds the pod back (scheduling gates)",
    "SM-PENDING": "no node takes the pod for another reason",
}
_PATIENCE = 5.0  # seconds in which a pod may wait without anything being wrong


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each workload with pods that wait for a node."""
    waiting: dict[str, list[Object]] = {}
    for pod in snap.pods:
        if _unschedulable(snap, pod) and not superseded(snap.owner(pod), pod):
            waiting.setdefault(snap.owner(pod)["metadata"]["uid"], []).append(pod)
    for pods in waiting.values():
        yield _finding(snap, snap.owner(pods[0]), pods)


def _unschedulable(snap: Snapshot, pod: Object) -> str:
    if pod["metadata"].get("deletionTimestamp") or (pod.get("status") or {}).get("phase") != "Pending":
        return ""
    for item in pod["status"].get("conditions") or ():
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            old = snap.seconds_since(pod["metadata"]["creationTimestamp"]) > _PATIENCE
            return str(item.get("message") or item.get("reason")) if old else ""
    return ""


def _finding(snap: Snapshot, owner: Object, pods: list[Object]) -> Seen:
    pod, message = pods[0], _unschedulable(snap, pods[0])
    if pod["spec"].get("schedulingGates"):
        gates = ", ".join(gate["name"] for gate in pod["spec"]["schedulingGates"])
        return seen(
            "SM-PENDING-GATED",
            owner,
            f"{pods_text(len(pods), owner)} wait for {gates} to let them go.",
            fixes=(Fix(text=f"Look at who sets the gate {gates}."),),
        )
    told = Evidence(source="event", text=cut(message.partition(" preemption:")[0]))
    if place := _elsewhere(snap, pod, message):
        return seen(
            "SM-PENDING-VOLUME",
            owner,
            f"{pods_text(len(pods), owner)} wait for a node that has {place}.",
            chain=(f"{pods_text(len(pods), owner)} cannot start", f"no node that takes them has {place}"),
            evidence=(told,),
            fixes=(Fix(text="Bring that node back, or restore the data to a new volume."),),
        )
    if claims := _claims(snap, pod, message):
        names = ", ".join(claim.name for claim in claims)
        return seen(
            "SM-PENDING-VOLUME",
            owner,
            f"{pods_text(len(pods), owner)} wait for the volume of claim {names}.",
            evidence=(told,),
            symptom_of=claims,
        )
    nodes = snap.all("nodes")
    others = snap.once("placed", lambda: [item for item in snap.every_pod if item["spec"].get("nodeName")])
    found = room(nodes, others, pod, len(pods), snap.once("reserved", lambda: reserved(others)))
    id, why = _port(others, pod, message) or _reason(found.reasons, message, bool(nodes))
    why = f"{why}{_asked(id, pod)}"
    sums = room_text(found, pod["spec"], replicas_of(owner) or 1, len(pods))
    return seen(
        id,
        owner,
        f"{pods_text(len(pods), owner)} find{'s' if len(pods) == 1 else ''} no node: {why}.",
        chain=(f"{pods_text(len(pods), owner)} cannot start", why),
        evidence=(told, Evidence(source="metric", text=sums), event(latest(snap, pod, "NotTriggerScaleUp"))),
        fixes=_fixes(snap, id, owner, pods, found.ever),
    )


def _asked(id: str, pod: Object) -> str:
    """What the pod asks for, in the words of its own spec."""
    if id == "SM-PENDING-SELECTOR" and (terms := affinity_text(pod["spec"])):
        return f" ({terms})"
    what = {"SM-PENDING-CPU": "cpu", "SM-PENDING-MEMORY": "memory"}.get(id, "")
    containers = (*(pod["spec"].get("initContainers") or ()), *(pod["spec"].get("containers") or ()))
    asked = [((item.get("resources") or {}).get("requests") or {}).get(what) for item in containers]
    return f" (it asks for {' + '.join(filter(None, asked))})" if any(asked) else ""


def _claims(snap: Snapshot, pod: Object, message: str) -> list[Ref]:
    """The claims of the pod that are not bound, when the scheduler speaks of volumes."""
    if not any(word in message for word in ("persistentvolumeclaim", "PersistentVolumeClaim", "volume node affinity")):
        return []
    space = pod["metadata"].get("namespace")
    found: list[Ref] = []
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        claim = snap.find("persistentvolumeclaims", name, space) if name else None
        if name and (claim is None or (claim.get("status") or {}).get("phase") != "Bound"):
            found.append(Ref(api_version="v1", kind="PersistentVolumeClaim", name=name, namespace=space))
    return found


def _elsewhere(snap: Snapshot, pod: Object, message: str) -> str:
    """The bound volume that is tied to other nodes, and to which."""
    if "volume node affinity" not in message and "PersistentVolume's node affinity" not in message:
        return ""
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        claim = snap.find("persistentvolumeclaims", name, pod["metadata"]["namespace"]) if name else None
        bound = snap.find("persistentvolumes", claim["spec"].get("volumeName", ""), None) if claim else None
        if bound and (terms := terms_text((bound["spec"].get("nodeAffinity") or {}).get("required") or {})):
            return f"volume {bound['metadata']['name']} of claim {name} ({terms})"
    return ""


def _port(others: list[Object], pod: Object, message: str) -> tuple[str, str] | None:
    """The host port that is taken, and by which pods."""
    wanted = _host_ports(pod)
    if "free ports" not in message or not wanted:
        return None
    holders = {item["metadata"]["name"]: wanted & _host_ports(item) for item in others}
    taken = sorted({str(port) for ports in holders.values() for port, _ in ports} or {str(port) for port, _ in wanted})
    names = [name for name, ports in holders.items() if ports]
    held = f" by {', '.join(f'pod {name}' for name in names[:3])}" if names else ""
    return "SM-PENDING-PORT", f"port {', '.join(taken)} of the nodes is taken{held}"


def _host_ports(pod: Object) -> set[tuple[int, str]]:
    """The ports of its node that a pod takes, with their protocol."""
    return {
        (port["hostPort"], port.get("protocol", "TCP"))
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }


def _reason(reasons: object, message: str, nodes: bool) -> tuple[str, str]:
    """The obstacle that keeps the most nodes out, in words."""
    counts: dict[str, int] = dict(reasons) if isinstance(reasons, dict) else {}
    if not nodes or "no nodes available" in message:
        return "SM-PENDING-NO-NODES", "there is no node to run it"
    if not counts:
        return "SM-PENDING", cut(message, 200)
    worst = max(counts, key=lambda reason: (counts[reason], "too little" in reason))
    short = [reason for reason in counts if "too little" in reason]
    worst = short[0] if short else worst
    if worst == "too little CPU left":
        return "SM-PENDING-CPU", "no node has enough CPU left"
    if worst == "too little memory left":
        return "SM-PENDING-MEMORY", "no node has enough memory left"
    if worst == "the limit of pods is reached":
        return "SM-PENDING-PODS", worst
    if worst.startswith(("taint", "cordoned", "not ready")):
        kept = "the nodes are cordoned" if worst == "cordoned" else f"the nodes keep it off ({worst})"
        return "SM-PENDING-TAINT", kept
    if worst.endswith("is there") and "pod" in worst:
        return "SM-PENDING-APART", f"its pods must not share a node, and {worst}"
    if "label" in worst or "affinity" in worst or "names another" in worst:
        return "SM-PENDING-SELECTOR", f"every node is {worst}" if worst.startswith(("without", "ruled")) else worst
    return "SM-PENDING", worst


def _fixes(snap: Snapshot, id: str, owner: Object, pods: list[Object], ever: bool) -> list[Fix]:
    fixes = [fix for fix in (_slip(snap, id, owner, pods[0]), back_fix(snap, owner)) if fix]
    running = replicas_of(owner) - len(pods)
    if running > 0 and id in ("SM-PENDING-APART", "SM-PENDING-PORT") and owner["kind"] in ("Deployment", "StatefulSet"):
        fixes.append(
            change_fix(f"Scale to the {running} that fit, until there is a node more.", scale_change(owner, running))
        )
    if id in ("SM-PENDING-CPU", "SM-PENDING-MEMORY", "SM-PENDING-PODS"):
        asked = ", ".join(sorted(needs(pods[0]["spec"])))
        fixes.append(Fix(text=f"Lower the requests ({asked}) of its containers, or free room on the nodes."))
        if not ever:
            fixes.append(Fix(text="No node is large enough for one such pod, even when empty: lower its requests."))
        if owner["kind"] in ("Deployment", "StatefulSet") and running > 0:
            fixes.append(change_fix(f"Scale to the {running} that fit.", scale_change(owner, running)))
        fixes += [fix for fix in (_less(id, owner),) if fix]
    if id == "SM-PENDING-PORT":
        fixes.append(Fix(text="Give one of the two another host port, or do without: a service needs none."))
    if change := _without_surge(owner, pods):
        fixes.append(change_fix("Let an old pod go before each new one comes, so that no more room is needed.", change))
    if id == "SM-PENDING-TAINT":
        fixes.append(Fix(text="Uncordon a node, or give the pod a toleration if it belongs there."))
    if id == "SM-PENDING-SELECTOR":
        fixes.append(Fix(text=f"Label a node accordingly, or correct the node selector of {ref_of(owner)}."))
    return fixes


def _slip(snap: Snapshot, id: str, owner: Object, pod: Object) -> Fix | None:
    """The label that the affinity of the pods probably means."""
    nodes = snap.all("nodes")
    found = corrected(pod["spec"], nodes) if id == "SM-PENDING-SELECTOR" else None
    change = (
        pod_patch(owner, "set affinity", f"correct {found.told} in the affinity of the pods", found.body)
        if found
        else None
    )
    return change_fix(f"Correct {found.told}.", change) if found and change else None


def _less(id: str, owner: Object) -> Fix | None:
    """A smaller request of the container that asks for the most; only a person knows how little will do."""
    what = {"SM-PENDING-CPU": "cpu", "SM-PENDING-MEMORY": "memory"}.get(id)
    asking = [item for item in containers_of(owner) if what in ((item.get("resources") or {}).get("requests") or {})]
    if not what or not asking or owner["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        return None
    largest = max(asking, key=lambda item: parse(item["resources"]["requests"][what]))
    entry = {"name": largest["name"], "resources": {"requests": {what: "{value}"}}}
    change = pod_patch(owner, "set resources", f"set the {what} request to {{value}}", {"containers": [entry]})
    now = largest["resources"]["requests"][what]
    question = f"How much {what} shall container {largest['name']} of {ref_of(owner)} request, instead of {now}?"
    return Fix(text="Request less.", changes=(change,), asks=Asks(question=question)) if change else None


def _without_surge(owner: Object, pods: list[Object]) -> Patch | None:
    """For a rollout that waits for room beside all the old pods: do without that."""
    rolling = ((owner.get("spec") or {}).get("strategy") or {}).get("rollingUpdate") or {}
    kept = rolling.get("maxUnavailable", "25%")
    wanted, ready = replicas_of(owner), (owner.get("status") or {}).get("readyReplicas", 0)
    share = int(str(kept).rstrip("%")) * wanted // 100 if isinstance(kept, str) else kept
    if owner["kind"] != "Deployment" or share or not wanted or ready < wanted or len(pods) > wanted:
        return None
    ref = ref_of(owner)
    parts = {"maxUnavailable": 1, "maxSurge": 0}
    return Patch(
        summary=f"let {ref} replace its pods one after the other, without more of them meanwhile",
        ref=ref,
        verb="set strategy",
        patch={"spec": {"strategy": {"rollingUpdate": parts}}},
    )
