"""Which process is applying a plan: a lock on a file, which the kernel lifts when that process is gone."""

import fcntl
import os
from pathlib import Path

from tools.errors import Failed


class Hold:
    """One plan held by this process until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, state: Path, plan_id: str) -> "Hold | None":
        """Hold the plan; None when another process does. Raises Failed when the folder cannot be written."""
        path = _folder(state) / plan_id
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Failed(
                f"Shipmate's own folder {path.parent} cannot be written: {error.strerror}.",
                "Free some space, or set XDG_STATE_HOME to a writable folder.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        if not _is_at(path, descriptor):  # its holder let go, and took the file away, since we opened it
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def release(self, *, settled: bool = True) -> None:
        """Let go of the plan; the file stays, as a mark for the next start, where it is not known what was done."""
        if settled:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the path leads to this very file: a lock on another excludes nobody."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def any_left(state: Path) -> bool:
    """Whether plans are being applied right now, or were when they were cut off."""
    return bool(left(state))


def left(state: Path) -> list[str]:
    """The plans that are held, or were when their process ended."""
    folder = _folder(state)
    return sorted(mark.name for mark in folder.iterdir()) if folder.is_dir() else []


def _folder(state: Path) -> Path:
    return state / "applying"
