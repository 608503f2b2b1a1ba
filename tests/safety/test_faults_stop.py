"""A plan that stops before its end: the choice between keeping, retrying and taking back; rolling back by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.events import Answered, Event, PlanProposed, StepApplied
from agent.guard.plan import Plan
from agent.guard.stopped import CHOICES, choice
from agent.session import Session
from tests.agent.terminal import Terminal
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tests.safety import faults
from tests.safety.applying import drain, fresh, place, propose, reset, session, set_value
from tests.safety.faulty_server import Fault, FaultyServer, faulty_server
from tools.change import Proposal
from tools.context import Context
from tools.errors import Refused

pytestmark = pytest.mark.cluster

WEB = (Path(__file__).parents[1] / "agent/web.yaml").read_text()
SHIPMATE = str(Path(sys.executable).with_name("shipmate"))


@pytest.fixture(scope="module")
def ctx(cluster_uid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with place(tmp_path_factory.mktemp("stops")) as made:
        yield made


@pytest.fixture
def server(ctx: Context) -> Iterator[FaultyServer]:
    reset(ctx)
    with faulty_server(ctx) as made:
        yield made


@pytest.fixture
def stopped(ctx: Context, server: FaultyServer, tmp_path: Path) -> Session:
    """A session whose plan stopped at its second of two steps."""
    through = server.context(ctx, tmp_path)
    plan = propose(through, set_value(ctx, "one", "new"), set_value(ctx, "two", "new"))
    server.faults.append(refusal(server))
    mine = session(through)
    events = list(mine.approve(mine.stored_plan(plan.id), plan.digest, "test"))
    ended = events[-1]
    assert isinstance(ended, Answered)
    assert (ended.outcome, ended.code, ended.options) == ("failed", 13, CHOICES)
    assert f"shipmate plan retry {plan.id}" in ended.text
    assert f"shipmate undo {plan.id}" in ended.text
    assert values(ctx) == ("new", "first")
    faults.ran("stop in the middle")
    return mine


def refusal(server: FaultyServer) -> Fault:
    """The write of the second step is refused."""
    return Fault(when=lambda request: request.writes and "configmaps/two" in request.target, status=403)


def values(ctx: Context) -> tuple[str, ...]:
    maps = f"/api/v1/namespaces/{ctx.namespace}/configmaps"
    return tuple(fresh(ctx).cluster.get(f"{maps}/{name}")["data"]["value"] for name in ("one", "two"))


def plan_of(mine: Session) -> Plan:
    assert mine.stopped is not None
    return mine.stopped.plan


def yes(mine: Session) -> list[Event]:
    assert mine.pending is not None
    return list(mine.approve(mine.pending, mine.pending.digest, "test"))


def test_retry_goes_on_under_the_same_yes(ctx: Context, stopped: Session, server: FaultyServer) -> None:
    plan = plan_of(stopped)
    events = list(stopped.send("try again"))
    assert [event.step for event in events if isinstance(event, StepApplied)] == [2]
    assert isinstance(events[-1], Answered)
    assert events[-1].outcome == "done"
    assert values(ctx) == ("new", "new")
    assert len(server.done) == 2  # each step once
    assert stopped.store.plan_status(plan.id) == "applied"
    list(stopped.undo(plan.id))
    yes(stopped)
    assert values(ctx) == ("first", "first")


def test_retry_after_the_shown_values_moved_is_a_new_plan(ctx: Context, stopped: Session) -> None:
    path = f"/api/v1/namespaces/{ctx.namespace}/configmaps/two"
    write_directly(ctx.cluster, "PUT", path, {"metadata": {"name": "two"}, "data": {"value": "somebody's"}})
    plan = plan_of(stopped)
    list(stopped.send("retry"))
    assert values(ctx) == ("new", "somebody's")
    assert stopped.pending is not None
    assert stopped.pending.id != plan.id
    assert "somebody's" in stopped.pending.steps[0].preview.diff
    yes(stopped)
    assert values(ctx) == ("new", "new")


def test_take_back_undoes_what_was_applied(ctx: Context, stopped: Session) -> None:
    list(stopped.send("take it back"))
    assert stopped.pending is not None
    assert len(stopped.pending.steps) == 1
    yes(stopped)
    assert values(ctx) == ("first", "first")


def test_keep_changes_nothing(ctx: Context, stopped: Session, server: FaultyServer) -> None:
    before = len(server.done)
    (answer,) = stopped.send("keep")
    assert isinstance(answer, Answered)
    assert answer.outcome == "done"
    assert stopped.stopped is None
    assert len(server.done) == before
    assert values(ctx) == ("new", "first")


def test_the_choice_outlives_the_process(ctx: Context, stopped: Session) -> None:
    again = Session(stopped.ctx, stopped.mind, id=stopped.id)
    list(again.send("retry"))
    assert values(ctx) == ("new", "new")
    assert Session(stopped.ctx, stopped.mind, id=stopped.id).stopped is None


def test_what_was_taken_back_cannot_go_on(ctx: Context, stopped: Session) -> None:
    plan = plan_of(stopped)
    list(stopped.send("take back"))
    yes(stopped)
    with pytest.raises(Refused, match="taken back"):
        stopped.guard.go_on(plan, "test")
    assert values(ctx) == ("first", "first")


def test_all_steps_are_rolled_back_in_reverse(ctx: Context, server: FaultyServer, tmp_path: Path) -> None:
    through = server.context(ctx, tmp_path)
    mine = session(through)
    changes = (set_value(ctx, "one", "new"), set_value(ctx, "two", "new"))
    plan = drain(mine.guard.propose(Proposal(changes=changes), "set", "set", roll_back=True))
    assert isinstance(plan, Plan)
    assert plan.on_failure == "roll-back"
    server.faults.append(refusal(server))
    events = list(mine.approve(plan, plan.digest, "test"))
    assert [event.awaits for event in events if isinstance(event, PlanProposed)] == [False]
    assert isinstance(events[-1], Answered)
    assert (events[-1].outcome, events[-1].code) == ("rolled-back", 12)
    assert values(ctx) == ("first", "first")
    faults.ran("stop in the middle")


@pytest.mark.parametrize(
    ("said", "meant"),
    [("k", "keep"), ("Keep it.", "keep"), ("retry", "retry"), ("try  again!", "retry"), ("t", "take back"),
     ("roll it back", "take back"), ("undo it", "take back"), ("scale web to 3", ""), ("why?", ""), ("", "")],
)  # fmt: skip
def test_the_words_of_a_choice(said: str, meant: str) -> None:
    assert choice(said) == meant


def test_the_chat_asks_what_now(
    ctx: Context, apply: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    apply(WEB)
    monkeypatch.chdir(tmp_path)
    with Terminal(SHIPMATE, "--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace)) as chat:
        chat.say("set image of web to localhost:5001/nowhere:1")
        chat.see("Apply it?")
        chat.say("y")
        shown = chat.see("Keep it, retry, or take it back?")
        assert "cannot be pulled" in shown
        assert "shipmate undo" in shown
        chat.say("r")
        assert "cannot be pulled" in chat.see("Keep it, retry, or take it back?")
        chat.say("t")
        assert "nowhere" in chat.see("Apply it?")
        chat.say("y")
        chat.see("1 of 1 replica ready")
        chat.see("›")
    faults.ran("stop in the middle")
