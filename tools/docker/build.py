"""Building an image: what would be sent and run, the build itself with its progress, and the way back."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.change import BuildImage, Change, WriteFile
from tools.context import Context
from tools.docker import builder
from tools.docker.archive import stream as tar_stream
from tools.docker.buildlog import BuildLog
from tools.docker.context import HUGE, MOST_FILES, TOO_MUCH, BuildContext, human, scan
from tools.docker.dockerfile import Dockerfile
from tools.docker.names_undo import take_back
from tools.docker.trace import Trace
from tools.errors import BadRequest, Conflict, Failed, Forbidden, Unreachable
from tools.paths import looking_at
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification, Write
from tools.progress import Progress, Steps

if TYPE_CHECKING:
    from tools.docker.engine import Engine


@dataclass(frozen=True)
class Source:
    """A change's files as they are now: parsed, measured and, unless far too large, with their digest."""

    root: Path
    parsed: Dockerfile
    context: BuildContext
    digest: str


def source_of(ctx: Context, change: BuildImage, *, with_digest: bool = True) -> Source:
    """Read what a build would be made of; raises BadRequest for whatever is wrong with it."""
    root = context_root(ctx, change.context)
    dockerfile = root / change.dockerfile
    with looking_at(change.dockerfile):
        there = dockerfile.is_file()
    if not there:
        raise BadRequest(f"There is no {change.dockerfile} in {change.context}.", "Ask for one to be written first.")
    if not dockerfile.resolve().is_relative_to(root):
        raise BadRequest(f"{change.dockerfile} leads out of the build context {change.context}.")
    parsed = Dockerfile.read(dockerfile, change.build_args)
    context = scan(root, dockerfile, change.target, parsed)
    sendable = with_digest and not context.problems and context.bytes <= TOO_MUCH and not context.cut_off
    return Source(root, parsed, context, context.digest(change.target, change.build_args) if sendable else "")


def context_root(ctx: Context, context: str) -> Path:
    """The folder of a build context, which must lie in the workspace."""
    workspace = ctx.workspace.root.resolve()
    with looking_at(context):
        root = (workspace / context).resolve()
        there = root.is_dir()
    if not root.is_relative_to(workspace):
        raise BadRequest(f"{context} lies outside of the workspace {workspace}.", "Start Shipmate with --workspace.")
    if not there:
        raise BadRequest(f"There is no folder {context} in the workspace {workspace}.")
    return root


class BuildHandler:
    """Build an image with BuildKit."""

    def preview(self, ctx: Context, change: BuildImage, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"looking at what the build of {change.image} would send")
        if any(isinstance(one, WriteFile) for one in earlier):
            return Preview(summary=change.summary, provisional=True, undo=f"remove {change.image} again")
        try:
            source = source_of(ctx, change)
        except BadRequest as error:
            return Preview(summary=change.summary, blockers=(str(error),), no_undo="nothing would be done")
        engine = ctx.engine
        old = engine.image(change.image)
        built = (old or {}).get("Config", {}).get("Labels") or {}
        if change.context_digest and built.get(builder.LABEL) == source.digest == change.context_digest:
            return Preview(summary=f"{change.image} is built from this source already", noop=True, digest=source.digest)
        yield Progress("looking for the base images")
        moved = bool(change.context_digest) and source.digest not in ("", change.context_digest)
        stale = (f"The source in {change.context} changed since this was proposed; ask again.",) if moved else ()
        return Preview(
            summary=_summary(change, source),
            warnings=_warnings(source),
            blockers=(*stale, *_blockers(engine, change, source)),
            undo=f"put the tag {change.image} back on the image before" if old else f"remove {change.image} again",
            writes=(_write(ctx, change, source),),
            digest=source.digest,
        )

    def apply(self, ctx: Context, change: BuildImage, preview: Preview, permit: Permit) -> Steps[Applied]:
        source = source_of(ctx, change)
        if source.digest != preview.digest:
            raise Conflict(f"The source in {change.context} changed since the build was shown.", "Ask for it again.")
        before = ctx.engine.image(change.image)
        former = {"id": before["Id"] if before else None}
        permit.keep(Applied(summary=change.summary, before=former))
        log = BuildLog(source.parsed.steps(change.target))
        try:
            with closing(_output(ctx, change, source, permit)) as lines:
                for line in lines:
                    if progress := log.read(line):
                        yield progress
        except (Failed, Forbidden, BadRequest) as error:
            raise log.failure(change.image) if log.told else error from error
        image = ctx.engine.image(change.image)
        if not image:
            raise Failed(f"The build of {change.image} ended, but the engine does not have the image.")
        facts = {"id": image["Id"], "bytes": image["Size"], "context": source.digest}
        return Applied(
            summary=f"built {change.image} ({human(image['Size'])})",
            before=former,
            facts=facts,
        )

    def verify(self, ctx: Context, change: BuildImage, applied: Applied) -> Steps[Verification]:
        yield Progress(f"checking {change.image}")
        image = ctx.engine.image(change.image)
        if image and image["Id"] == applied.facts["id"]:
            return Verification(healthy=True, text=f"{change.image} is in the engine, {human(image['Size'])}.")
        return Verification(healthy=False, text=f"{change.image} is no longer the image that was built.")

    def invert(
        self, ctx: Context, change: BuildImage, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


def _summary(change: BuildImage, source: Source) -> str:
    context = source.context
    steps = source.parsed.steps(change.target)
    how = builder.program()
    by = f"BuildKit ({how.path})" if how else "the engine's own BuildKit"
    return (
        f"build {change.image} from {change.context}: {context.files:,} files, {human(context.bytes)}, "
        f"{steps} steps, with {by}"
    )


def _warnings(source: Source) -> tuple[str, ...]:
    context = source.context
    found: list[str] = []
    if secrets := context.secrets():
        shown = ", ".join(secrets[:5]) + (f" and {len(secrets) - 5} more" if len(secrets) > 5 else "")
        fix = ", ".join(f"**/{Path(path).name}" for path in secrets[:5])
        found.append(f"The build would send what looks like credentials: {shown}. Lines for .dockerignore: {fix}.")
    if HUGE < context.bytes <= TOO_MUCH:
        found.append(_size_advice(context))
    return tuple(found)


def _size_advice(context: BuildContext) -> str:
    folders = ", ".join(f"{name} {human(size)}" for name, size in context.folders(3))
    lines = ", ".join(f"{line} (-{human(size)})" for line, size in context.fixes() if size)
    fix = f" Lines for .dockerignore: {lines}." if lines else ""
    return f"The build would send {human(context.bytes)}; largest: {folders}.{fix}"


def _blockers(engine: Engine, change: BuildImage, source: Source) -> tuple[str, ...]:
    context = source.context
    found = [f"The build context cannot be sent: {problem}." for problem in context.problems[:3]]
    if context.bytes > TOO_MUCH:
        found.append(_size_advice(context))
    if context.cut_off:
        found.append(f"The build context has more than {MOST_FILES:,} files; narrow it by a .dockerignore.")
    if source.parsed.secrets(change.target) and not builder.program():
        found.append(
            "The Dockerfile mounts secrets, which needs a docker program with BuildKit: install docker-buildx."
        )
    found += [problem for image in source.parsed.images(change.target) if (problem := _missing(engine, image))]
    return tuple(found)


def _missing(engine: Engine, image: str) -> str:
    """What is in the way of having a base image; empty when nothing is."""
    if engine.image(image):
        return ""
    try:
        if engine.published(image):
            return ""
    except (Unreachable, Forbidden) as error:
        reason = error.message.rstrip(".")
    else:
        reason = "its registry does not have it"
    step = "without a registry, `shipmate doctor --fix` makes the usual base images"
    return f"The base image {image} is not here and cannot be pulled ({reason}); {step}."


def _command(change: BuildImage, source: Source, how: builder.Program) -> list[str]:
    arguments, secrets = builder.certificates(source.parsed, change.target)
    filled = change.model_copy(update={"build_args": {**arguments, **change.build_args}})
    return how.command(filled, source.root, source.digest, secrets)


def _write(ctx: Context, change: BuildImage, source: Source) -> Write:
    how = builder.program()
    if not how:
        return Write(door="docker", method="POST", path="/build")
    program, *arguments = _command(change, source, how)
    return Write(door="program", method=program, path=" ".join(arguments))


def _output(ctx: Context, change: BuildImage, source: Source, permit: Permit) -> Generator[str, None, None]:
    """Run the build and yield its lines; raises Failed when it fails."""
    how = builder.program()
    return _by_program(ctx, change, source, how, permit) if how else _by_engine(ctx.engine, change, source, permit)


def _by_program(
    ctx: Context, change: BuildImage, source: Source, how: builder.Program, permit: Permit
) -> Generator[str, None, None]:
    from tools.programs import failure, stream

    argv = _command(change, source, how)
    env = {**ctx.engine.program_env, "DOCKER_BUILDKIT": "1", "BUILDKIT_COLORS": "", "NO_COLOR": "1"}
    with closing(stream(argv, env=env, permit=permit)) as lines:
        while True:
            try:
                line = next(lines)
            except StopIteration as end:
                if end.value.code:
                    permit.withdraw("program", argv[0], " ".join(argv[1:]))  # what fails makes no image
                    raise failure(argv, end.value) from None
                return
            yield line.text


def _by_engine(engine: Engine, change: BuildImage, source: Source, permit: Permit) -> Generator[str, None, None]:
    trace = Trace()
    messages = engine.write(
        permit, "POST", "/build", body=tar_stream(source.context), headers={"Content-Type": "application/x-tar"},
        version="2", t=change.image, dockerfile=change.dockerfile, target=change.target or "",
        buildargs=json.dumps(change.build_args), labels=json.dumps({builder.LABEL: source.digest}), rm="1",
    )  # fmt: skip
    with closing(messages):
        for message in messages:
            yield from trace.lines(message)
