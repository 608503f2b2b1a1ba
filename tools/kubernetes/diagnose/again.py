"""An object made anew where the API lets nobody change it: deleted, then made with parts replaced. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from tools.change import ApplyManifest, Change, Delete
from tools.kubernetes.workload_changes import ref_of

_OWN = ("name", "namespace", "labels", "annotations", "finalizers")
_GIVEN = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")


def made_again(obj: Mapping[str, Any], spec: Mapping[str, Any], why: str) -> tuple[Change, ...]:
    """Delete an object and make it again with fields of its spec replaced (None: removed); `why` ends the summary."""
    ref = ref_of(obj)
    meta = {name: deepcopy(obj["metadata"][name]) for name in _OWN if obj["metadata"].get(name)}
    body = {name: value for name, value in {**deepcopy(obj["spec"]), **spec}.items() if value is not None}
    if obj["kind"] == "Job":
        _forget_run(meta, body)
    manifest = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta, "spec": body}
    return (
        Delete(summary=f"delete {ref}", ref=ref),
        ApplyManifest(summary=f"make {ref} again {why}", ref=ref, manifest=manifest, create_only=True),
    )


def _forget_run(meta: dict[str, Any], body: dict[str, Any]) -> None:
    """What the server gave to one run of a job, and would refuse in another."""
    if not body.get("manualSelector"):
        body.pop("selector", None)
    for labels in (meta.get("labels") or {}, (body["template"].get("metadata") or {}).get("labels") or {}):
        for name in _GIVEN:
            labels.pop(name, None)
