"""The key to the doors.

The guard hands a handler one permit for one step of an approved plan. The doors (Kubernetes client, Docker engine,
file writer, runner of programs) ask it before every write; it answers only for the writes that the plan showed,
and only while the step runs. `agent/guard/` is the one place that opens permits; a test looks that it stays so.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from tools.errors import Refused
from tools.preview import Write


class Permit:
    """Lets the writes of one step through while it is open.

    `plan` and `step` name what was approved, for the journal and for the mark on each request; `used` are the writes
    that were, or may have been, carried out.
    """

    def __init__(self, plan: str, step: int, writes: tuple[Write, ...]) -> None:
        self.plan = plan
        self.step = step
        self._writes = writes
        self._open = False
        self._spent = False
        self._lock = threading.Lock()
        self.used: list[Write] = []

    @contextmanager
    def opened(self) -> Generator["Permit"]:
        """Open the permit for the duration of the step; it can never be opened again."""
        with self._lock:
            if self._spent:
                raise Refused("This permit was used already.", "Ask for the change again.")
            self._open = self._spent = True
        try:
            yield self
        finally:
            self._open = False

    def check(self, door: str, method: str, path: str) -> None:
        """Raise `Refused` unless this write was shown in the plan; record it when it was."""
        with self._lock:
            if not self._open:
                raise Refused(f"{method} {path} was stopped: no approved step is running.")
            if not any(write.covers(door, method, path) for write in self._writes):
                raise Refused(f"{method} {path} was stopped: the approved plan does not contain this write.")
            self.used.append(Write(door=door, method=method, path=path))

    def withdraw(self, door: str, method: str, path: str) -> None:
        """A door tells that this write was refused on the other side, so that it surely was not carried out."""
        with self._lock:
            self.used.remove(Write(door=door, method=method, path=path))

    def shows(self, door: str, path: str) -> bool:
        """Whether the plan writes to exactly this object, by whatever method; records nothing."""
        return any(write.covers(door, write.method, path) for write in self._writes)


def require(permit: Permit | None, door: str, method: str, path: str) -> None:
    """What every door calls before a write; without a permit nothing is written."""
    if permit is None:
        raise Refused(f"{method} {path} was stopped: nothing is changed without an approved plan.")
    permit.check(door, method, path)
