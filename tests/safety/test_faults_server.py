"""The API server, or the way to it, fails: the state is known and told at the end, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.events import Errored, Event, StepApplied
from agent.guard.undo import applied_steps
from tests.safety import faults
from tests.safety.applying import approve, fresh, place, propose, reset, session, set_value
from tests.safety.faulty_server import Fault, FaultyServer, Request, any_write, faulty_server
from tools.context import Context

pytestmark = pytest.mark.cluster

CUT = {"cut": True}


@pytest.fixture(scope="module")
def ctx(cluster_uid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """One namespace for all of these cases."""
    with place(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture
def server(ctx: Context) -> Iterator[FaultyServer]:
    """A server that fails on demand, in front of two ConfigMaps."""
    reset(ctx)
    with faulty_server(ctx) as made:
        yield made


@pytest.fixture
def through(ctx: Context, server: FaultyServer, tmp_path: Path) -> Context:
    return server.context(ctx, tmp_path)


def value(ctx: Context, name: str = "one") -> str:
    return fresh(ctx).cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/{name}")["data"]["value"]


def told(events: list[Event]) -> str:
    return " ".join(str(getattr(event, "text", "") or getattr(event, "message", "")) for event in events)


def check(ctx: Context, plan_id: str, *, done: int, server: FaultyServer) -> None:
    """The journal says what the server has, the next start has no question left, and undo takes it back."""
    list(session(ctx).recover())
    assert list(session(ctx).recover()) == []
    guard = session(ctx).guard
    assert guard.journal.verify() == []
    assert guard.store.plan_status(plan_id) == ("applied" if done else "failed")
    steps = applied_steps(list(guard.journal.records()), plan_id)
    assert bool(steps) == bool(done) == (value(ctx) == "new")
    assert len(server.done) == done
    if done:
        back = session(ctx)
        list(back.undo(plan_id))
        assert back.pending is not None
        list(back.approve(back.pending, back.pending.digest, "test"))
        assert value(ctx) == "first"
    faults.ran("server and connection")


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        (Fault(cut=True), 0),
        (Fault(cut=True, passes=True), 1),
        (Fault(status=409), 1),
        (Fault(status=409, times=99), 0),
        (Fault(status=429, headers={"Retry-After": "1"}), 1),
        (Fault(status=429, headers={"Retry-After": "1"}, times=99), 0),
        (Fault(status=429), 0),
        (Fault(status=500), 0),
        (Fault(status=500, passes=True), 1),
        (Fault(status=502), 0),
        (Fault(status=503), 0),
        (Fault(status=504, passes=True), 1),
        (Fault(status=403), 0),
        (Fault(status=401, times=99), 0),
    ],
    ids=str,
)
def test_the_write_fails(ctx: Context, through: Context, server: FaultyServer, fault: Fault, done: int) -> None:
    plan = propose(through, set_value(ctx, "one", "new"))
    server.faults.append(fault)
    events = approve(through, plan)
    unknown = fault.passes or fault.cut or fault.status >= 500
    steps = [event.status for event in events if isinstance(event, StepApplied)]
    assert steps == ["unknown" if unknown else "applied" if done else "failed"]
    assert isinstance(events[-1], Errored) == (not done or unknown) or unknown
    check(ctx, plan.id, done=done, server=server)


@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 429}, {"status": 500}, {"status": 503}], ids=str)
def test_reads_are_tried_again(ctx: Context, through: Context, server: FaultyServer, fault: dict[str, int]) -> None:
    server.faults.append(Fault(when=lambda request: request.method == "GET", times=2, **fault))
    plan = propose(through, set_value(ctx, "one", "new"))
    server.faults.append(Fault(when=lambda request: request.method == "GET", times=2, **fault))
    approve(through, plan)
    check(ctx, plan.id, done=1, server=server)


def test_silence_ends_as_unknown(
    ctx: Context, through: Context, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.kubernetes.door.client._WRITE_SECONDS", 0.5)
    plan = propose(through, set_value(ctx, "one", "new"))
    server.faults.append(Fault(stall=1.0, passes=True, cut=True))
    events = approve(through, plan)
    assert [event.status for event in events if isinstance(event, StepApplied)] == ["unknown"]
    check(ctx, plan.id, done=1, server=server)


@pytest.mark.long
@pytest.mark.parametrize("when", ["write", "read", "everything"])
def test_thirty_seconds_of_silence(ctx: Context, through: Context, server: FaultyServer, when: str) -> None:
    plan = propose(through, set_value(ctx, "one", "new"))
    chosen: dict[str, Callable[[Request], bool]] = {
        "write": any_write,
        "read": lambda request: request.method == "GET",
        "everything": lambda _: True,
    }
    server.faults.append(Fault(when=chosen[when], stall=30.0, times=2))
    events = approve(through, plan)
    assert [event.status for event in events if isinstance(event, StepApplied)] == ["applied"]
    check(ctx, plan.id, done=1, server=server)


@pytest.mark.parametrize("passes", [False, True])
def test_the_second_of_two_steps_fails(ctx: Context, through: Context, server: FaultyServer, passes: bool) -> None:
    plan = propose(through, set_value(ctx, "one", "new"), set_value(ctx, "two", "new"))
    second = lambda request: request.writes and "configmaps/two" in request.target  # noqa: E731
    server.faults.append(Fault(when=second, cut=True, passes=passes))
    approve(through, plan)
    list(session(ctx).recover())
    assert (value(ctx), value(ctx, "two")) == ("new", "new" if passes else "first")
    back = session(ctx)
    assert set(applied_steps(list(back.guard.journal.records()), plan.id)) == ({1, 2} if passes else {1})
    list(back.undo(plan.id))
    assert back.pending is not None
    list(back.approve(back.pending, back.pending.digest, "test"))
    assert (value(ctx), value(ctx, "two")) == ("first", "first")
    faults.ran("server and connection")
