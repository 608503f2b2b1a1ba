"""What does not stay up: a container that ends a moment after its start, and the way back from it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.events import Answered, Event, StepApplied
from agent.guard.plan import Plan
from tests.safety import faults
from tests.safety.applying import drain, fresh, session, set_value
from tools.change import Patch, Proposal, Ref
from tools.context import Context

pytestmark = pytest.mark.cluster

# Without a probe, so that Kubernetes calls it ready the moment it runs.
SHORT_LIVED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  strategy: {rollingUpdate: {maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: "debian:bookworm-slim", command: [sleep, "100000"]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {value: first}
"""


@pytest.fixture
def stage(ctx: Context, apply: Callable[[str], None]) -> Context:
    apply(SHORT_LIVED)
    return ctx


def broken(ctx: Context) -> Patch:
    """Two seconds of life, then an error."""
    containers = [{"name": "main", "command": ["sh", "-c", "sleep 2; exit 1"]}]
    ref = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace=ctx.namespace)
    spec = {"template": {"spec": {"containers": containers}}}
    return Patch(summary="break web", ref=ref, verb="set", type="strategic", patch={"spec": spec})


def run(ctx: Context, *, roll_back: bool) -> list[Event]:
    mine = session(ctx)
    proposal = Proposal(changes=(set_value(ctx, "one", "new"), broken(ctx)))
    plan = drain(mine.guard.propose(proposal, "break it", "break it", roll_back=roll_back))
    assert isinstance(plan, Plan)
    return list(mine.approve(plan, plan.digest, "test"))


def value(ctx: Context) -> str:
    return fresh(ctx).cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/one")["data"]["value"]


def command(ctx: Context) -> list[str]:
    live = fresh(ctx).cluster.get(f"/apis/apps/v1/namespaces/{ctx.namespace}/deployments/web")
    return live["spec"]["template"]["spec"]["containers"][0]["command"]


@pytest.mark.long
def test_a_crash_right_after_the_start_is_seen(stage: Context) -> None:
    events = run(stage, roll_back=False)
    seen = [event.verification for event in events if isinstance(event, StepApplied)][-1]
    assert seen is not None
    assert not seen.healthy
    assert "crash" in seen.text
    ended = events[-1]
    assert isinstance(ended, Answered)
    assert "In place: step 1" in ended.text
    assert ended.options
    assert (value(stage), command(stage)) == ("new", ["sh", "-c", "sleep 2; exit 1"])
    faults.ran("crash after the start")


def test_all_of_the_plan_is_rolled_back(stage: Context) -> None:
    events = run(stage, roll_back=True)
    ended = events[-1]
    assert isinstance(ended, Answered)
    assert (ended.outcome, ended.code) == ("rolled-back", 12)
    assert (value(stage), command(stage)) == ("first", ["sleep", "100000"])
    faults.ran("crash after the start")
