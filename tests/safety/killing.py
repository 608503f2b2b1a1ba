"""Processes to which something happens at one of the points of applying a plan: SIGKILL, a full disk, a clock jump.

The points are counted, not listed: every record of the journal (before it, in the middle of its bytes, after it), every
write that leaves for the server (before, after), every move of a plan's status, each hold taken and released, each
value put into the vault. So a new step of the path is a new point by itself.
"""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.guard import journal as journal_module
from agent.guard.hold import Hold
from agent.guard.journal import Journal
from agent.store.sqlite import Store
from tools.kubernetes.door.client import Cluster
from tools.permit import Permit
from tools.secrets.vault import Vault

Work = Callable[[], object]


def die() -> None:
    """End without a chance to tidy up."""
    os.kill(os.getpid(), signal.SIGKILL)


def fill_the_disk() -> None:
    """From now on no file of this process can grow: each write fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


class Points:
    """Passes the points of this process, and at the one that was chosen lets it happen."""

    def __init__(self, last: int | str, told: int, event: Callable[[], None]) -> None:
        self._left = last if isinstance(last, int) else 0
        self._name = last if isinstance(last, str) else ""
        self._told = told
        self._calls = Counter[str]()
        self._event = event

    def at(self, name: str) -> None:
        """One more point."""
        os.write(self._told, f"{name}\n".encode())
        self._left -= 1
        if self._left == 0 or name == self._name:
            self._event()

    def around(self, owner: Any, method: str, wanted: Callable[..., bool] = lambda *_, **__: True) -> None:
        """A point before and one after each call of a method."""
        real = getattr(owner, method)
        inner = real.__func__ if hasattr(real, "__func__") else real

        def passing(*args: Any, **named: Any) -> Any:
            if not wanted(*args, **named):
                return inner(*args, **named)
            self._calls[method] += 1
            what = f"append {args[1]}" if method == "append" else method
            what += f" {self._calls[method]}" if method == "check" else ""
            self.at(f"before {what}")
            result = inner(*args, **named)
            self.at(f"after {what}")
            return result

        setattr(owner, method, classmethod(passing) if hasattr(real, "__func__") else passing)

    def install(self) -> None:
        """Put the points into this process."""
        self.around(Hold, "take")
        self.around(Hold, "release")
        self.around(Store, "move_plan")
        self.around(Journal, "append")
        self.around(Vault, "put")
        self.around(Permit, "check")
        self.around(Cluster, "_change", lambda *_, repeatable, **__: not repeatable)
        self._torn()

    def _torn(self) -> None:
        """A point where only half of a record's bytes are in the file."""
        real = journal_module.os.fsync

        def half(descriptor: int) -> None:
            if Path(f"/proc/self/fd/{descriptor}").readlink().name == "journal.jsonl":
                size = os.fstat(descriptor).st_size
                if self._left == 1 and self._event is die:
                    os.ftruncate(descriptor, size - 40)
                self.at("torn record")
            real(descriptor)

        journal_module.os.fsync = half  # type: ignore[assignment]


def run_until(point: int | str, work: Work, event: Callable[[], None] = die) -> list[str]:
    """Do the work in a process of its own to which the event happens at that point (0: never), by number or name.

    Returns the points that it passed. What does not kill it must not make it fail.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            Points(point, writing, event).install()
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        names = told.read().splitlines()
    _, status = os.waitpid(child, 0)
    reached = point in names if isinstance(point, str) else 0 < point <= len(names)
    dies = event is die and reached
    assert os.waitstatus_to_exitcode(status) == (-signal.SIGKILL if dies else 0), names
    return names
