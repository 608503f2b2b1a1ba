"""The guard on the real API server: nothing without a yes, exactly what was shown, and back again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from agent.events import Event, StepApplied
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy.modes import Mode
from agent.guard.undo import journal_of, undo
from agent.store.sqlite import Store
from tools.change import Proposal, Ref, Scale
from tools.context import Context
from tools.errors import Conflict, Refused

pytestmark = pytest.mark.cluster

T = TypeVar("T")

WEB = (Path(__file__).parent / "web.yaml").read_text()


def guard_for(ctx: Context, mode: Mode = Mode.ASK) -> Guard:
    return Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"), mode)


def drain(work: Iterator[Event]) -> tuple[list[Event], object]:
    """All events and what the generator returned."""
    events: list[Event] = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return events, end.value


def scale_plan(guard: Guard, replicas: int) -> Plan:
    ref = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace=guard.ctx.namespace)
    change = Scale(summary=f"scale web to {replicas}", ref=ref, replicas=replicas)
    _, plan = drain(guard.propose(Proposal(changes=(change,)), "scale web", "scale web"))
    assert isinstance(plan, Plan)
    return plan


def replicas(ctx: Context) -> int:
    return ctx.cluster.get(f"/apis/apps/v1/namespaces/{ctx.namespace}/deployments/web")["spec"]["replicas"]


def approve(guard: Guard, plan: Plan) -> object:
    grant = guard.approve(plan, plan.digest, "tester", "yes")
    return drain(guard.carry_out(plan, grant))[1]


def test_a_plan_changes_nothing(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    plan = scale_plan(guard_for(ctx), 3)
    assert "replicas: 3" in plan.steps[0].preview.diff
    assert plan.aim.namespace == ctx.namespace
    assert replicas(ctx) == 1


def test_yes_applies_verifies_and_undo_takes_it_back(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    guard = guard_for(ctx)
    plan = scale_plan(guard, 2)
    events, healthy = drain(guard.carry_out(plan, guard.approve(plan, plan.digest, "tester", "yes")))
    assert healthy is True
    assert replicas(ctx) == 2
    assert [event.status for event in events if isinstance(event, StepApplied)] == ["applied"]
    _, back = drain(guard.propose(undo(ctx), "undo", "undo"))
    assert isinstance(back, Plan)
    assert back.undoes == (plan.id,)
    assert approve(guard, back) is True
    assert replicas(ctx) == 1
    assert [record["type"] for record in guard.journal.records()].count("undone") == 1
    with pytest.raises(Refused, match="undone already"):
        undo(ctx, plan=plan.id)
    assert guard.journal.verify() == []


def test_a_yes_works_once(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    guard = guard_for(ctx)
    plan = scale_plan(guard, 2)
    approve(guard, plan)
    with pytest.raises(Refused, match="decided already"):
        guard.approve(plan, plan.digest, "tester", "yes")


def test_a_yes_is_for_one_digest(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    guard = guard_for(ctx)
    small, large = scale_plan(guard, 2), scale_plan(guard, 4)
    with pytest.raises(Refused, match="another plan"):
        guard.approve(large, small.digest, "tester", "yes")
    forged = large.model_copy(update={"digest": small.digest})
    with pytest.raises(Refused, match="another plan"):
        guard.approve(forged, small.digest, "tester", "yes")
    assert replicas(ctx) == 1


def test_what_moved_since_is_not_written(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    guard = guard_for(ctx)
    stale = scale_plan(guard, 4)
    approve(guard, scale_plan(guard, 2))
    with pytest.raises(Conflict):
        approve(guard, stale)
    assert replicas(ctx) == 2


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.READ_ONLY])
def test_other_modes_never_apply(ctx: Context, apply: Callable[[str], None], mode: Mode) -> None:
    apply(WEB)
    plan = scale_plan(guard_for(ctx), 2)
    with pytest.raises(Refused):
        guard_for(ctx, mode).approve(plan, plan.digest, "tester", "yes")
    assert replicas(ctx) == 1
