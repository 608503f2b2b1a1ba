"""Looking at a path that somebody named: what the system refuses to look at is the caller's mistake, told as such."""

from collections.abc import Generator
from contextlib import contextmanager

from tools.errors import BadRequest


@contextmanager
def looking_at(path: str) -> Generator[None]:
    """Raise BadRequest where the path is too long, goes in circles, or is none."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links, or nobody's home
        why = error.strerror if isinstance(error, OSError) else error
        raise BadRequest(f"{path[:80]!r} cannot be looked at: {why}.") from error
