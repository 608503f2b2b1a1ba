"""Propose, approve and look, as separate processes would: every call opens its own session on the same state."""

from __future__ import annotations

from collections.abc import Iterator

from agent.events import Event
from agent.guard.plan import Plan
from agent.session import Session
from tests.agent.scripted import ScriptedMind
from tools.change import Change, Patch, Proposal, Ref
from tools.context import Context

TWO = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {value: first}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data: {value: first}
"""


def fresh(ctx: Context) -> Context:
    """The same place for another process: nothing open, nothing remembered."""
    return Context(
        kubeconfig=ctx.kubeconfig, context=ctx.context, namespace=ctx.namespace, root=ctx.root, state=ctx.state
    )


def session(ctx: Context) -> Session:
    return Session(fresh(ctx), ScriptedMind())


def drain(work: Iterator[Event]) -> object:
    """What a generator returned."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def set_value(ctx: Context, name: str, value: str) -> Patch:
    ref = Ref(api_version="v1", kind="ConfigMap", name=name, namespace=ctx.namespace)
    return Patch(summary=f"set {name}", ref=ref, verb="set", type="merge", patch={"data": {"value": value}})


def propose(ctx: Context, *changes: Change) -> Plan:
    plan = drain(session(ctx).guard.propose(Proposal(changes=changes), "set both", "set both"))
    assert isinstance(plan, Plan)
    return plan


def approve(ctx: Context, plan: Plan) -> list[Event]:
    mine = session(ctx)
    return list(mine.approve(mine.stored_plan(plan.id), plan.digest, "test"))
