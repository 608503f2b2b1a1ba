"""How long work reports on itself.

A function that may take over a second is a generator: it yields `Progress` and returns its result, so that any
front end can show it, and stopping it is closing the generator (`finally` blocks then clean up).
"""

from collections.abc import Generator
from typing import NamedTuple, TypeVar


class Progress(NamedTuple):
    """One line of progress; `fraction` is 0 to 1, or None when the end is not known."""

    text: str
    fraction: float | None = None


T = TypeVar("T")
Steps = Generator[Progress, None, T]


def finish(steps: Steps[T]) -> T:
    """Run the work to its end, dropping the progress, and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
