"""Long work on a terminal: one line that changes; elsewhere a line per stage."""

import sys
import time
from typing import TypeVar

from tools.progress import Steps

_STILL = 15.0  # seconds after which a stage that goes on is told again where there is no terminal
T = TypeVar("T")


def show(steps: Steps[T], *, quiet: bool = False) -> T:
    """Run the work to its end, telling its progress on the error stream, and return its result."""
    started = told = time.monotonic()
    stage = ""
    live = sys.stderr.isatty() and not quiet
    try:
        while True:
            text = next(steps).text
            now = time.monotonic()
            if live:
                print(f"\r\x1b[K{text[: _width()]}", end="", file=sys.stderr, flush=True)
            elif not quiet and (_stage(text) != stage or now - told > _STILL):
                print(f"{now - started:6.1f} s  {text}", file=sys.stderr, flush=True)
                told = now
            stage = _stage(text)
    except StopIteration as end:
        return end.value
    finally:
        if live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        steps.close()


def _stage(text: str) -> str:
    """The text without its clock and what follows it."""
    return text.partition(" (")[0]


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns - 1
