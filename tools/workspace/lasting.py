"""A ready-made change of one object, taken the way that lasts: through the Helm release that owns the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.change import Change, Patch, Proposal, RolloutUndo, Scale
from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.helm import store
from tools.helm.documents import documents
from tools.helm.values import Values
from tools.kubernetes.look.owners import helm_release, owners
from tools.kubernetes.workload_changes import containers_of, ref_of
from tools.workspace.chart_values import image_values
from tools.workspace.editing import chart_settings
from tools.workspace.routing import Managed, Subject, changed
from tools.workspace.scaling import scale_subject
from tools.workspace.workloads import rollback

Object = dict[str, Any]


def lasting(ctx: Context, change: Change) -> Proposal:
    """The same change through the release that owns its object; as it is where none does, or only past it."""
    if not isinstance(change, Patch | Scale | RolloutUndo):
        return Proposal(changes=(change,))
    live = ctx.cluster.read(change.ref)
    target = Subject(live, owners(ctx, live))
    owner = helm_release(live)
    if owner is None:
        return Proposal(changes=(change,), notes=target.notes)
    match change:
        case Scale():
            found = scale_subject(ctx, target, change.replicas)
        case RolloutUndo() if not _drifted(ctx, live, owner):
            found = _rolled_back(ctx, change)
        case Patch(patch=dict(body)) if change.verb != "restart":
            found = _through_values(ctx, target, change, body)
        case _:
            found = Proposal()
    if found.changes:
        return found
    text = f"It belongs to Helm release {owner[0]}, whose next upgrade puts the release's own settings back."
    return Proposal(changes=(change,), notes=(text, *target.notes))


def _through_values(ctx: Context, target: Subject, change: Patch, body: Mapping[str, Any]) -> Proposal:
    def values(found: Managed) -> Values:
        if image := _image_alone(target.live, body):
            return image_values(found.values, found.prefix, image)
        return chart_settings(found.values, found.prefix, target.live, body)

    return changed(ctx, target, values, lambda: change, change.summary, "")


def _image_alone(live: Object, body: Mapping[str, Any]) -> str:
    """The image, where the patch sets nothing but that of the first container."""
    pods: Mapping[str, Any] = ((body.get("spec") or {}).get("template") or {}).get("spec") or {}
    items: list[Object] = pods.get("containers") or []
    first = containers_of(live)[0]["name"] if items else ""
    alone = len(items) == 1 and set(items[0]) == {"name", "image"} and items[0]["name"] == first
    return str(items[0]["image"]) if alone else ""


def _rolled_back(ctx: Context, change: RolloutUndo) -> Proposal:
    ref = change.ref
    try:
        return rollback(ctx, name=ref.name, kind=ref.kind.lower(), namespace=ref.namespace)
    except BadRequest:  # the release has no earlier revision, but the workload has
        return Proposal()


def _drifted(ctx: Context, live: Object, owner: tuple[str, str]) -> bool:
    """Whether the workload runs other images than its release says: then the release is not what is at fault."""
    try:
        release = store.deployed(store.history(ctx, *owner))
    except (NotFound, BadRequest):
        return True
    for document in documents(release.manifest, release.namespace) if release else ():
        if (document.ref.kind, document.ref.name) == (ref_of(live).kind, ref_of(live).name):
            return _images(document.body) != _images(live)
    return True


def _images(workload: Mapping[str, Any]) -> list[str]:
    return [str(item.get("image")) for item in containers_of(workload)]
