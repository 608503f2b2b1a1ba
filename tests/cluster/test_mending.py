"""What is wrong? Fix it. Is it healthy now? As conversations on a real cluster, and what becomes of fixes that fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent import proving
from agent.events import Answered, Asked, Event, PlanProposed
from agent.guard.policy.modes import Mode
from agent.minds.planner.planner import Planner
from agent.session import Session
from tests.conftest import CLUSTER_CONTEXT
from tools.change import Patch, Ref
from tools.context import Context
from tools.finding import Fix
from tools.kubernetes.diagnose import run
from tools.kubernetes.diagnose.rule import Seen, seen

pytestmark = pytest.mark.cluster

Put = Callable[[str], None]
SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
PAUSE = "registry.k8s.io/pause:3.10"
DEBIAN = "debian:bookworm-slim"
TRACEBACK = "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\nKeyError: 'price'"


def workload(name: str, image: str, command: list[str] | None = None) -> str:
    entry: dict[str, Any] = {"name": "main", "image": image, **({"command": command} if command else {})}
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  progressDeadlineSeconds: 60
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{json.dumps(entry)}]
"""


MISSPELT = """
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: fornt}, ports: [{port: 80}]}
"""


@pytest.fixture
def session(ctx: Context) -> Session:
    return Session(ctx, Planner(ctx), Mode.ASK)


def say(session: Session, text: str) -> Event:
    """The last event of a turn."""
    return list(session.send(text))[-1]


def yes(session: Session) -> list[Event]:
    plan = session.pending
    assert plan is not None
    return list(session.approve(plan, plan.digest, "yes in a test"))


def answer(event: Event) -> Answered:
    assert isinstance(event, Answered), event
    return event


def until_found(ctx: Context, *ids: str, seconds: float = 90) -> None:
    """Wait until just this is wrong in the namespace."""
    ends = time.monotonic() + seconds
    while True:
        found = [finding.id for finding in run.look(ctx, namespace=ctx.namespace).findings]
        if sorted(found) == sorted(ids):
            return
        assert time.monotonic() < ends, found
        time.sleep(0.5)


def until_ready(ctx: Context, name: str) -> None:
    resource = ctx.cluster.kinds.resolve("deployments.apps")
    for _, live in ctx.cluster.watch(resource, ctx.namespace, name=name, timeout=120):
        if live.get("status", {}).get("readyReplicas"):
            return


def test_a_value_is_asked_for_and_alone_is_enough(session: Session, ctx: Context, apply: Put) -> None:
    apply(workload("web", "debian:no-such-tag", ["sleep", "infinity"]))
    until_found(ctx, "SM-IMAGE-NOT-FOUND")
    told = answer(say(session, "what is wrong with my app?"))
    assert "└─" in told.text
    asked = say(session, "fix it")
    assert isinstance(asked, Asked)
    assert "Which tag of debian" in asked.text
    assert isinstance(say(session, "bookworm-slim"), PlanProposed)
    fixed = answer(yes(session)[-1])
    assert (fixed.outcome, fixed.code) == ("done", 0), fixed.text
    assert "Fixed: I looked again, SM-IMAGE-NOT-FOUND of deployment web" in fixed.text
    now = answer(say(session, "is it healthy now?"))
    assert now.text.startswith("Nothing is wrong"), now.text


def test_the_cause_in_the_code_is_named_and_nothing_proposed(session: Session, ctx: Context, apply: Put) -> None:
    apply(workload("pay", DEBIAN, ["bash", "-c", f"cat >&2 <<'END'\n{TRACEBACK}\nEND\nexit 1"]))
    until_found(ctx, "SM-CRASH-EXCEPTION")
    say(session, "what is wrong?")
    told = answer(say(session, "fix it"))
    assert (told.outcome, told.code) == ("failed", 13)
    assert "main.py line 3" in told.text
    assert session.pending is None
    assert "KeyError: 'price'" in answer(say(session, "why do you think so?")).text
    assert "KeyError: 'price'" in answer(say(session, "show the log")).text


def test_two_of_three_requests_refer_to_the_one_before(namespace: str, ctx: Context, apply: Put) -> None:
    """As three commands of one terminal, with their exit codes."""
    apply(workload("front", PAUSE) + MISSPELT)
    until_ready(ctx, "front")
    until_found(ctx, "SM-SERVICE-SELECTOR")

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [SHIPMATE, "--context", CLUSTER_CONTEXT, "-n", namespace, "ask", *words]
        env = {**os.environ, "SHIPMATE_TERMINAL": namespace}
        return subprocess.run(argv, capture_output=True, text=True, env=env, check=False, timeout=180)

    first = ask("what is wrong with my app?")
    assert first.returncode == 0, first.stderr
    assert "SM-SERVICE-SELECTOR" in first.stdout
    shown = ask("fix it")
    assert (shown.returncode, "Dry run: nothing was changed." in shown.stdout) == (0, True), shown.stderr
    assert "Going on with conversation" in shown.stderr
    done = ask("fix it", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fixed: I looked again" in done.stdout
    last = ask("is it healthy now?")
    assert (last.returncode, "Nothing is wrong" in last.stdout) == (0, True), last.stdout


@pytest.fixture
def stubborn(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A rule that finds the same whatever is done about it, and what else it is told to find after a fix."""
    ref = Ref(api_version="v1", kind="ConfigMap", name="settings", namespace=ctx.namespace)
    other = Ref(api_version="v1", kind="ConfigMap", name="other", namespace=ctx.namespace)
    rule = SimpleNamespace(__name__="rules.stubborn", stays=True, brings=False)

    def setting(value: str) -> Fix:
        change = Patch(summary=f"set mode={value}", ref=ref, verb="set", type="merge", patch={"data": {"mode": value}})
        return Fix(text=f"Set the mode to {value}.", changes=(change,))

    def check(_: object) -> Iterator[Seen]:
        before = mode(ctx) == "broken"
        if rule.stays or before:
            yield seen("SM-STUBBORN", ref, "The mode is wrong.", fixes=(setting("safe"), setting("slow")))
        if rule.brings and not before:
            yield seen("SM-NEW", other, "Something else broke.")

    rule.check = check
    monkeypatch.setattr(run, "all_rules", lambda: (rule,))
    monkeypatch.setattr(proving, "_PATIENCE", 1.0)
    return rule


def mode(ctx: Context) -> str:
    ref = Ref(api_version="v1", kind="ConfigMap", name="settings", namespace=ctx.namespace)
    return str(ctx.cluster.read(ref)["data"]["mode"])


SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: broken}"


def test_what_does_not_help_is_taken_back_and_the_next_tried(
    session: Session, ctx: Context, apply: Put, stubborn: SimpleNamespace
) -> None:
    apply(SETTINGS)
    say(session, "what is wrong?")
    say(session, "fix it")
    ended = answer(yes(session)[-1])
    assert (ended.outcome, ended.code) == ("rolled-back", 12), ended.text
    assert "Not fixed: SM-STUBBORN" in ended.text
    assert "I took it back. Next I would try: Set the mode to slow." in ended.text
    assert mode(ctx) == "broken"
    proposed = say(session, "fix it")
    assert isinstance(proposed, PlanProposed)
    assert [step.change.summary for step in proposed.plan.steps] == ["set mode=slow"]
    yes(session)
    last = answer(say(session, "fix it"))
    assert (last.code, session.pending) == (13, None)
    assert "no other change" in last.text
    assert session.guard.journal.verify() == []


def test_a_fix_that_breaks_something_else_is_no_fix(
    session: Session, ctx: Context, apply: Put, stubborn: SimpleNamespace
) -> None:
    stubborn.stays, stubborn.brings = False, True
    apply(SETTINGS)
    say(session, "fix it")
    ended = answer(yes(session)[-1])
    assert (ended.outcome, ended.code) == ("rolled-back", 12), ended.text
    assert "Something else broke." in ended.text
    assert mode(ctx) == "broken"


def test_where_the_policy_wants_a_yes_the_way_back_is_proposed(
    session: Session, ctx: Context, apply: Put, stubborn: SimpleNamespace, tmp_path: Path
) -> None:
    apply(SETTINGS)
    say(session, "fix it")
    plan = session.pending
    assert plan is not None
    events = session.approve(plan, plan.digest, "yes in a test")
    for event in events:
        if event.type == "step":  # from now on everything here has to be confirmed by its name
            rules = tmp_path / "strict.yaml"
            rules.write_text("rules: [{confirm: {}}]")
            session.guard.judge.extra = (rules,)
        last = event
    last = answer(last)
    assert "not covered by your yes" in last.text
    assert mode(ctx) == "safe"
    waiting = session.pending
    assert waiting is not None
    list(session.approve(waiting, waiting.digest, "yes in a test", typed=waiting.confirm))
    assert mode(ctx) == "broken"
