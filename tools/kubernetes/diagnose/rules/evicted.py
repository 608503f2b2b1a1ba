"""Pods that the kubelet evicted, and which resource ran short.

Example: three pods of deployment cache with reason Evicted, since the node was low on ephemeral-storage. Pods that
were evicted long ago and have been replaced since are history.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from tools.finding import Evidence, Fix, Severity
from tools.kubernetes.diagnose.crash_fixes import doubled, larger_volume
from tools.kubernetes.diagnose.rule import Seen, change_fix, cut, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import containers_of, ref_of, resources_change

IDS = {
    "SM-EVICTED": "the node ran short of something and evicted pods",
    "SM-EPHEMERAL-STORAGE": "the pods wrote more to their local disk than they may",
    "SM-PREEMPTED": "pods had to make room for more important ones",
}
_RECENT = 3600.0  # seconds
_LOW = re.compile(r"low on resource: (?P<what>[\w-]+)")
_OWN = re.compile(
    r"ephemeral local storage usage exceeds|exceeds the total limit|exceeded its local ephemeral storage"
    r"|[Uu]sage of EmptyDir volume .* exceeds"
)
_VOLUME = re.compile(r'[Uu]sage of EmptyDir volume "(?P<name>[^"]+)" exceeds')
_CONTAINER = re.compile(r"[Cc]ontainer (?P<name>\S+) exceeded its local ephemeral storage limit")


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each workload that lost pods a short while ago."""
    lost: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for pod in snap.pods:
        status = pod.get("status") or {}
        message, reason = str(status.get("message", "")), status.get("reason")
        taken = condition(pod, "DisruptionTarget")
        if reason not in ("Evicted", "Preempting") and taken.get("reason") != "PreemptionByScheduler":
            continue
        when = taken.get("lastTransitionTime") or status.get("startTime")
        if snap.seconds_since(when) < _RECENT and _is_current(snap, pod):
            kind = "SM-EPHEMERAL-STORAGE" if _OWN.search(message) else "SM-EVICTED"
            kind = kind if reason == "Evicted" else "SM-PREEMPTED"
            lost[kind, snap.owner(pod)["metadata"]["uid"]].append(pod)
    for (kind, _), pods in lost.items():
        yield _finding(snap, kind, pods)


def _is_current(snap: Snapshot, pod: Object) -> bool:
    """Whether its Deployment still makes such pods: what became of a former template is history."""
    owner = snap.owner(pod)
    if owner["kind"] != "Deployment":
        return True
    sets = [item for item in snap.all("replicasets.apps") if snap.owner(item) is owner]
    newest = max(sets, key=lambda item: item["metadata"]["creationTimestamp"], default=None)
    own = {entry["uid"] for entry in pod["metadata"].get("ownerReferences") or ()}
    return newest is None or newest["metadata"]["uid"] in own or (newest["spec"].get("replicas") or 0) == 0


def _more_room(owner: Object, pod: Object, message: str) -> Fix | None:
    """Twice the limit that the kubelet names: of a volume, or of a container's own disk."""
    if found := _VOLUME.search(message):
        volume = next((item for item in pod["spec"].get("volumes") or () if item["name"] == found["name"]), {})
        return larger_volume(owner, volume).fix if (volume.get("emptyDir") or {}).get("sizeLimit") else None
    if owner["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        return None
    limits = {item["name"]: _disk_limit(item) for item in containers_of(owner) if _disk_limit(item)}
    named = _CONTAINER.search(message)
    name = named["name"] if named else next(iter(limits), "") if len(limits) == 1 else ""
    if name not in limits:
        return None
    more = doubled(limits[name])
    change = resources_change(owner, name, limits={"ephemeral-storage": more})
    return change_fix(f"Raise the limit of ephemeral-storage from {limits[name]} to {more}.", change)


def _disk_limit(container: Object) -> str:
    return str(((container.get("resources") or {}).get("limits") or {}).get("ephemeral-storage") or "")


def _finding(snap: Snapshot, kind: str, pods: list[Object]) -> Seen:
    owner, message = snap.owner(pods[0]), str((pods[0].get("status") or {}).get("message", ""))
    who = pods_text(len(pods), owner)
    if kind == "SM-EPHEMERAL-STORAGE":
        why = "they wrote more to the local disk than their limit"
        fix = "Write to a volume, rotate the logs, or raise the limit of ephemeral-storage."
    elif kind == "SM-PREEMPTED":
        message = str(condition(pods[0], "DisruptionTarget").get("message", message))
        why, fix = "pods of a higher priority needed the room", "Add room, or give them a higher priority class."
    else:
        low = _LOW.search(message)
        what = low["what"] if low else "something"
        why = f"node {pods[0]['spec'].get('nodeName')} ran short of {what}"
        fix = f"Request as much {what} as they use, so that they go to nodes that have it; then free some there."
    return seen(
        kind,
        owner,
        f"{who} {'was' if len(pods) == 1 else 'were'} evicted: {why}.",
        severity=Severity.WARNING,
        chain=(f"{ref_of(owner)} lost {len(pods)} pod{'s' if len(pods) > 1 else ''}", why),
        evidence=(Evidence(source="field", text=cut(f"status.message = {message}")),),
        fixes=(_more_room(owner, pods[0], message) if kind == "SM-EPHEMERAL-STORAGE" else None, Fix(text=fix)),
    )
