"""The tools as data: name, effect and where the function lives. A tool family is a folder and some lines here.

A tool is a typed function `f(ctx: Context, *, argument: type = default, …)`. Its signature is the schema that minds
see, its docstring the description. Read tools return `Result`; change tools return `Proposal` and touch nothing.
Functions are imported when they are first used, so that listing the catalog costs nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib import import_module
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tools.change import Frozen, Json, Proposal, is_unicode
from tools.context import Context
from tools.errors import BadRequest
from tools.secrets.told import Told, ToldData


class Effect(StrEnum):
    """What calling a tool can do; every tool states it, there is no default."""

    READ = "read"
    REVEAL = "reveal"
    REACH = "reach"
    CHANGE = "change"


class Result(Frozen):
    """What a read tool found: `text` for people and models, `data` for programs; secrets are taken out of both."""

    text: Told
    data: ToldData = None


@dataclass(frozen=True)
class Tool:
    """One line of the catalog; `target` is `module:function`."""

    name: str
    effect: Effect
    target: str

    @cached_property
    def function(self) -> Callable[..., Result | Proposal]:
        module, _, name = self.target.partition(":")
        return getattr(import_module(module), name)

    @cached_property
    def description(self) -> str:
        return inspect.cleandoc(self.function.__doc__ or "")

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The arguments as a model that refuses unknown names."""
        hints = get_type_hints(self.function, include_extras=True)
        fields: dict[str, Any] = {}
        for name, parameter in inspect.signature(self.function).parameters.items():
            if name == "ctx":
                continue
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (hints[name], default)
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    def run(self, ctx: Context, arguments: dict[str, Json]) -> Result | Proposal:
        """Check the arguments and call the function; raises BadRequest that names what was wrong."""
        if not is_unicode(arguments):
            raise BadRequest(f"The arguments of {self.name} hold half a character.", "Give whole Unicode text.")
        try:
            checked = self.arguments.model_validate(arguments)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg'].lower()}" for item in error.errors())
            raise BadRequest(f"The arguments of {self.name} are wrong: {problems}.") from error
        values = {name: getattr(checked, name) for name in self.arguments.model_fields}
        return self.function(ctx, **values)


def _family(module: str, effect: Effect, *names: str) -> tuple[Tool, ...]:
    return tuple(Tool(name, effect, f"{module}:{name}") for name in names)


CATALOG: tuple[Tool, ...] = (
    *_family("tools.kubernetes.look.read", Effect.READ, "list_objects", "get_object", "list_kinds"),
    *_family("tools.kubernetes.look.describe", Effect.READ, "describe"),
    *_family("tools.kubernetes.look.users", Effect.READ, "users", "running_images"),
    *_family("tools.kubernetes.look.whereabouts", Effect.READ, "cluster_info", "can_i"),
    *_family("tools.kubernetes.look.events", Effect.READ, "events"),
    *_family("tools.kubernetes.look.logs", Effect.READ, "logs"),
    *_family("tools.kubernetes.look.log_errors", Effect.READ, "log_errors", "crash_log"),
    *_family("tools.kubernetes.look.top", Effect.READ, "top"),
    *_family("tools.kubernetes.look.lately", Effect.READ, "restarted"),
    *_family("tools.kubernetes.rollout.tools", Effect.READ, "rollout_status", "rollout_history"),
    *_family("tools.kubernetes.diagnose", Effect.READ, "diagnose"),
    *_family(
        "tools.kubernetes.changes",
        Effect.CHANGE,
        "restart",
        "expose",
        "delete_objects",
        "apply_manifest",
        "label",
        "annotate",
        "autoscale",
        "cordon",
        "create_namespace",
    ),
    *_family("tools.kubernetes.helpers.way", Effect.READ, "explain_way"),
    *_family(
        "tools.kubernetes.helpers.tools", Effect.CHANGE, "check_connection", "check_dns", "list_volume", "debug_copy"
    ),
    *_family("tools.docker.read", Effect.READ, "list_images"),
    *_family("tools.helm.read", Effect.READ, "list_releases", "release_status", "release_history", "release_values"),
    *_family("tools.helm.changes", Effect.CHANGE, "helm_install", "helm_upgrade", "helm_rollback", "helm_uninstall"),
    *_family("tools.workspace.changed", Effect.READ, "what_changed"),
    *_family("tools.workspace.overview", Effect.READ, "status", "list_components"),
    *_family("tools.workspace.deploy", Effect.CHANGE, "deploy", "undeploy"),
    *_family("tools.workspace.scaling", Effect.CHANGE, "scale"),
    *_family("tools.workspace.workloads", Effect.CHANGE, "set_image", "set_resources", "set_env", "rollback"),
    *_family("tools.workspace.fixing", Effect.CHANGE, "fix"),
    *_family("tools.workspace.editing", Effect.CHANGE, "edit_object"),
    *_family("tools.workspace.images", Effect.READ, "build_context"),
    *_family("tools.workspace.images", Effect.CHANGE, "build_image"),
)


def by_name(tools: tuple[Tool, ...] = CATALOG) -> dict[str, Tool]:
    """The tools by name."""
    return {tool.name: tool for tool in tools}
