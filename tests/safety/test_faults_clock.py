"""Clocks that jump, and two Shipmates on one plan."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, tzinfo

import pytest

from agent.guard.undo import applied_steps
from tests.safety import faults
from tests.safety.applying import approve, fresh, place, propose, reset, session, set_value
from tests.safety.killing import run_until
from tools.context import Context

pytestmark = pytest.mark.cluster

DAY = 86400.0


@pytest.fixture(scope="module")
def ctx(cluster_uid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with place(tmp_path_factory.mktemp("clocks")) as made:
        yield made


def value(ctx: Context) -> str:
    return fresh(ctx).cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/one")["data"]["value"]


def jump(seconds: float) -> Callable[[], None]:
    """From now on the wall clock of this process is that far off; the monotonic one goes on."""

    def set_clock() -> None:
        real = time.time

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.fromtimestamp(real(), tz) + timedelta(seconds=seconds)

        for name, module in list(sys.modules.items()):
            if name.startswith(("agent.", "tools.")) and getattr(module, "datetime", None) is datetime:
                module.datetime = Shifted  # type: ignore[attr-defined]
        time.time = lambda: real() + seconds

    return set_clock


@pytest.mark.parametrize("seconds", [-365 * DAY, -3600.0, 3600.0, 20 * DAY], ids=str)
def test_the_clock_jumps_while_a_plan_is_applied(ctx: Context, seconds: float) -> None:
    reset(ctx)
    for point in (3, 9, 15):
        wanted = f"value-{point}"
        plan = propose(ctx, set_value(ctx, "one", wanted))
        run_until(point, lambda plan=plan: approve(ctx, plan), jump(seconds))
        assert value(ctx) == wanted
        guard = session(ctx).guard
        assert guard.store.plan_status(plan.id) == "applied"
        assert guard.journal.verify() == []
        assert set(applied_steps(list(guard.journal.records()), plan.id)) == {1}
        assert list(session(ctx).recover()) == []
        faults.ran("clock jump")


@pytest.mark.parametrize(("seconds", "done"), [(3600.0, True), (-60.0, True), (3 * DAY, False), (-3 * DAY, False)])
def test_the_clock_jumps_before_the_yes(ctx: Context, seconds: float, done: bool) -> None:
    """A plan is good for a day; where nobody can tell how old it is, it has to be shown again."""
    reset(ctx)
    plan = propose(ctx, set_value(ctx, "one", "new"))

    def later() -> None:
        jump(seconds)()
        approve(ctx, plan)

    run_until(0, later)
    assert value(ctx) == ("new" if done else "first")
    assert session(ctx).guard.journal.verify() == []
    faults.ran("clock jump")


def together(*work: Callable[[], object]) -> None:
    """Each in a process of its own, all let go at the same moment."""
    waiting, go = os.pipe()
    children: list[int] = []
    for one in work:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(go)
                os.read(waiting, 1)
                one()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(waiting)
    os.close(go)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("attempt", range(5))
def test_one_plan_is_applied_once_by_many(ctx: Context, attempt: int) -> None:
    reset(ctx)
    plan = propose(ctx, set_value(ctx, "one", "new"))
    together(*[lambda: approve(ctx, plan)] * 3)
    records = session(ctx).guard.journal.of(plan.id)
    assert [record["type"] for record in records].count("approved") == 1
    assert [record["type"] for record in records].count("intent") == 1
    assert (value(ctx), session(ctx).store.plan_status(plan.id)) == ("new", "applied")
    assert session(ctx).guard.journal.verify() == []
    faults.ran("two at once")


@pytest.mark.parametrize("attempt", range(5))
def test_of_two_plans_for_one_value_one_wins(ctx: Context, attempt: int) -> None:
    reset(ctx)
    plans = [propose(ctx, set_value(ctx, "one", name)) for name in ("left", "right")]
    together(*[lambda plan=plan: approve(ctx, plan) for plan in plans])
    guard = session(ctx).guard
    status = {guard.store.plan_status(plan.id) for plan in plans}
    assert status == {"applied", "failed"}
    (winner,) = [name for name, plan in zip(("left", "right"), plans, strict=True)
                 if guard.store.plan_status(plan.id) == "applied"]  # fmt: skip
    assert value(ctx) == winner
    assert guard.journal.verify() == []
    faults.ran("two at once")


def test_a_plan_is_recovered_once_by_many(ctx: Context) -> None:
    reset(ctx)
    plan = propose(ctx, set_value(ctx, "one", "new"))
    number = len(run_until(0, lambda: approve(ctx, plan))) - 4
    plan = propose(ctx, set_value(ctx, "one", "newer"))
    run_until(number, lambda: approve(ctx, plan))
    together(*[lambda: list(session(ctx).recover())] * 3)
    assert session(ctx).store.plan_status(plan.id) in ("applied", "failed")
    assert len([record for record in session(ctx).guard.journal.of(plan.id) if record["type"] == "resolved"]) == 1
    faults.ran("two at once")
