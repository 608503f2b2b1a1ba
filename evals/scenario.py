"""A scenario: how the stage is set, what a person asks, and what must hold afterwards.

One YAML file each in `evals/scenarios/`:

    title: scale a plain deployment
    setup: |            # manifests, put into a fresh namespace and waited for (`{namespace}` is replaced)
      ...
    wait: [web]         # deployments that must be ready before the first request (default: none)
    workspace: true     # the folder is this repository's, with the todo chatbot (default: an empty folder)
    events: [BackOff]   # reasons of events that must have been seen before the first request (default: none)
    turns:
      - say: scale web to 3
        ends: applied   # applied | planned | answered | asked | refused | failed | nothing
        code: 0         # exit code (default: what goes with `ends`)
        answer: [web]   # each of these, in any case, stands in what was shown
        not_answer: [secret]
        shown: [replicas: 3]   # each stands in the plan's diff or summary
        approve: true   # whether the plan is approved (default: true when `ends` is applied or failed)
    checks:
      - {object: deployment/web, path: spec.replicas, equals: 3}
      - {object: configmap/gone, absent: true}
    only: [deployment/web]   # what may have changed; all else in the namespace keeps its spec
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

Ends = Literal["applied", "planned", "answered", "asked", "refused", "failed", "nothing", "unknown"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Turn(Strict):
    say: str
    ends: Ends
    code: int | None = None
    answer: list[str] = []
    not_answer: list[str] = []
    shown: list[str] = []
    approve: bool | None = None
    confirm: str = ""


class Check(Strict):
    """The value at `path` (dots; list items by number) of an object, or that there is no such object."""

    object: str
    path: str = ""
    equals: Any = None
    contains: str = ""
    absent: bool = False


class Scenario(Strict):
    title: str
    setup: str = ""
    wait: list[str] = []
    events: list[str] = []
    workspace: bool = False
    turns: list[Turn]
    checks: list[Check] = []
    only: list[str] = []
    name: str = ""


def load_all(folder: Path = Path(__file__).parent / "scenarios") -> list[Scenario]:
    """All scenarios, by file name."""
    return [load(path) for path in sorted(folder.glob("*.yaml"))]


def load(path: Path) -> Scenario:
    """One scenario; raises ValueError that names the file when it is wrong."""
    try:
        return Scenario(**yaml.safe_load(path.read_text()), name=path.stem)
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error
