"""kill -9, or a full disk, at every point of applying a plan: nothing twice, nothing lost, told truly, a way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from agent.guard.hold import any_left
from agent.guard.plan import Plan
from agent.guard.undo import applied_steps
from tests.safety import faults
from tests.safety.applying import approve, fresh, place, propose, reset, session, set_value
from tests.safety.killing import die, fill_the_disk, run_until
from tools.context import Context
from tools.errors import Conflict, Refused

pytestmark = pytest.mark.cluster


def values(ctx: Context, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """(value, resource version) of the objects: a second write would move the version."""
    found = [fresh(ctx).cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/{name}") for name in names]
    return [(item["data"]["value"], item["metadata"]["resourceVersion"]) for item in found]


def start_anew(ctx: Context) -> str:
    """What the next start says; afterwards there is nothing more to find out."""
    said = " ".join(notice.text for notice in session(ctx).recover())
    assert list(session(ctx).recover()) == []
    assert not any_left(ctx.state)
    return said


def check(ctx: Context, plan: Plan, value: str, names: tuple[str, ...]) -> None:
    """After a death somewhere: told truly, not again, and back."""
    before = values(ctx, names)
    said = start_anew(ctx)
    assert values(ctx, names) == before  # looking writes nothing
    guard = session(ctx).guard
    assert guard.journal.verify() == []
    live = {number for number, (now, _) in enumerate(before, start=1) if now == value}
    assert set(applied_steps(list(guard.journal.records()), plan.id)) == live
    status = guard.store.plan_status(plan.id)
    if status == "pending":  # it died before the yes was taken
        assert not live
        assert not said
        approve(ctx, plan)
        assert [now for now, _ in values(ctx, names)] == [value] * len(names)
        live = {*range(1, len(names) + 1)}
    else:
        assert status == ("applied" if len(live) == len(names) else "failed")
        assert ("nothing was changed" in said) <= (not live)
        with pytest.raises(Refused):
            guard.approve(plan, plan.digest, "test", "again")
        assert values(ctx, names) == before
    if not live:
        return
    back = session(ctx)
    list(back.undo(plan.id))
    assert back.pending is not None
    list(back.approve(back.pending, back.pending.digest, "test"))
    assert {now for now, _ in values(ctx, names)}.isdisjoint({value})


@pytest.fixture(scope="module")
def ctx(cluster_uid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """One namespace for all of these cases."""
    with place(tmp_path_factory.mktemp("deaths")) as made:
        yield made


@pytest.mark.parametrize("event", [die, fill_the_disk], ids=lambda event: event.__name__)
@pytest.mark.parametrize("names", [("one",), pytest.param(("one", "two"), marks=pytest.mark.long)], ids=len)
def test_it_happens_at_any_point(ctx: Context, names: tuple[str, ...], event: Callable[[], None]) -> None:
    reset(ctx)
    plan = propose(ctx, *(set_value(ctx, name, "whole") for name in names))
    points = run_until(0, lambda: approve(ctx, plan))
    assert {now for now, _ in values(ctx, names)} == {"whole"}
    assert len(points) > 15 * len(names)
    for number in range(1, len(points) + 1):
        value = f"value-{number}"
        plan = propose(ctx, *(set_value(ctx, name, value) for name in names))
        passed = run_until(number, lambda plan=plan: approve(ctx, plan), event)
        assert len(passed) >= number
        try:
            check(ctx, plan, value, names)
        except (AssertionError, Refused, Conflict) as error:
            raise AssertionError(f"{event.__name__} at point {number}, {passed[number - 1]}, of {passed}") from error
        faults.ran(event.__name__.replace("_", " "))
