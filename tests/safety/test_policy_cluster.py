"""The policy on a real API server: what a chart brings along is seen in what the server says it would store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.events import Event
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy.modes import Mode
from agent.guard.policy.ruling import Decision
from agent.guard.undo import journal_of
from agent.store.sqlite import Store
from tools.change import ApplyManifest, Change, HelmRelease, Proposal, Ref
from tools.context import Context
from tools.errors import Refused

CHART = """
apiVersion: v2
name: small
version: 0.1.0
"""
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: "{{ .Values.color }}"}
"""
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
"""
HOOK = ROLE.replace("name: reader", 'name: hooked, annotations: {"helm.sh/hook": pre-upgrade}')


@pytest.fixture
def guard(ctx: Context, tmp_path: Path) -> Guard:
    """In auto mode, under a policy that allows everything."""
    (tmp_path / "all.yaml").write_text("rules: [{allow: {}}]")
    policy = (tmp_path / "all.yaml",)
    return Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"), Mode.AUTO, policy)


def chart(root: Path, **templates: str) -> None:
    (root / "small" / "templates").mkdir(parents=True, exist_ok=True)
    (root / "small" / "Chart.yaml").write_text(CHART)
    for name, text in templates.items():
        (root / "small" / "templates" / f"{name}.yaml").write_text(text)


def ended(work: Iterator[Event]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def planned(guard: Guard, *changes: Change) -> Plan:
    return ended(guard.propose(Proposal(changes=changes), "test", "test"))


def release(guard: Guard, action: str, color: str) -> Plan:
    change = HelmRelease(
        summary="small", action=action, release="small", namespace=str(guard.ctx.namespace), chart="small",
        values={"color": color},
    )  # pyright: ignore[reportArgumentType] # fmt: skip
    plan = planned(guard, change)
    assert not plan.blockers
    return plan


def test_a_chart_gives_no_rights_without_its_name_typed(guard: Guard) -> None:
    chart(guard.ctx.root, settings=SETTINGS, role=ROLE)
    first = release(guard, "install", "red")
    assert (first.ruling.decision, first.confirm) == (Decision.CONFIRM, "small")
    with pytest.raises(Refused, match="waits for a yes"):
        guard.approve_unasked(first)
    assert ended(guard.carry_out(first, guard.approve(first, first.digest, "tester", "typed", typed="small")))

    second = release(guard, "upgrade", "blue")
    assert second.ruling.decision is Decision.ALLOW, "rights that stay as they are ask for nothing"
    assert ended(guard.carry_out(second, guard.approve_unasked(second)))

    chart(guard.ctx.root, hook=HOOK)
    assert release(guard, "upgrade", "blue").ruling.decision is Decision.CONFIRM


def test_power_over_the_node_is_seen_in_what_the_server_would_store(guard: Guard) -> None:
    ref = Ref(api_version="v1", kind="Pod", name="deep", namespace=guard.ctx.namespace)
    container = {"name": "deep", "image": "nginx", "securityContext": {"privileged": True}}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "deep"}, "spec": {"containers": [container]}}
    plan = planned(guard, ApplyManifest(summary="make pod deep", ref=ref, manifest=manifest))
    assert plan.ruling.decision is Decision.ASK
    assert "privileged" in plan.ruling.reason
    assert not guard.cover(plan)
