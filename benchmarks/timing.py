"""Time two commands side by side: alternating runs in one process, minimum of each, printed as a ratio."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`ours` and `theirs` are the fastest runs in seconds."""

    name: str
    ours: float
    theirs: float
    aim: str

    def __str__(self) -> str:
        return f"{self.name:44} {self.ours:8.3f} s {self.theirs:8.3f} s {self.ours / self.theirs:7.2f}×   {self.aim}"


def side_by_side(name: str, ours: Callable[[], None], theirs: Callable[[], None], aim: str, runs: int = 7) -> Row:
    """Run both in turn, `runs` times each after one warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(runs + 1):
        for work, kept in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            work()
            if number:
                kept.append(time.perf_counter() - start)
    return Row(name, min(times[0]), min(times[1]), aim)


def command(*argv: str, env: dict[str, str] | None = None) -> Callable[[], None]:
    """Run a program to its end; its failure stops the benchmark."""

    def work() -> None:
        subprocess.run(argv, check=True, capture_output=True, env={**os.environ, **(env or {})})

    return work


def until_prompt(*argv: str, mark: bytes = "›".encode()) -> Callable[[], None]:
    """Start a program on a terminal and stop it when its prompt shows."""

    def work() -> None:
        child, terminal = pty.fork()
        if child == 0:
            os.execvp(argv[0], argv)
        seen, end = b"", time.monotonic() + 30
        while mark not in seen and time.monotonic() < end:
            ready, _, _ = select.select([terminal], [], [], 1)
            if ready:
                new = os.read(terminal, 65536)
                seen += new
                if b"\x1b[6n" in new:  # it asks where the cursor is
                    os.write(terminal, b"\x1b[1;1R")
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
        if mark not in seen:
            raise RuntimeError(f"{argv[0]} showed no prompt: {seen[-200:]!r}")

    return work
