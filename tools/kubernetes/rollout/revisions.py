"""The revisions of a workload: what it ran before, kept by the cluster itself."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.context import Context
from tools.kubernetes.handlers.foresight.capacity import selects

Object = dict[str, Any]
_REVISION = "deployment.kubernetes.io/revision"
_CAUSE = "kubernetes.io/change-cause"


class Revision(NamedTuple):
    """One revision: its number, pod template, when it was first made, and the stated cause (often empty)."""

    number: int
    template: Object
    created: str
    cause: str

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(item.get("image", "") for item in (self.template.get("spec") or {}).get("containers") or ())


def revisions(ctx: Context, workload: Mapping[str, Any]) -> list[Revision]:
    """The revisions that are still kept, oldest first."""
    deployment = workload["kind"] == "Deployment"
    resource = ctx.cluster.kinds.resolve("replicasets.apps" if deployment else "controllerrevisions.apps")
    selector = workload["spec"].get("selector")
    exact = ",".join(f"{key}={value}" for key, value in ((selector or {}).get("matchLabels") or {}).items())
    found = [
        item
        for item in ctx.cluster.list(resource, workload["metadata"].get("namespace"), selector=exact)
        if any(own.get("uid") == workload["metadata"]["uid"] for own in item["metadata"].get("ownerReferences") or ())
        and (not deployment or selects(selector, item["metadata"].get("labels") or {}))
    ]
    read = _from_replica_set if deployment else _from_controller_revision
    return sorted((read(item) for item in found), key=lambda revision: revision.number)


def _from_replica_set(item: Mapping[str, Any]) -> Revision:
    notes: Mapping[str, str] = item["metadata"].get("annotations") or {}
    template = copy.deepcopy(item["spec"]["template"])
    (template.get("metadata") or {}).get("labels", {}).pop("pod-template-hash", None)
    return Revision(
        int(notes.get(_REVISION, "0")), template, item["metadata"]["creationTimestamp"], notes.get(_CAUSE, "")
    )


def _from_controller_revision(item: Mapping[str, Any]) -> Revision:
    template = copy.deepcopy(((item.get("data") or {}).get("spec") or {}).get("template") or {})
    template.pop("$patch", None)
    notes: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return Revision(int(item["revision"]), template, item["metadata"]["creationTimestamp"], notes.get(_CAUSE, ""))
