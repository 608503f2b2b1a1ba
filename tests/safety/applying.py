"""Propose, approve and look, as separate processes would: every call opens its own session on the same state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from agent.events import Event
from agent.guard.plan import Plan
from agent.session import Session
from tests.agent.scripted import ScriptedMind
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tools.change import Change, Patch, Proposal, Ref
from tools.context import Context
from tools.errors import NotFound

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


@contextmanager
def place(folder: Path, context: str = CLUSTER_CONTEXT) -> Iterator[Context]:
    """A namespace and a state folder for many cases in a row."""
    cluster = Context(context=context).cluster
    name = f"t-{token_hex(4)}"
    write_directly(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield Context(context=context, namespace=name, root=folder, state=folder / "state")
    write_directly(cluster, "DELETE", f"/api/v1/namespaces/{name}")


def reset(ctx: Context) -> None:
    """Two ConfigMaps with their first values."""
    maps = f"/api/v1/namespaces/{ctx.namespace}/configmaps"
    for name in ("one", "two"):
        with suppress(NotFound):
            write_directly(ctx.cluster, "DELETE", f"{maps}/{name}")
        write_directly(ctx.cluster, "POST", maps, {"metadata": {"name": name}, "data": {"value": "first"}})
