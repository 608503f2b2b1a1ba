"""A fault: how a healthy thing is broken, which causes must be found, and what mends it.

One YAML file each in `evals/faults/AREA/`; `{namespace}` in it stands for the namespace that it is played in:

    title: The tag of the image does not exist
    fast: true            # one of the third that `make test` plays (default: no)
    alone: true           # changes a node or the whole cluster: played when nothing else runs (default: no)
    setup: |              # manifests; cluster-scoped ones bear {namespace} in their name and go away at the end
      ...
    wait: [web]           # deployments that must be ready before it is broken
    break:                # in order
      - apply: |          # server-side apply
          ...
      - patch: deployment/web
        with: {spec: {replicas: 3}}   # merge patch
      - delete: secret/login
      - until: {object: pod/db-0, path: status.phase, equals: Running}   # wait for a state (2 min at most)
    expect:               # all that may be found at the level warning or above, one finding each
      - {id: SM-IMAGE-NOT-FOUND, subject: deployment/web, cause: [no-such-tag], not: [login]}
    within: 60            # seconds until they are found
    steady: 3             # seconds in which it must stay so
    fix: itself           # "fix it" proposes what ends the finding
    # fix: {say: set the image of web to debian, needs: [tag]}   # only the person knows the value; `needs` is asked for
    # fix: {none: why nothing in the cluster mends it, cause: [line 3]}   # `cause` stands in the answer
    then:                 # holds after the fix
      - {object: deployment/web, path: status.readyReplicas, equals: 1}
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ConfigDict, Field, model_validator

from evals.scenario import Check, Strict

FOLDER = Path(__file__).parent / "faults"
AREAS = ("pods", "workloads", "network", "config", "several", "healthy")


class Break(Strict):
    """One act that breaks something: exactly one of `apply`, `patch` (with `with`), `delete` and `until`, a wait."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    apply: str = ""
    patch: str = ""
    body: dict[str, Any] | None = Field(default=None, alias="with")
    delete: str = ""
    until: Check | None = None

    @model_validator(mode="after")
    def _one(self) -> Break:
        if sum(map(bool, (self.apply, self.patch, self.delete, self.until))) != 1 or bool(self.patch) != (
            self.body is not None
        ):
            raise ValueError("a step of `break` is one of: apply; patch and with; delete; until")
        return self


class Cause(Strict):
    """A finding that must be there: `cause` stands in its summary, chain or evidence, `not` does not."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    id: str
    subject: str
    cause: tuple[str, ...] = ()
    never: tuple[str, ...] = Field(default=(), alias="not")


class Said(Strict):
    """A fix by a person's own words; asked to fix it, Shipmate names what it `needs` to know."""

    say: str
    needs: tuple[str, ...] = ()


class NoFix(Strict):
    """Nothing in the cluster mends it: why, and what the answer to "fix it" names."""

    none: str
    cause: tuple[str, ...] = ()


class Fault(Strict):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    title: str
    fast: bool = False
    alone: bool = False
    setup: str = ""
    wait: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = Field(default=(), alias="break")
    expect: tuple[Cause, ...] = ()
    within: float = 60
    steady: float = 3
    fix: Literal["itself"] | Said | NoFix | None = None
    then: tuple[Check, ...] = ()
    area: str
    name: str

    @model_validator(mode="after")
    def _complete(self) -> Fault:
        if self.expect and self.fix is None:
            raise ValueError("say what mends it: `fix`")
        if not self.expect and (self.fix is not None or self.then):
            raise ValueError("what is no fault has no `fix`")
        return self


def load_all(names: Collection[str] = (), folder: Path = FOLDER) -> list[Fault]:
    """The faults (of these names and areas), area by area, by file name."""
    files = [path for area in AREAS for path in sorted((folder / area).glob("*.yaml"))]
    return [load(path) for path in files if not names or {path.stem, path.parent.name} & set(names)]


def load(path: Path) -> Fault:
    """One fault; raises ValueError that names the file when it is wrong."""
    area = path.parent.name
    try:
        data = {"steady": 15 if area == "healthy" else 3, **yaml.safe_load(path.read_text())}
        return Fault.model_validate({**data, "area": area, "name": path.stem})
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise ValueError(f"{area}/{path.name}: {error}") from error
