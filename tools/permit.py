"""The key to the doors.

The guard hands a handler one permit for one step of an approved plan. The doors (Kubernetes client, Docker engine,
file writer, runner of programs) ask it before every write; it answers only for the writes that the plan showed,
and only while the step runs. `agent/guard/` is the one place that opens permits; a test looks that it stays so.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from tools.errors import Refused
from tools.preview import Applied, Write


class Permit:
    """Lets the writes of one step through while it is open.

    `plan`, `step` and `journal` name what was approved and where that is recorded, for the mark on each request.
    `used` are the writes that were, or may have been, carried out, `answered` those of them that surely were.
    `before_first` runs before the first write is let through, and stops it by raising: there the guard writes its
    intent down, with what the handler said to `keep`.
    """

    def __init__(
        self,
        plan: str,
        step: int,
        writes: tuple[Write, ...],
        before_first: Callable[[Applied | None], None] | None = None,
        journal: str = "none",
    ) -> None:
        self.plan = plan
        self.step = step
        self.journal = journal
        self._writes = writes
        self._open = False
        self._spent = False
        self._lock = threading.Lock()
        self._before_first = before_first
        self._kept: Applied | None = None
        self.used: list[Write] = []
        self.answered: list[Write] = []

    @property
    def mark(self) -> str:
        """What each request of the step carries in its user agent, so that an audit log leads back to the journal."""
        return f"plan/{self.plan} step/{self.step} journal/{self.journal}"

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
            if self._before_first:
                self._before_first(self._kept)
                self._before_first = None
            self.used.append(Write(door=door, method=method, path=path))

    def keep(self, former: Applied) -> None:
        """What undo would rest on if nobody lived to see the answer; a handler says it before its first write."""
        self._kept = former

    def withdraw(self, door: str, method: str, path: str) -> None:
        """A door tells that this write was refused on the other side, so that it surely was not carried out."""
        write = Write(door=door, method=method, path=path)
        with self._lock:
            self.used.remove(write)
            if self.answered.count(write) > self.used.count(write):
                self.answered.remove(write)

    def confirm(self, door: str, method: str, path: str) -> None:
        """A door tells that the other side answered that this write was carried out."""
        with self._lock:
            self.answered.append(Write(door=door, method=method, path=path))

    @property
    def unsure(self) -> list[Write]:
        """Writes that nobody answered for: the connection broke, the other side failed, or it was not waited for."""
        left = self.answered.copy()
        return [write for write in self.used if write not in left or left.remove(write)]

    def shows(self, door: str, path: str) -> bool:
        """Whether the plan writes to exactly this object, by whatever method; records nothing."""
        return any(write.covers(door, write.method, path) for write in self._writes)


def require(permit: Permit | None, door: str, method: str, path: str) -> None:
    """What every door calls before a write; without a permit nothing is written."""
    if permit is None:
        raise Refused(f"{method} {path} was stopped: nothing is changed without an approved plan.")
    permit.check(door, method, path)
