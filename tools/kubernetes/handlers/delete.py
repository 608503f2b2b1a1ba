"""Delete one object: what goes with it is said before, and what can come back is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.change import ApplyManifest, Change, Delete, Ref
from tools.context import Context
from tools.errors import Forbidden, NotFound, Refused
from tools.kubernetes.handlers.diff import clean
from tools.kubernetes.handlers.impact import env_sources, owner_warnings, service_names
from tools.kubernetes.handlers.preflight import (
    attempt,
    check_shown,
    live_object,
    made_earlier,
    missing_right,
    previewing,
)
from tools.kubernetes.handlers.show_diff import unified
from tools.kubernetes.rollout.health import gone
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import template_of
from tools.permit import Permit
from tools.preview import Applied, Preview, Risk, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.redact import redact_object
from tools.sealing import seal

Object = dict[str, Any]

# What is lost with an object of that kind and no manifest brings back.
_NOT_BACK = {
    "Namespace": "everything in the namespace goes with it, and only an empty one could be made again",
    "PersistentVolumeClaim": "the data on its volume cannot be brought back by making the claim again",
    "PersistentVolume": "the data on it cannot be brought back by making it again",
    "CustomResourceDefinition": "all objects of that kind go with it",
    "Node": "the node registers itself again, if it still runs",
}
_RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")


class DeleteHandler:
    """Handles `Delete`."""

    @previewing
    def preview(self, ctx: Context, change: Delete, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"dry run: {change.summary}")
        ref, summary = change.ref, change.summary
        try:
            path = ctx.cluster.path(ref)
        except NotFound as error:
            return Preview(summary=summary, blockers=(str(error),))
        writes = (Write(door="kubernetes", method="DELETE", path=path),)
        live = live_object(ctx, ref)
        if live is None:
            if made_earlier(earlier, ref):
                return Preview(summary=summary, writes=writes, provisional=True)
            return Preview(summary=summary, writes=writes, noop=True, warnings=(f"There is no {ref}.",))
        uid = live["metadata"]["uid"]
        if blockers := missing_right(ctx, "delete", ref):
            return Preview(summary=summary, blockers=blockers, uid=uid, writes=writes)
        tried = attempt(ctx, "DELETE", path, _options(change, uid), "application/json")
        warnings, risk = _losses(ctx, live, change)
        why_not = _no_way_back(live)
        return Preview(
            summary=summary,
            diff=unified(clean(live), None, str(ref), redact_object),
            warnings=(*tried.warnings, *warnings, *owner_warnings(ctx, live)),
            blockers=tried.blockers,
            risk=risk,
            undo="" if why_not else "It is made again from what is kept of it.",
            no_undo=why_not,
            uid=uid,
            writes=writes,
        )

    def apply(self, ctx: Context, change: Delete, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(change.summary)
        live = live_object(ctx, change.ref)
        check_shown(ctx, change.ref, live, preview.uid, preview.shown)
        kept = seal(ctx, clean(live or {}))
        applied = Applied(summary=change.summary, before=kept, facts={"uid": preview.uid, "no_undo": preview.no_undo})
        permit.keep(applied)
        ctx.cluster.write(
            permit, "DELETE", ctx.cluster.path(change.ref), _options(change, preview.uid or ""), "application/json"
        )
        return applied

    def verify(self, ctx: Context, change: Delete, applied: Applied) -> Steps[Verification]:
        return (yield from gone(ctx, change.ref, applied.facts["uid"]))

    def invert(self, ctx: Context, change: Delete, applied: Applied) -> Undo:
        if why := applied.facts.get("no_undo"):
            raise Refused(f"Deleting {change.ref} cannot be taken back: {why}.")
        manifest = restorable(applied.before)
        note = ("Its pods start anew.",) if change.ref.kind in _RUNNING else ()
        back = ApplyManifest(
            summary=f"make {change.ref} again", why="undo", ref=change.ref, manifest=manifest, create_only=True
        )
        return Undo(changes=(back,), notes=note)


def restorable(kept: Mapping[str, Any]) -> Object:
    """The manifest that makes a deleted object again, without what the server gives to each object anew."""
    meta = {
        key: value
        for key, value in (kept.get("metadata") or {}).items()
        if key
        not in ("finalizers", "ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName")
    }
    manifest = {**kept, "metadata": meta}
    spec: Object = dict(manifest.get("spec") or {})
    if manifest.get("kind") == "Service" and spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    if manifest.get("kind") == "Pod":
        spec.pop("nodeName", None)
    if manifest.get("kind") == "Job" and not spec.get("manualSelector"):
        spec.pop("selector", None)
        labels = {
            k: v
            for k, v in (spec["template"].get("metadata") or {}).get("labels", {}).items()
            if "controller-uid" not in k
        }
        spec["template"] = {
            **spec["template"],
            "metadata": {**(spec["template"].get("metadata") or {}), "labels": labels},
        }
    return {**manifest, "spec": spec} if "spec" in manifest else manifest


def _options(change: Delete, uid: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": change.propagation,
        "preconditions": {"uid": uid},
    }


def _no_way_back(live: Object) -> str:
    if why := _NOT_BACK.get(live["kind"]):
        return why
    if live["kind"] == "Pod" and any(own.get("controller") for own in live["metadata"].get("ownerReferences") or ()):
        return "its controller makes a new one by itself"
    if live["kind"] == "Secret" and live.get("type") == "kubernetes.io/service-account-token":
        return "its token is valid only while it exists"
    return ""


def _losses(ctx: Context, live: Object, change: Delete) -> tuple[tuple[str, ...], Risk]:
    """What goes with the object."""
    kind, ref = live["kind"], change.ref
    if kind == "Namespace":
        return _namespace_losses(ctx, ref.name), Risk.HIGH
    if kind == "PersistentVolumeClaim":
        return _claim_losses(ctx, live), Risk.HIGH
    if kind in ("PersistentVolume", "CustomResourceDefinition", "Node"):
        return (f"{kind} {ref.name}: {_NOT_BACK[kind]}.",), Risk.HIGH
    if kind in _RUNNING:
        return _workload_losses(ctx, live, change), Risk.HIGH if replicas_of(live) else Risk.MEDIUM
    if kind == "Pod":
        return _pod_losses(ctx, live), Risk.MEDIUM
    if kind == "Service":
        return ("Whoever connects to it by name or address no longer can.",), Risk.HIGH
    if kind in ("ConfigMap", "Secret"):
        users = _users(ctx, live)
        lost = (f"Used by {', '.join(users)}: their pods cannot start again without it.",) if users else ()
        return lost, Risk.HIGH if users else Risk.MEDIUM
    return (), Risk.MEDIUM


def _workload_losses(ctx: Context, live: Object, change: Delete) -> tuple[str, ...]:
    count = replicas_of(live)
    if change.propagation == "Orphan":
        return (f"Its {count} pods keep running, but nobody replaces them any more.",)
    lost = [f"{count} pod{'s' if count != 1 else ''} will be stopped."] if count else []
    if served := service_names(ctx, live):
        lost.append(f"Service {', '.join(served)} will have no endpoints.")
    if live["kind"] == "StatefulSet" and live["spec"].get("volumeClaimTemplates"):
        policy = (live["spec"].get("persistentVolumeClaimRetentionPolicy") or {}).get("whenDeleted", "Retain")
        kept = "stay" if policy == "Retain" else "are deleted with it, data included"
        lost.append(f"The volume claims of its pods {kept}.")
    return tuple(lost)


def _pod_losses(ctx: Context, live: Object) -> tuple[str, ...]:
    owner = next((own for own in live["metadata"].get("ownerReferences") or () if own.get("controller")), None)
    if owner:
        return (f"{owner['kind']} {owner['name']} makes a new pod in its place at once.",)
    return ("No controller owns it: nothing makes it again.",)


def _claim_losses(ctx: Context, live: Object) -> tuple[str, ...]:
    lost: list[str] = []
    if volume := live["spec"].get("volumeName"):
        policy = "Delete"
        try:
            found = ctx.cluster.read(Ref(api_version="v1", kind="PersistentVolume", name=volume))
            policy = found["spec"].get("persistentVolumeReclaimPolicy", "Delete")
        except (NotFound, Forbidden):
            pass
        fate = "is deleted for good" if policy == "Delete" else f"stays in volume {volume} (reclaim policy {policy})"
        lost.append(f"Its data {fate}.")
    if users := _users(ctx, live):
        lost.append(f"{', '.join(users)} use it; it goes once they have stopped.")
    return tuple(lost)


def _namespace_losses(ctx: Context, name: str) -> tuple[str, ...]:
    """What is in the namespace, counted by kind."""
    counts: list[str] = []
    for kind in ("deployments.apps", "statefulsets.apps", "pods", "services", "persistentvolumeclaims", "secrets"):
        resource = ctx.cluster.kinds.resolve(kind)
        try:
            number = sum(1 for _ in ctx.cluster.list(resource, name, metadata_only=True))
        except Forbidden:
            continue
        if number:
            counts.append(f"{number} {resource.singular if number == 1 else resource.plural}")
    return (f"All that is in it goes for good: {', '.join(counts) or 'it is empty'}.",)


def _users(ctx: Context, live: Object) -> list[str]:
    """Pods and Deployments that use a claim, ConfigMap or Secret."""
    name, kind, space = live["metadata"]["name"], live["kind"], live["metadata"].get("namespace")
    users: list[str] = []
    for plural in ("deployments.apps", "statefulsets.apps", "pods"):
        resource = ctx.cluster.kinds.resolve(plural)
        try:
            items = list(ctx.cluster.list(resource, space))
        except Forbidden:
            continue
        for item in items:
            if item["metadata"].get("ownerReferences"):
                continue
            if uses(template_of(item).get("spec") or {}, kind, name):
                users.append(f"{resource.singular} {item['metadata']['name']}")
    return users


def uses(spec: Mapping[str, Any], kind: str, name: str) -> bool:
    """Whether a pod mounts or reads an object of that kind and name."""
    if kind in ("ConfigMap", "Secret") and name in env_sources(spec, kind):
        return True
    for volume in spec.get("volumes") or ():
        sources = (volume, *((volume.get("projected") or {}).get("sources") or ()))
        for source in sources:
            if kind == "PersistentVolumeClaim" and (source.get("persistentVolumeClaim") or {}).get("claimName") == name:
                return True
            if kind == "ConfigMap" and (source.get("configMap") or {}).get("name") == name:
                return True
            secret = source.get("secret") or {}
            if kind == "Secret" and name in (secret.get("secretName"), secret.get("name")):
                return True
    return kind == "Secret" and any(item.get("name") == name for item in spec.get("imagePullSecrets") or ())
