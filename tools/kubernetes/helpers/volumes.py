"""Who may read a volume claim: the user of the pod that has it mounted, on that pod's node, and only to read."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.context import Context
from tools.errors import BadRequest
from tools.kubernetes.helpers.job import small_container
from tools.kubernetes.helpers.position import Position
from tools.kubernetes.look.lookup import get_one
from tools.kubernetes.look.related import visible

Object = Mapping[str, Any]
_MOUNT = "/volume"


@dataclass(frozen=True)
class Reader:
    """Where a helper stands to read the claim, and as whom."""

    claim: str
    position: Position
    user: Mapping[str, int]
    groups: tuple[int, ...]
    notes: tuple[str, ...]

    def inside(self, path: str) -> str:
        """The path under the mount; raises BadRequest for one that leads out of it."""
        if "\0" in path or ".." in path.split("/"):
            raise BadRequest(f"{path[:100]!r} leads out of the volume.", "Give a path within it, such as /logs.")
        return posixpath.normpath(f"{_MOUNT}/{path.strip().lstrip('/')}")

    def spec(self) -> dict[str, Any]:
        """The volume, and the groups that its files belong to; no fsGroup, which would change them."""
        volume = {"name": "claim", "persistentVolumeClaim": {"claimName": self.claim, "readOnly": True}}
        groups = {"securityContext": {"supplementalGroups": list(self.groups)}} if self.groups else {}
        return {"volumes": [volume], **groups}

    def container(self, name: str, image: str, argv: Sequence[str]) -> dict[str, Any]:
        """One program that sees the volume; as root only where the application reads it as root, too."""
        mount = {"name": "claim", "mountPath": _MOUNT, "readOnly": True}
        made = small_container(name, image, argv, self.user, volumeMounts=[mount])
        if not self.user.get("runAsUser"):
            made["securityContext"] |= {"runAsUser": 0, "runAsNonRoot": False}
        return made


def reader_of(ctx: Context, claim: str, namespace: str | None) -> Reader:
    """Beside a pod that has the claim mounted; without one as root, since nobody knows whose files they are."""
    _, found = get_one(ctx, "persistentvolumeclaim", claim, namespace)
    place, name = found["metadata"]["namespace"], found["metadata"]["name"]
    if "ReadWriteOncePod" in (found["spec"].get("accessModes") or ()):
        once: tuple[str, ...] = (f"Claim {name} lets one pod in at a time: this one waits until no other has it.",)
    else:
        once = ()
    pods = [pod for pod in visible(ctx, "pods", place) if _mounts(pod, name)]
    pod = next((one for one in pods if (one.get("status") or {}).get("phase") == "Running"), None)
    if pod is None:
        note = f"No running pod uses claim {name}, so it is read as root."
        return Reader(name, Position(f"namespace {place}", place), {}, (), (*once, note))
    position = Position(f"pod {pod['metadata']['name']}", place, pod)
    pod_wide: Object = pod["spec"].get("securityContext") or {}
    groups = [pod_wide["fsGroup"]] if pod_wide.get("fsGroup") else []
    user = position.user()
    notes = once if user.get("runAsUser") else (*once, "It is read as root, as the pod that uses it may do.")
    return Reader(name, position, user, (*groups, *(pod_wide.get("supplementalGroups") or ())), notes)


def _mounts(pod: Object, claim: str) -> bool:
    volumes = pod["spec"].get("volumes") or ()
    return any((one.get("persistentVolumeClaim") or {}).get("claimName") == claim for one in volumes)
