"""A copy of a pod that only sleeps: what the application would have, without the application."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tools.change import HelperJob
from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.helpers.job import helper_job, helper_ref
from tools.kubernetes.helpers.position import Position

Object = Mapping[str, Any]

# Of a container, what would start something, or make the kubelet restart or judge it.
_NOT_COPIED = (
    "command",
    "args",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "ports",
    "stdin",
    "tty",
)
_SAME = ("volumes", "securityContext", "automountServiceAccountToken", "shareProcessNamespace", "hostPID", "hostIPC")
_SERVICE_TOKEN = "kube-api-access-"  # noqa: S105 - a name that admission gives, and will give again


def copy_of(ctx: Context, place: Position, name: str, container: str | None, seconds: int) -> HelperJob:
    """The Job of a sleeping copy; its own labels are such that no service, budget or policy knows it."""
    pod: Object = place.pod or {}
    known = {one["name"]: one for one in pod["spec"]["containers"]}
    chosen = known.get(container) if container else place.container
    if chosen is None:
        raise NotFound(
            f"Pod {pod['metadata']['name']} has no container {container!r}.", f"There are: {', '.join(known)}."
        )
    ref = helper_ref(place.namespace, "copy")
    sleeping = {key: copy.deepcopy(value) for key, value in chosen.items() if key not in _NOT_COPIED}
    sleeping |= {"command": ["sleep", str(seconds)], "volumeMounts": _mounts(pod, chosen)}
    extra = {key: copy.deepcopy(pod["spec"][key]) for key in _SAME if key in pod["spec"]}
    extra["volumes"] = [one for one in extra.get("volumes") or () if not one["name"].startswith(_SERVICE_TOKEN)]
    labels = {"app.kubernetes.io/name": "shipmate-copy", "app.kubernetes.io/created-by": "shipmate"}
    manifest = helper_job(ref, place, [sleeping], seconds=seconds, labels=labels, extra=extra)
    others = [one for one in known if one != chosen["name"]]
    notes = [
        "Its labels are not those of the pod, so no service leads to it, and network policies for the pod do not hold"
        " for it.",
        *([f"Volume claims are mounted read-only: {', '.join(_claims(pod))}."] if _claims(pod) else []),
        *([f"Of the pod's containers only {chosen['name']} is copied, without {', '.join(others)}."] if others else []),
        *(["Init containers are left out."] if pod["spec"].get("initContainers") else []),
    ]
    return HelperJob(
        summary=f"start a sleeping copy of {name} in {place.namespace} for {seconds // 60} minutes",
        ref=ref, manifest=manifest, asks="debug", about={"notes": notes}, keeps=True,
        why="to look around in what the application is given, without touching it",
    )  # fmt: skip


def _mounts(pod: Object, container: Object) -> list[dict[str, Any]]:
    """The container's mounts: those of claims read-only, and the service account's left to admission."""
    claims = {one["name"] for one in pod["spec"].get("volumes") or () if one.get("persistentVolumeClaim")}
    return [
        {**mount, "readOnly": True} if mount["name"] in claims else dict(mount)
        for mount in container.get("volumeMounts") or ()
        if not mount["name"].startswith(_SERVICE_TOKEN)
    ]


def _claims(pod: Object) -> list[str]:
    volumes = pod["spec"].get("volumes") or ()
    return [one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")]
