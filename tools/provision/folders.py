"""Shipmate's own folders, by the XDG rules."""

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """A folder below the cache, made if missing; everything in it can be made again."""
    return _made(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"), parts)


def state_folder(*parts: str) -> Path:
    """A folder below the state, made if missing."""
    return _made(Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"), parts)


def _made(base: Path, parts: tuple[str, ...]) -> Path:
    folder = base.joinpath("shipmate", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
