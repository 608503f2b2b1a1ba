"""What a Dockerfile asks for: stages, base images, what it copies from the context, mounts and arguments."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import BadRequest

if TYPE_CHECKING:
    from e2b_dockerfile_utils import DockerfileInstruction

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?([-+])([^}]*))?\})")
_SYNTAX = re.compile(r"\A(?:#[^\n]*\n)*?#\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
# What becomes a step of its own in the engine's build output, next to the base image.
_STEPS = ("RUN", "COPY", "ADD", "WORKDIR")


@dataclass(frozen=True)
class Stage:
    """One `FROM` and what follows it; `base` has its arguments put in."""

    name: str
    base: str
    line: int
    instructions: tuple[DockerfileInstruction, ...]

    def sources(self) -> Iterator[str]:
        """The other stages or images that it starts from or takes files of."""
        yield self.base
        for instruction in self.instructions:
            for flag, value in _flags(instruction):
                if flag == "from":
                    yield value
                elif flag == "mount" and "from" in (options := _options(value)):
                    yield options["from"]


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile."""

    stages: tuple[Stage, ...]
    frontend: str = ""  # the image of a `# syntax=` line, which the engine has to pull
    arguments: frozenset[str] = field(default_factory=frozenset[str])

    @classmethod
    def read(cls, path: Path, build_args: Mapping[str, str] | None = None) -> Dockerfile:
        """Parse a file; raises BadRequest where it is missing or does not parse."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(f"The Dockerfile {path} cannot be read: {error}.") from error
        return cls.parse(text, build_args or {})

    @classmethod
    def parse(cls, text: str, build_args: Mapping[str, str]) -> Dockerfile:
        """Parse the text; `build_args` fill the arguments that stand in `FROM` lines."""
        from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

        try:
            instructions = parse_dockerfile_ast(text).instructions
        except DockerfileSyntaxError as error:
            raise BadRequest(f"{error}.".replace("Dockerfile parse error", "The Dockerfile does not parse")) from error
        syntax = _SYNTAX.match(text)
        first = next((n for n, item in enumerate(instructions) if item.name == "FROM"), None)
        if first is None:
            raise BadRequest("The Dockerfile has no FROM line.")
        values = _defaults(instructions[:first], build_args)
        declared = {arg.partition("=")[0] for item in instructions if item.name == "ARG" for arg in item.args}
        return cls(_stages(instructions[first:], values), syntax[1] if syntax else "", frozenset(declared))

    def needed(self, target: str | None = None) -> tuple[Stage, ...]:
        """The stages that building `target` (the last stage without one) runs; raises BadRequest for an unknown one."""
        names = {name: stage for n, stage in enumerate(self.stages) for name in (str(n), stage.name) if name}
        if target and target.lower() not in names:
            known = ", ".join(stage.name for stage in self.stages if stage.name) or "none"
            raise BadRequest(f"The Dockerfile has no stage {target!r} (named stages: {known}).")
        waiting = [names[target.lower()] if target else self.stages[-1]]
        found: list[Stage] = []
        while waiting:
            stage = waiting.pop()
            if stage not in found:
                found.append(stage)
                waiting += [names[source.lower()] for source in stage.sources() if source.lower() in names]
        return tuple(stage for stage in self.stages if stage in found)

    def images(self, target: str | None = None) -> tuple[str, ...]:
        """The images that have to be there or be pulled, the frontend included; without duplicates."""
        names = {name for n, stage in enumerate(self.stages) for name in (str(n), stage.name)} | {"scratch"}
        wanted = [self.frontend] if self.frontend else []
        for stage in self.needed(target):
            wanted += [source for source in stage.sources() if source.lower() not in names]
        return tuple(dict.fromkeys(wanted))

    def steps(self, target: str | None = None) -> int:
        """How many steps the engine will report."""
        return sum(1 + sum(item.name in _STEPS for item in stage.instructions) for stage in self.needed(target))

    def copied(self, target: str | None = None) -> tuple[str, ...] | None:
        """Patterns of the context that the build can reach; None when that may be anything."""
        wanted: list[str] = []
        for stage in self.needed(target):
            for instruction in stage.instructions:
                wanted += _taken(instruction)
        cleaned = [posixpath.normpath(source).lstrip("/") or "." for source in wanted]
        if any("$" in source or source in (".", "*", "**") or source.startswith("..") for source in cleaned):
            return None
        return tuple(dict.fromkeys(cleaned))

    def secrets(self, target: str | None = None) -> tuple[str, ...]:
        """Ids of the build secrets that it mounts."""
        found = (options.get("id", "") for options in self._mounts(target) if options.get("type") == "secret")
        return tuple(dict.fromkeys(found))

    def secret_mount(self, secret: str, target: str | None = None) -> str | None:
        """Path at which a `RUN --mount=type=secret` shows this secret, None where none does."""
        for options in self._mounts(target):
            if options.get("type") == "secret" and options.get("id") == secret:
                return options.get("target") or options.get("dst") or f"/run/secrets/{secret}"
        return None

    def _mounts(self, target: str | None) -> Iterator[dict[str, str]]:
        for stage in self.needed(target):
            for instruction in stage.instructions:
                yield from (_options(value) for flag, value in _flags(instruction) if flag == "mount")


def _defaults(instructions: list[DockerfileInstruction], given: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for instruction in instructions:
        for argument in instruction.args if instruction.name == "ARG" else ():
            name, _, default = argument.partition("=")
            values[name] = given.get(name, _fill(default.strip("\"'"), values))
    return values


def _stages(instructions: list[DockerfileInstruction], values: Mapping[str, str]) -> tuple[Stage, ...]:
    starts = [n for n, item in enumerate(instructions) if item.name == "FROM"]
    stages: list[Stage] = []
    for start, end in zip(starts, [*starts[1:], len(instructions)], strict=True):
        opening = instructions[start]
        words = opening.args
        if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
            raise BadRequest(f"The Dockerfile's line {opening.start_line} is not FROM image [AS name].")
        base = _fill(words[0], values)
        if not base:
            raise BadRequest(
                f"The Dockerfile's line {opening.start_line} names no image: {words[0]} has no value.",
                "Give the argument a default, or a value with the build.",
            )
        name = words[2].lower() if len(words) == 3 else ""
        stages.append(Stage(name, base, opening.start_line, tuple(instructions[start + 1 : end])))
    return tuple(stages)


def _fill(text: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        known = values.get(found[1] or found[2], "")
        if found[3] == "+":
            return found[4] if known else ""
        return known or found[4] or ""

    return _VARIABLE.sub(value, text)


def _flags(instruction: DockerfileInstruction) -> Iterator[tuple[str, str]]:
    for flag in instruction.flags:
        name, _, value = flag.lstrip("-").partition("=")
        yield name, value


def _options(mount: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in mount.split(","))
    return {name.strip(): value for name, _, value in pairs}


def _taken(instruction: DockerfileInstruction) -> Iterator[str]:
    """What one instruction takes from the context."""
    flags = list(_flags(instruction))
    if instruction.name in ("COPY", "ADD"):
        if any(name == "from" for name, _ in flags):
            return
        yield from (
            source for source in instruction.args[:-1]
            if not source.startswith("<<") and not re.match(r"[a-z+]+://|git@", source)
        )  # fmt: skip
    for name, value in flags:
        options = _options(value) if name == "mount" else {}
        if name == "mount" and options.get("type", "bind") == "bind" and "from" not in options:
            yield options.get("source") or options.get("src") or "."
