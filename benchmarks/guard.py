"""What the guard costs per change besides the API server's own time: preview, plan, grant, journal, store, checks.

One object is patched again and again, in one process, on the real cluster. Time spent in requests is taken where they
are sent and answered; all the rest is ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from agent.events import Event
from agent.guard.guard import Guard
from agent.guard.journal import Journal
from agent.guard.plan import Plan
from agent.guard.undo import journal_of
from agent.store.sqlite import Store
from benchmarks.timing import Row
from tools.change import Patch, Proposal, Ref
from tools.context import Context
from tools.kubernetes.door.transport import Transport

T = TypeVar("T")

RUNS = 40
AIM = "15 ms"


def per_change(context: str, namespace: str) -> Iterator[Row]:
    """One row for all of it, one for the journal alone; the fastest of many runs, as everywhere here."""
    ctx = Context(context=context, namespace=namespace)
    guard = Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"))
    ref = Ref(api_version="v1", kind="ConfigMap", name="notes", namespace=namespace)
    requests, journal = _Clock(), _Clock()
    seen: list[tuple[float, float, float]] = []
    with requests.around(Transport, "fetch"), journal.around(Journal, "append"):
        for number in range(RUNS + 3):
            change = Patch(
                summary=f"set notes to {number}", ref=ref, verb="set", type="merge", patch={"data": {"n": str(number)}}
            )
            requests.spent = journal.spent = 0.0
            start = time.perf_counter()
            _change(guard, change)
            whole = time.perf_counter() - start
            if number >= 3:  # the first ones import and discover
                seen.append((whole - requests.spent, requests.spent, journal.spent))
    ours, server, written = (min(column) for column in zip(*seen, strict=True))
    yield Row("guard per change / API server's time", ours, server, AIM)
    yield Row("of that the journal / guard per change", written, ours, "")


def _change(guard: Guard, change: Patch) -> None:
    plan: Plan = _end(guard.propose(Proposal(changes=(change,)), "a benchmark", "a benchmark"))
    grant = guard.approve(plan, plan.digest, "benchmark", "yes", plan.confirm)
    if not _end(guard.carry_out(plan, grant)):
        raise RuntimeError(f"{change.summary} did not work")


def _end(work: Generator[Event, None, T]) -> T:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


class _Clock:
    """Adds up the seconds spent in a method."""

    def __init__(self) -> None:
        self.spent = 0.0

    @contextmanager
    def around(self, owner: type, name: str) -> Generator[None]:
        method: Callable[..., Any] = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                self.spent += time.perf_counter() - start

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, method)
