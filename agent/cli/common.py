"""What several commands share: opening settings and sessions from flags, and printing data."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from tools.change import Json

if TYPE_CHECKING:
    from agent.settings import Settings

_FLAGS = ("kubeconfig", "context", "namespace", "workspace", "model", "mode")


def settings_from(args: argparse.Namespace, **overrides: Any) -> Settings:
    """The settings with this command line's flags on top."""
    from agent.settings import Settings

    return Settings.load(**{name: getattr(args, name, None) for name in _FLAGS} | overrides)


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
        print(text)
