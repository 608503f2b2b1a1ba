"""The API server restarts in the middle of a change, on a cluster of this test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.guard.undo import applied_steps
from tests.safety import faults
from tests.safety.applying import approve, fresh, place, propose, reset, session, set_value
from tests.safety.faulty_server import Fault, faulty_server
from tools.context import Context
from tools.errors import ShipmateError
from tools.progress import finish
from tools.provision import cluster
from tools.provision.drivers import builtin

pytestmark = [pytest.mark.engine, pytest.mark.long]

NAME = "shipmate-faults"


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    folder = tmp_path_factory.mktemp("restarts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        finish(cluster.up(NAME, "built-in"))
        try:
            with place(folder, NAME) as made:
                yield made
        finally:
            finish(cluster.down(NAME))


def restarts() -> int:
    return {each["name"]: each["restarts"] for each in builtin.BuiltIn().info(NAME).components}["kube-apiserver"]


def restart() -> None:
    """Restart it, and wait until it is gone."""
    before = restarts()
    builtin.restart(NAME, "kube-apiserver")
    while restarts() == before:
        time.sleep(0.1)


def answers(ctx: Context) -> None:
    """Wait until the server is back."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        with suppress(ShipmateError):
            fresh(ctx).cluster.get_raw("/readyz")
            return
        time.sleep(0.5)


@pytest.mark.parametrize("passes", [False, True], ids=["before the write", "after the write"])
def test_it_restarts(ctx: Context, tmp_path: Path, passes: bool) -> None:
    reset(ctx)
    with faulty_server(ctx) as server:
        through = server.context(ctx, tmp_path)
        plan = propose(through, set_value(ctx, "one", "new"), set_value(ctx, "two", "new"))
        server.faults.append(Fault(passes=passes, then=restart, cut=True))
        approve(through, plan)
        answers(ctx)
        list(session(ctx).recover())
        assert list(session(ctx).recover()) == []
    maps = f"/api/v1/namespaces/{ctx.namespace}/configmaps"
    values = [fresh(ctx).cluster.get(f"{maps}/{name}")["data"]["value"] for name in ("one", "two")]
    live = {number for number, value in enumerate(values, start=1) if value == "new"}
    assert live == ({1} if passes else set())
    guard = session(ctx).guard
    assert set(applied_steps(list(guard.journal.records()), plan.id)) == live
    assert guard.store.plan_status(plan.id) == "failed"
    assert guard.journal.verify() == []
    if passes:  # and the rest can go on, once
        again = session(ctx)
        list(again.retry(again.stored_plan(plan.id)))
        assert again.store.plan_status(plan.id) == "applied"
    faults.ran("API server restarted")
