"""The workspace: which components a folder holds, and where each one's source, image and chart values are.

`shipmate.yaml` states it; without one it is read off the folder (Dockerfiles, package files, charts).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from tools.errors import BadRequest, NotFound

FILE = "shipmate.yaml"
_WHOLE = {"the", "whole", "entire", "complete", "all", "of", "everything", "app", "application", "stack", "project"}

_SKIPPED = {
    "node_modules",
    "venv",
    "__pycache__",
    "dist",
    "build",
    "target",
    "vendor",
    "charts",
    "tests",
    "test",
}
_MARKS = (
    "Dockerfile",
    "package.json",
    "pyproject.toml",
    "requirements.txt",
    "go.mod",
    "pom.xml",
    "Cargo.toml",
)
_DEPTH = 3

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Component(BaseModel):
    """One part of the application.

    source      folder that its image is built from, relative to the workspace; None for an image of others
    dockerfile  relative to `source`
    image       name of the image; with a tag when it is not built here
    values      dotted path in the chart's values that holds this component's settings; empty: the top level
    needs       components that must run for this one to work
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: Name = ""
    source: str | None = None
    dockerfile: str = "Dockerfile"
    image: str = ""
    values: str = ""
    needs: tuple[Name, ...] = ()


class _File(BaseModel):
    """`shipmate.yaml`."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    namespace: Name | None = None
    release: Name | None = None
    chart: str | None = None
    registry: str = ""
    components: dict[Name, Component] = Field(min_length=1)

    @model_validator(mode="after")
    def _needs_exist(self) -> _File:
        for name, component in self.components.items():
            unknown = [need for need in component.needs if need not in self.components]
            if unknown:
                raise ValueError(f"component {name} needs {unknown[0]}, which is not a component")
        return self


@dataclass(frozen=True)
class Workspace:
    """A folder with what can be deployed from it; without components it is simply an empty one.

    `declared` tells whether a `shipmate.yaml` says so, or it was read off the folder. `registry` is where images go
    when the cluster does not say itself where it pulls from.
    """

    root: Path
    name: str
    namespace: str
    release: str
    chart: Path | None = None
    components: dict[str, Component] = field(default_factory=dict)
    declared: bool = False
    registry: str = ""

    @classmethod
    def find(cls, root: Path) -> Workspace:
        """The workspace of a folder: the nearest `shipmate.yaml` up to the git root, else what is there.

        Raises BadRequest with line and key when the file is wrong.
        """
        root = root.resolve()
        for folder in _up_to_git_root(root):
            if (folder / FILE).exists():
                return _declared(folder)
        return _detected(root)

    def component(self, name: str) -> Component:
        """The component of that name; raises NotFound that names the nearest ones."""
        if name in self.components:
            return self.components[name]
        if not self.components:
            raise NotFound(f"The folder {self.root} has no component {name}.", f"Describe it in {FILE}.")
        near = difflib.get_close_matches(name, self.components, n=2) or list(self.components)
        raise NotFound(f"The workspace {self.name} has no component {name}.", f"Did you mean {' or '.join(near)}?")

    def is_whole(self, name: str | None) -> bool:
        """Whether the word means the whole application."""
        if name is None:
            return True
        said = set(re.split(r"[\s_-]+", name.lower())) - _WHOLE
        return name not in self.components and said <= set(self.name.split("-"))

    def with_needs(self, names: tuple[str, ...]) -> tuple[Component, ...]:
        """The named components after everything they need, each once."""
        ordered: dict[str, Component] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in ordered or name in path:
                return
            component = self.component(name)
            for need in component.needs:
                visit(need, (*path, name))
            ordered[name] = component

        for name in names:
            visit(name, ())
        return tuple(ordered.values())

    def source(self, component: Component) -> Path | None:
        """The folder of a component's source; raises BadRequest when it lies outside of the workspace."""
        return None if component.source is None else _inside(self.root, component.source)


def _up_to_git_root(root: Path) -> Iterator[Path]:
    """The folder and its parents up to the one that holds `.git`; outside of a repository, only itself."""
    folders = [root, *root.parents]
    for index, folder in enumerate(folders):
        if (folder / ".git").exists():
            yield from folders[: index + 1]
            return
    yield root


def _inside(root: Path, path: str) -> Path:
    full = (root / path).resolve()
    if not full.is_relative_to(root):
        raise BadRequest(f"{path} lies outside of the workspace {root}.", f"Correct it in {FILE}.")
    return full


def _declared(root: Path) -> Workspace:
    import yaml

    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadRequest(f"{path} cannot be read: {why}.", "Correct the file and ask again.") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise BadRequest(
            f"{path}{line} is not YAML: {getattr(error, 'problem', None) or error}.", "Correct the file and ask again."
        ) from error
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        raise BadRequest(f"{path}{_problem(text, error)}.", "Correct the file and ask again.") from error
    chart = _inside(root, file.chart) if file.chart else None
    if chart and not (chart / "Chart.yaml").is_file():
        raise BadRequest(f"{path}: chart: {file.chart} holds no Chart.yaml.", "Correct the path of the chart.")
    return Workspace(
        root=root,
        name=file.name,
        namespace=file.namespace or file.name,
        release=file.release or file.name,
        chart=chart,
        components={name: one.model_copy(update=_completed(name, one)) for name, one in file.components.items()},
        declared=True,
        registry=file.registry,
    )


def _completed(name: str, component: Component) -> dict[str, str]:
    return {"name": name, "image": component.image or name}


def _problem(text: str, error: ValidationError) -> str:
    """The first thing that is wrong, with its line and key."""
    import yaml

    first = error.errors()[0]
    keys = [str(part) for part in first["loc"] if part != "[key]"]
    node, line = yaml.compose(text, yaml.SafeLoader), 1
    for key in keys:
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value if isinstance(node, yaml.MappingNode) else []
        for name, value in pairs:
            if name.value == key:
                node, line = value, name.start_mark.line + 1
    what = {"extra_forbidden": "is not a known key", "model_type": "must hold name and components"}.get(
        first["type"], first["msg"].removeprefix("Value error, ")
    )
    return f" line {line}: {'.'.join(keys) or 'file'}: {what[:1].lower()}{what[1:]}"


def _detected(root: Path) -> Workspace:
    """What the folder shows by itself: a component per folder with a Dockerfile or a package file."""
    charts = sorted(path.parent for path in (*root.glob("Chart.yaml"), *root.glob("charts/*/Chart.yaml")))
    chart = charts[0] if len(charts) == 1 else None
    keys = _value_keys(chart) if chart else {}
    name = _slug(chart.name if chart else root.name)
    components: dict[str, Component] = {}
    for folder in _component_folders(root):
        own = _slug(folder.name) if folder != root else name
        values = own if isinstance(keys.get(own), dict) else ""
        source = str(folder.relative_to(root))
        components.setdefault(own, Component(name=own, source=source, image=own, values=values))
    return Workspace(root=root, name=name, namespace=name, release=name, chart=chart, components=components)


def _component_folders(root: Path) -> list[Path]:
    """Folders that look like a component's; one inside of another is part of it."""
    found: list[Path] = []
    for current, folders, files in os.walk(root):
        folder = Path(current)
        depth = len(folder.relative_to(root).parts)
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not f.startswith((".", "_")))
        if depth > 0 and any(mark in files for mark in _MARKS):
            found.append(folder)
            folders.clear()
        if depth >= _DEPTH:
            folders.clear()
    return found or ([root] if (root / "Dockerfile").is_file() else [])


def _value_keys(chart: Path) -> dict[str, object]:
    import yaml

    try:
        values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):  # a chart that cannot be read is Helm's to explain when it is used
        return {}
    return values if isinstance(values, dict) else {}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63] or "app"
