"""From source to a name that the cluster can pull: what must be built, and what must be delivered where."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tools.catalog import Result
from tools.change import BuildImage, Change, DeliverImage, Proposal, Ref
from tools.context import Context
from tools.docker.build import context_root, source_of
from tools.docker.read import context_report
from tools.docker.reference import Reference
from tools.docker.registry import Destination, announced, has, loader
from tools.errors import BadRequest, Forbidden, NeedsAnswer, NotFound, Unreachable
from tools.workspace.components import Component

_HOSTING = Ref(api_version="v1", kind="ConfigMap", name="local-registry-hosting", namespace="kube-public")


class ImagePlan(NamedTuple):
    """`changes` build and deliver an image, in order; afterwards the cluster can pull it as `reference`."""

    changes: tuple[Change, ...]
    reference: str
    notes: tuple[str, ...] = ()


def build_image(
    ctx: Context,
    *,
    component: str | None = None,
    path: str | None = None,
    tag: str | None = None,
    image: str | None = None,
) -> Proposal:
    """Build a container image from the source of a component (or of the folder `path`).

    Without `tag` the tag is made of the source, so that unchanged source is not built again. `image` sets another
    name than the component's, with or without a tag.
    """
    change = _build(ctx, _component(ctx, component, path), tag, image, force=False)
    if _is_built(ctx, change):
        return Proposal(notes=(f"{change.image} is built already, and its source has not changed since.",))
    return Proposal(changes=(change,))


def image_plan(ctx: Context, component: Component, tag: str | None = None, force: bool = False) -> ImagePlan:
    """What it takes that the current cluster can pull a component's image; nothing when it can already.

    Without `tag` the image is named after its source. With `tag` an image of that name which exists is used as it is;
    it is built only where there is none, or with `force`. Raises NeedsAnswer when nobody says where the cluster pulls
    from, BadRequest for a bad name.
    """
    destination = find_destination(ctx)
    if component.source is None:
        return _foreign(ctx, component, tag, destination)
    build = _build(ctx, component, tag, None, force)
    name = Reference.parse(build.image)
    target, reference = str(destination.target(name)), str(destination.reference(name))
    if not force and tag and _delivered(ctx, destination, target):
        return ImagePlan((), reference, (f"{name} is where the cluster pulls from; it is used as it is.",))
    if not force and (_is_built(ctx, build) or (tag and _in_engine(ctx, build.image))):
        note = f"{name} is in the engine already; it is used as it is." if tag else f"{name} is built already."
        there = _delivered(ctx, destination, target)
        return ImagePlan(() if there else tuple(_delivery(destination, build.image, target)), reference, (note,))
    return ImagePlan((build, *_delivery(destination, build.image, target)), reference)


def build_context(
    ctx: Context, *, component: str | None = None, path: str | None = None, dockerfile: str | None = None
) -> Result:
    """What building a component (or the folder `path`) would send to the engine.

    Size and number of files by the engine's own ignore rules, the largest folders and files, credentials among them,
    and the lines for .dockerignore that would make it smaller.
    """
    found = _component(ctx, component, path)
    change = BuildImage(
        summary="", image=found.image, context=found.source or ".", dockerfile=dockerfile or found.dockerfile
    )
    return context_report(change.context, source_of(ctx, change, with_digest=False).context)


def find_destination(ctx: Context) -> Destination:
    """How images reach the current cluster: its own registry, its loader, or the workspace's `registry`."""
    if own := _announced(ctx):
        return own
    if (node := _a_node(ctx)) and (found := loader(node)):
        return found
    if ctx.workspace.registry:
        return Destination("push", host=ctx.workspace.registry)
    raise NeedsAnswer("Which registry does this cluster pull images from (for instance ghcr.io/you)?", slot="registry")


def _a_node(ctx: Context) -> dict[str, Any] | None:
    """One of the nodes; None also for who may not look at them."""
    try:
        return next(ctx.cluster.list(ctx.cluster.kinds.resolve("nodes"), limit=1), None)
    except Forbidden:
        return None


def _announced(ctx: Context) -> Destination | None:
    try:
        return announced(ctx.cluster.read(_HOSTING).get("data") or {})
    except (NotFound, Forbidden):
        return None


def _component(ctx: Context, name: str | None, path: str | None) -> Component:
    """The component that is meant; with `path` one made of that folder."""
    if path is not None:
        folder = context_root(ctx, path)
        known = (one for one in ctx.workspace.components.values() if ctx.workspace.source(one) == folder)
        return next(known, Component(source=path, image=_name_of(folder)))
    if name is not None:
        found = ctx.workspace.component(name)
        if found.source is None:
            raise BadRequest(f"{name} has no source to build: it uses the image {found.image} of others.")
        return found
    own = [one for one in ctx.workspace.components.values() if one.source is not None]
    if len(own) == 1:
        return own[0]
    if not own:
        raise BadRequest(f"The folder {ctx.workspace.root} has nothing to build.", "Name a folder with a Dockerfile.")
    raise NeedsAnswer("Which component shall be built?", tuple(one.name for one in own), slot="component")


def _name_of(folder: Path) -> str:
    name = "".join(char if char.isascii() and char.isalnum() else "-" for char in folder.name.lower()).strip("-")
    return name or "image"


def _build(ctx: Context, component: Component, tag: str | None, image: str | None, force: bool) -> BuildImage:
    """The change that builds a component; the digest of its source gives the tag where none is asked for."""
    name = Reference.parse(image or component.image)
    change = BuildImage(summary="", image=str(name), context=component.source or ".", dockerfile=component.dockerfile)
    digest = source_of(ctx, change).digest
    if not tag and not name.tag:
        tag = digest[:12] or "latest"  # a source too large for a digest is stopped by the preview
    full = str(name.tagged(tag) if tag else name)
    return change.model_copy(
        update={
            "summary": f"build the image {full} from {change.context}",
            "image": full,
            "context_digest": "" if force else digest,
        }
    )


def _is_built(ctx: Context, change: BuildImage) -> bool:
    from tools.docker.builder import LABEL

    image = ctx.engine.image(change.image)
    labels = (image or {}).get("Config", {}).get("Labels") or {}
    return bool(change.context_digest) and labels.get(LABEL) == change.context_digest


def _delivered(ctx: Context, destination: Destination, target: str) -> bool:
    """Whether the cluster has this image already; tags made of the source never change their content."""
    if destination.how == "shared":
        return True
    if destination.how == "push":
        return has(ctx.engine, target)
    full = f"docker.io/library/{target}" if "/" not in target else target
    return any(
        name in (target, full, f"docker.io/{target}")
        for node in ctx.cluster.list(ctx.cluster.kinds.resolve("nodes"))
        for image in node.get("status", {}).get("images") or ()
        for name in image.get("names") or ()
    )


def _delivery(destination: Destination, image: str, target: str) -> list[Change]:
    if destination.how == "shared":
        return []
    where = destination.host if destination.how == "push" else f"{destination.how} {destination.name}"
    verb = "push" if destination.how == "push" else "load"
    return [
        DeliverImage(
            summary=f"{verb} {image} to {where}",
            why="so that the cluster can pull it",
            source=image,
            image=target,
            how=destination.how,
            cluster=destination.name,
        )
    ]


def _foreign(ctx: Context, component: Component, tag: str | None, destination: Destination) -> ImagePlan:
    """An image that others make: used as it is where it can be pulled, else brought to the cluster by the engine."""
    name = Reference.parse(component.image)
    name = name.tagged(tag) if tag else name
    if has(ctx.engine, str(name)):
        return ImagePlan((), str(name))
    if destination.how == "push":
        # Under its full path, where a registry that mirrors others has it as well.
        name_there = name if "/" in name.path else name._replace(path=f"library/{name.path}")
        target, reference = str(destination.target(name_there)), str(destination.reference(name_there))
    else:
        target = reference = str(name)
    if _delivered(ctx, destination, target):
        return ImagePlan((), reference)
    if _in_engine(ctx, str(name)):
        return ImagePlan(tuple(_delivery(destination, str(name), target)), reference)
    note = f"{name} could not be found in a registry, nor does the engine have it; the cluster may fail to pull it."
    return ImagePlan((), str(name), (note,))


def _in_engine(ctx: Context, image: str) -> bool:
    try:
        return ctx.engine.image(image) is not None
    except (Unreachable, Forbidden):  # without an engine the cluster is left to pull by itself
        return False
