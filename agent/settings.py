"""Settings: flags over environment (SHIPMATE_…) over ~/.config/shipmate/config.toml. One object, passed in."""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.guard.policy.modes import Mode, lowest
from tools.context import Context
from tools.errors import BadRequest

_PREFIX = "SHIPMATE_"


def config_file() -> Path:
    """Where the settings file is looked for."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "shipmate" / "config.toml"


class Settings(BaseModel):
    """Everything that can be set.

    model       which chat model decides, as `provider:name`; None means the built-in planner
    mode        see `Mode`; the file, the environment and the flag can each only lower what the others permit
    policy      policy files besides the usual ones: all that the file, the environment and the flag name
    workspace   the folder that Shipmate works in
    """

    model_config = ConfigDict(extra="ignore")

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    workspace: Path = Path()
    model: str | None = None
    mode: Mode = Mode.ASK
    policy: tuple[Path, ...] = ()

    @classmethod
    def load(cls, **flags: Any) -> "Settings":
        """Settings with these flags on top; a flag that is None was not given."""
        try:
            layers = (_from_file(), _from_environment(), {k: v for k, v in flags.items() if v is not None})
            values: dict[str, Any] = {key: value for layer in layers for key, value in layer.items()}
            values |= _mode(layers) | {"policy": [layer["policy"] for layer in layers if layer.get("policy")]}
            return cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            raise BadRequest(
                f"The setting {'.'.join(map(str, first['loc']))} is wrong: {first['msg'].lower()}.",
                f"Look at the flags, the SHIPMATE_ variables and {config_file()}.",
            ) from error
        except (ValueError, OSError) as error:
            raise BadRequest(f"The settings file {config_file()} cannot be read: {error}.", "Correct it.") from error

    def open_context(self) -> Context:
        """The surroundings that these settings describe; raises BadRequest where there is no such folder."""
        root = self.workspace.expanduser().resolve()
        if not root.is_dir():
            raise BadRequest(f"There is no folder {root}.", "Name the one with the sources by --workspace.")
        return Context(
            kubeconfig=self.kubeconfig,
            context=self.context,
            namespace=self.namespace,
            root=root,
        )


def _mode(layers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The mode that goes the least far of those that are set; one that does not exist is left to be told."""
    modes = [layer["mode"] for layer in layers if "mode" in layer]
    unknown = [mode for mode in modes if mode not in list(Mode)]
    if not modes:
        return {}
    return {"mode": unknown[0] if unknown else lowest(map(Mode, modes))}


def _from_environment() -> dict[str, Any]:
    return {name.removeprefix(_PREFIX).lower(): value for name, value in os.environ.items() if name.startswith(_PREFIX)}


def _from_file() -> dict[str, Any]:
    """What the settings file says; nothing where there is none."""
    path = config_file()
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadRequest(f"The settings file {path} cannot be read: {error}.", "Mend it or move it away.") from error
