"""A process that dies while it applies a plan: the next one finds out what became of it, and says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.events import PlanProposed
from agent.guard.hold import Hold, any_left
from agent.guard.policy.modes import Mode
from agent.session import Session
from tests.agent.scripted import ScriptedMind, calling
from tests.agent.terminal import Terminal
from tests.conftest import CLUSTER_CONTEXT
from tools.context import Context

WEB = (Path(__file__).parent / "web.yaml").read_text()
SHIPMATE = str(Path(sys.executable).with_name("shipmate"))

# Applies a plan and is killed in the middle: before the write is sent, after it, or while the rollout is watched.
DYING = """
import os, sys
from pathlib import Path
from agent.events import ProgressMade
from agent.minds.mind import Conversation
from agent.session import Session
from tests.agent.scripted import ScriptedMind
from tools.context import Context
from tools.kubernetes.door.client import Cluster

moment, context, namespace, state, plan_id = sys.argv[1:]
session = Session(Context(context=context, namespace=namespace, state=Path(state)), ScriptedMind())
send = Cluster._change

def dying(*args, repeatable, **rest):
    if moment == "before" and not repeatable:
        os.kill(os.getpid(), 9)
    reply = send(*args, repeatable=repeatable, **rest)
    if moment == "after" and not repeatable:
        os.kill(os.getpid(), 9)
    return reply

Cluster._change = dying
plan = session.stored_plan(plan_id)
for event in session.approve(plan, plan.digest, "test"):
    if moment == "watching" and "waiting" in getattr(event, "text", ""):
        os.kill(os.getpid(), 9)
"""

pytestmark = pytest.mark.cluster


def propose(ctx: Context, replicas: int) -> str:
    """A plan that waits; its id."""
    session = Session(ctx, ScriptedMind(calling("scale", name="web", replicas=replicas)), Mode.ASK)
    return next(e.plan.id for e in session.send(f"scale web to {replicas}") if isinstance(e, PlanProposed))


def die(ctx: Context, moment: str) -> str:
    """Propose to scale to 2 and die while applying it; the plan's id."""
    plan = propose(ctx, 2)
    argv = [sys.executable, "-c", DYING, moment, CLUSTER_CONTEXT, str(ctx.namespace), str(ctx.state), plan]
    folder = Path(__file__).parents[2]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder, timeout=120)
    assert done.returncode == -9, done.stderr
    return plan


def notices(ctx: Context) -> list[str]:
    return [notice.text for notice in Session(ctx, ScriptedMind()).recover()]


@pytest.mark.parametrize(
    ("moment", "said", "status", "recorded"),
    [
        ("before", "nothing was changed", "failed", [1, "not applied"]),
        ("after", "is in place", "applied", [1, "applied"]),
        ("watching", "after step 1 was applied", "applied", [0, "applied"]),
    ],
)
def test_what_became_of_it_is_found_out_once(
    ctx: Context, apply: Callable[[str], None], moment: str, said: str, status: str, recorded: list[object]
) -> None:
    apply(WEB)
    plan = die(ctx, moment)
    assert any_left(ctx.state)
    (notice,) = notices(ctx)
    assert plan in notice
    assert said in notice
    session = Session(ctx, ScriptedMind())
    assert [s for p, s in session.store.plans() if p.id == plan] == [status]
    (record,) = [r for r in session.guard.journal.records() if r["type"] == "resolved"]
    assert [record["step"], record["data"]["status"]] == recorded
    assert session.guard.journal.verify() == []
    assert notices(ctx) == []
    assert not any_left(ctx.state)


def test_a_plan_that_is_being_applied_is_left_alone(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    plan = propose(ctx, 2)
    session = Session(ctx, ScriptedMind())
    session.guard.approve(session.stored_plan(plan), session.stored_plan(plan).digest, "me", "test")
    assert notices(ctx) == []
    assert Hold.take(ctx.state, plan) is None


def test_another_cluster_cannot_tell(ctx: Context, apply: Callable[[str], None], tmp_path: Path) -> None:
    apply(WEB)
    plan = die(ctx, "after")
    elsewhere = Context(kubeconfig=str(tmp_path / "none"), state=ctx.state, root=tmp_path)
    for _ in range(2):
        (notice,) = notices(elsewhere)
        assert plan in notice
        assert "unknown" in notice
    assert "is in place" in notices(ctx)[0]


def test_the_programs_say_it(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(WEB)
    flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
    for command in (["journal"], ["status"], ["ask", "list pods"], ["plan"]):
        plan = die(ctx, "before")
        done = subprocess.run([SHIPMATE, *flags, *command], capture_output=True, text=True, check=False, timeout=60)
        assert plan in done.stderr
        assert len(done.stderr.split("cut off")) == 2
    plan = die(ctx, "before")
    with Terminal(SHIPMATE, *flags) as chat:
        chat.see(plan)
        chat.see("›")
    done = subprocess.run([SHIPMATE, "journal", "-o", "json"], capture_output=True, text=True, check=False, timeout=60)
    assert json.loads(done.stdout)[-1]["type"] == "resolved"
    assert not any_left(ctx.state)
