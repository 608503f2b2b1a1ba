"""Settings: flags over environment (SHIPMATE_…) over ~/.config/shipmate/config.toml. One object, passed in."""

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from agent.guard.policy import Mode
from tools.context import Context
from tools.errors import BadRequest


def config_file() -> Path:
    """Where the settings file is looked for."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "shipmate" / "config.toml"


class Settings(BaseSettings):
    """Everything that can be set.

    model       which chat model decides, as `provider:name`; None means the built-in planner
    mode        see `Mode`
    workspace   the folder that Shipmate works in
    """

    model_config = SettingsConfigDict(env_prefix="SHIPMATE_", extra="ignore")

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    workspace: Path = Path()
    model: str | None = None
    mode: Mode = Mode.ASK

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @classmethod
    def load(cls, **flags: Any) -> "Settings":
        """Settings with these flags on top; a flag that is None was not given."""
        try:
            return cls(**{name: value for name, value in flags.items() if value is not None})
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
