"""What several commands share: opening settings and sessions from flags, and printing data."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from agent.cli.plain import clean

if TYPE_CHECKING:
    from agent.settings import Settings
    from tools.change import Json
    from tools.context import Context

_FLAGS = ("kubeconfig", "context", "namespace", "workspace", "model", "mode", "policy")


def settings_from(args: argparse.Namespace) -> Settings:
    """The settings with this command line's flags on top."""
    from agent.settings import Settings

    return Settings.load(**{name: getattr(args, name, None) for name in _FLAGS})


def person_at_terminal() -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def one_shot_settings(args: argparse.Namespace, person: bool) -> Settings:
    """The settings of a command that asks once: a dry run unless --yes was given or a person can be asked.

    This only ever lowers the mode: what the settings forbid, --yes does not allow.
    """
    from agent.guard.policy.modes import Mode

    settings = settings_from(args)
    if settings.mode is Mode.ASK and not (args.yes or person):
        return settings.model_copy(update={"mode": Mode.DRY_RUN})
    return settings


def add_output(parser: argparse.ArgumentParser) -> None:
    """The usual `-o`."""
    parser.add_argument("-o", "--output", choices=["text", "json", "yaml"], default="text", help="output format")


def print_result(text: str, data: Json, output: str) -> None:
    """Print a result as text, JSON or YAML."""
    if output == "json":
        print(json.dumps(data, indent=2, default=str))
    elif output == "yaml":
        import yaml

        yaml.safe_dump(json.loads(json.dumps(data, default=str)), sys.stdout, sort_keys=False)
    else:
        print(clean(text))


def tell_recovered(ctx: Context) -> None:
    """Say on the error stream what became of plans that were cut off."""
    from agent.guard.hold import any_left

    if not any_left(ctx.state):
        return
    from agent.guard.recovery import recover
    from agent.guard.undo import journal_of
    from agent.store.sqlite import Store

    for line in recover(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db")):
        print(clean(line), file=sys.stderr)
