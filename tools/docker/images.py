"""Names of images in the engine: give one, take one off, and bring an image to where a cluster pulls from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tools.change import BuildImage, Change, DeliverImage, RemoveImage, TagImage
from tools.context import Context
from tools.docker.context import human
from tools.docker.names_undo import take_back
from tools.docker.reference import Reference
from tools.docker.registry import for_engine
from tools.errors import Failed, Forbidden, NotFound, Refused, Unreachable
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Risk, Undo, Verification, Write
from tools.progress import Progress, Steps

if TYPE_CHECKING:
    from tools.docker.engine import Engine


class TagHandler:
    """Give an image of the engine another name."""

    def preview(self, ctx: Context, change: TagImage, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"looking for {change.source}")
        Reference.parse(change.image)
        source, old = ctx.engine.image(change.source), ctx.engine.image(change.image)
        comes = _made_by(earlier, change.source)
        if source and old and source["Id"] == old["Id"] and not comes:
            return Preview(
                summary=f"{change.image} is that image already", noop=True, writes=(_tag_write(change.source),)
            )
        moves = old is not None and not comes
        return Preview(
            summary=change.summary,
            warnings=(f"{change.image} now names another image, which keeps only its other names.",) if moves else (),
            blockers=() if source or comes else (_absent(change.source),),
            undo=f"put {change.image} back" if old else f"take the name {change.image} off",
            writes=(_tag_write(change.source),),
            provisional=comes,
        )

    def apply(self, ctx: Context, change: TagImage, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(f"naming {change.source} {change.image}")
        before = ctx.engine.image(change.image)
        permit.keep(Applied(summary=change.summary, before={"id": before["Id"] if before else None}))
        _tag(ctx.engine, permit, change.source, change.image)
        now = _required(ctx.engine, change.image)
        return Applied(
            summary=f"{change.source} is named {change.image} too",
            before={"id": before["Id"] if before else None},
            facts={"id": now["Id"]},
        )

    def verify(self, ctx: Context, change: TagImage, applied: Applied) -> Steps[Verification]:
        yield Progress(f"checking {change.image}")
        return _still(ctx.engine, change.image, applied)

    def invert(
        self, ctx: Context, change: TagImage, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


class RemoveHandler:
    """Take a name off an image; with its last name the image goes."""

    def preview(self, ctx: Context, change: RemoveImage, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"looking for {change.image}")
        image = ctx.engine.image(change.image)
        if not image:
            return Preview(summary=f"the engine has no image {change.image}", noop=True)
        others = [name for name in image["RepoTags"] or () if name != change.image]
        if others:
            freed, undo, lost = f"it keeps the name {others[0]}", f"name {others[0]} {change.image} again", ""
        else:
            freed = f"frees up to {human(image['Size'])}"
            undo, lost = "", "the image goes with its last name; it would have to be built or pulled again"
        return Preview(
            summary=f"{change.summary} ({freed})",
            risk=Risk.LOW if others else Risk.MEDIUM,
            undo=undo,
            no_undo=lost,
            uid=image["Id"],
            writes=(Write(door="docker", method="DELETE", path=f"/images/{change.image}"),),
        )

    def apply(self, ctx: Context, change: RemoveImage, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(f"removing {change.image}")
        image = _required(ctx.engine, change.image)
        if image["Id"] != preview.uid:
            raise Refused(f"{change.image} names another image than was shown.", "Ask again.")
        others = [name for name in image["RepoTags"] or () if name != change.image]
        applied = Applied(summary=f"removed {change.image}", before={"id": image["Id"], "kept": bool(others)})
        permit.keep(applied)
        list(ctx.engine.write(permit, "DELETE", f"/images/{change.image}"))
        return applied

    def verify(self, ctx: Context, change: RemoveImage, applied: Applied) -> Steps[Verification]:
        yield Progress(f"checking {change.image}")
        gone = ctx.engine.image(change.image) is None
        return Verification(healthy=gone, text=f"{change.image} is {'gone' if gone else 'there again'}.")

    def invert(
        self, ctx: Context, change: RemoveImage, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


class DeliverHandler:
    """Push an image to a registry, or load it into a local cluster by that cluster's own program."""

    def preview(self, ctx: Context, change: DeliverImage, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"looking where {change.image} goes")
        Reference.parse(change.image)
        comes = _made_by(earlier, change.source)
        source = ctx.engine.image(change.source)
        blockers = [] if source or comes else [_absent(change.source)]
        warnings: list[str] = []
        if change.how == "push":
            there, problem = _served(ctx.engine, change.image)
            blockers += [problem] if problem else []
            if there and source and not comes and _has_digest(source, change.image, there):
                # With its writes: a plan that only finds out now pushes once more, which sends nothing.
                writes = _delivery_writes(change)
                return Preview(summary=f"{change.image} is in its registry already", noop=True, writes=writes)
            if there:
                warnings.append(f"{change.image} is in the registry already and will name the new image from now on.")
        return Preview(
            summary=change.summary,
            warnings=tuple(warnings),
            blockers=tuple(blockers),
            no_undo="what was delivered stays there; nothing runs it until a workload asks for it",
            writes=_delivery_writes(change),
            provisional=comes,
        )

    def apply(self, ctx: Context, change: DeliverImage, preview: Preview, permit: Permit) -> Steps[Applied]:
        if change.how == "push":
            digest = yield from _push(ctx.engine, permit, change)
        else:
            digest = yield from _load(ctx.engine, permit, change)
        where = Reference.parse(change.image).registry if change.how == "push" else f"{change.how} {change.cluster}"
        return Applied(summary=f"{change.source} is now in {where}", facts={"digest": digest})

    def verify(self, ctx: Context, change: DeliverImage, applied: Applied) -> Steps[Verification]:
        yield Progress(f"checking that {change.image} can be pulled")
        if change.how == "push":
            there = ctx.engine.published(for_engine(change.image))
            if there and there == applied.facts["digest"]:
                return Verification(healthy=True, text=f"The registry serves {change.image}.")
            return Verification(healthy=False, text=f"The registry does not serve {change.image} as it was pushed.")
        if change.how == "minikube" and not _listed_by_minikube(change):
            return Verification(healthy=False, text=f"minikube does not list {change.image}.")
        return Verification(healthy=True, text=f"{change.how} {change.cluster} has {change.image}.")

    def invert(
        self, ctx: Context, change: DeliverImage, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        raise Refused(f"{change.image} stays where it was delivered; nothing runs it by itself.")


def _made_by(earlier: Sequence[Change], image: str) -> bool:
    return any(isinstance(one, BuildImage | TagImage) and one.image == image for one in earlier)


def _absent(image: str) -> str:
    return f"The engine has no image {image}; build it first."


def _required(engine: Engine, image: str) -> dict[str, Any]:
    found = engine.image(image)
    if not found:
        raise NotFound(f"The engine has no image {image}.", "Build it first.")
    return found


def _still(engine: Engine, image: str, applied: Applied) -> Verification:
    now = engine.image(image)
    same = bool(now and now["Id"] == applied.facts["id"])
    return Verification(healthy=same, text=f"{image} {'is in place' if same else 'names another image by now'}.")


def _tag_write(source: str) -> Write:
    return Write(door="docker", method="POST", path=f"/images/{source}/tag")


def _tag(engine: Engine, permit: Permit, source: str, image: str) -> None:
    name = Reference.parse(image)
    list(engine.write(permit, "POST", f"/images/{source}/tag", repo=name.name, tag=name.tag or "latest"))


def _served(engine: Engine, image: str) -> tuple[str | None, str]:
    """Digest under which the registry has the image, and what is in the way of pushing."""
    try:
        return engine.published(for_engine(image)), ""
    except Forbidden:  # some registries deny reading what is not there yet; the push will tell
        return None, ""
    except Unreachable as error:
        return None, str(error)


def _has_digest(source: dict[str, Any], image: str, digest: str) -> bool:
    name = Reference.parse(for_engine(image)).name
    return f"{name}@{digest}" in (source.get("RepoDigests") or ())


def _delivery_writes(change: DeliverImage) -> tuple[Write, ...]:
    if change.how != "push":
        program, *arguments = _loader(change)
        return (Write(door="program", method=program, path=" ".join(arguments)),)
    target = for_engine(change.image)
    push = Write(door="docker", method="POST", path=f"/images/{Reference.parse(target).name}/push")
    return (push,) if change.source == target else (_tag_write(change.source), push)


def _push(engine: Engine, permit: Permit, change: DeliverImage) -> Steps[str]:
    """Push under the name that the engine uses; returns the digest that the registry has it under."""
    target = for_engine(change.image)
    name = Reference.parse(target)
    if change.source != target:
        _tag(engine, permit, change.source, target)
    sent: dict[str, tuple[int, int]] = {}
    digest = ""
    messages = engine.write(
        permit, "POST", f"/images/{name.name}/push", headers=engine.credentials(target), tag=name.tag or "latest"
    )
    with closing(messages):
        for message in messages:
            digest = (message.get("aux") or {}).get("Digest") or digest
            if progress := _pushed(message, sent, change.image):
                yield progress
    if not digest:
        raise Failed(f"The push of {change.image} ended without a digest.", "Try again.")
    return digest


def _pushed(message: dict[str, Any], sent: dict[str, tuple[int, int]], image: str) -> Progress | None:
    """The state of all layers together; the total grows as the engine tells of layers."""
    detail = message.get("progressDetail") or {}
    if not detail.get("total"):
        return None
    sent[str(message.get("id"))] = (min(detail.get("current", 0), detail["total"]), detail["total"])
    current, total = (sum(column) for column in zip(*sent.values(), strict=True))
    return Progress(f"pushing {image}: {human(current)} of {human(total)}", current / total)


def _loader(change: DeliverImage) -> list[str]:
    if change.how == "minikube":
        return ["minikube", "image", "load", change.source, "--profile", change.cluster]
    return ["kind", "load", "docker-image", change.source, "--name", change.cluster]


def _load(engine: Engine, permit: Permit, change: DeliverImage) -> Steps[str]:
    from tools.programs import failure, stream

    _required(engine, change.source)
    argv = _loader(change)
    with closing(stream(argv, env=_loader_env(engine), permit=permit)) as lines:
        while True:
            try:
                line = next(lines)
            except StopIteration as end:
                if end.value.code:
                    raise failure(argv, end.value) from None
                return ""
            yield Progress(line.text)


def _loader_env(engine: Engine) -> dict[str, str]:
    import os

    names = ("MINIKUBE_HOME", "KIND_EXPERIMENTAL_PROVIDER")
    return {**engine.program_env, **{name: os.environ[name] for name in names if name in os.environ}}


def _listed_by_minikube(change: DeliverImage) -> bool:
    from tools.programs import run

    listed = run(["minikube", "image", "ls", "--profile", change.cluster]).stdout.split()
    wanted = Reference.parse(change.image)
    full = str(wanted) if "/" in wanted.name else f"library/{wanted}"
    return any(line in (full, f"docker.io/{full}") for line in listed)
