"""Shipmate's own folders, by the XDG rules."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tools.progress import Progress, Steps


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


def take_turn(name: str) -> Steps[int]:
    """Wait until no other Shipmate holds the lock of that name; returns the handle to give to `os.close`."""
    handle = os.open(cache_folder("lock") / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            yield Progress(f"Waiting for another Shipmate that works on {name}")
            time.sleep(0.3)


@contextmanager
def locked(name: str) -> Generator[None]:
    """Hold the lock of that name for something short."""
    handle = os.open(cache_folder("lock") / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
