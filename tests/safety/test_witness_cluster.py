"""The witness on a real API server: a session leaves nothing unexplained, and what is done past it is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

from agent.events import Event
from agent.guard.guard import Guard
from agent.guard.journal import Journal
from agent.guard.plan import Plan
from agent.guard.undo import journal_of, undo
from agent.store.sqlite import Store
from tests.cluster.command import Shipmate
from tests.cluster.shop import PAUSE, make_shop
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tests.safety.audited import audit_events, witnessed
from tools.change import Proposal
from tools.context import Context
from tools.errors import Conflict, ShipmateError
from tools.helm.changes import helm_install, helm_uninstall, helm_upgrade
from tools.kubernetes.changes import apply_manifest, delete_objects, label
from tools.kubernetes.workload_changes import image_change, scale_change
from tools.permit import Permit
from tools.preview import Write

T = TypeVar("T")

WEB = (Path(__file__).parents[1] / "agent" / "web.yaml").read_text()
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata: {a: b}\n"
IMAGE = {"repository": PAUSE.partition(":")[0], "tag": "3.10"}


class Drama(NamedTuple):
    """One session and the time since it began."""

    ctx: Context
    guard: Guard
    since: datetime

    @property
    def journal(self) -> Journal:
        return self.guard.journal

    def plan(self, proposal: Proposal) -> Plan:
        return _end(self.guard.propose(proposal, "a test", "a test"))

    def apply(self, plan: Plan) -> bool:
        grant = self.guard.approve(plan, plan.digest, "tester", "yes", plan.confirm)
        return _end(self.guard.carry_out(plan, grant))

    def do(self, proposal: Proposal) -> bool:
        return self.apply(self.plan(proposal))

    def path(self, rest: str) -> str:
        return rest.format(ns=self.ctx.namespace)


def _end(work: Generator[Event, None, T]) -> T:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


@pytest.fixture
def drama(ctx: Context, apply: Callable[[str], None], tmp_path: Path) -> Drama:
    since = datetime.now(UTC)
    make_shop(tmp_path)
    apply(WEB)
    return Drama(ctx, Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db")), since)


def codes(drama: Drama, cluster_uid: str) -> list[str]:
    namespaces = {drama.ctx.namespace or ""}
    return [one.code for one in witnessed(drama.journal, drama.since, namespaces, cluster_uid).findings]


def test_a_session_leaves_nothing_unexplained(drama: Drama, cluster_uid: str) -> None:
    ctx = drama.ctx
    live = ctx.cluster.get(drama.path("/apis/apps/v1/namespaces/{ns}/deployments/web"))
    stale = drama.plan(Proposal(changes=(scale_change(live, 4),)))
    assert drama.do(Proposal(changes=(scale_change(live, 2),)))
    with pytest.raises(Conflict):
        drama.apply(stale)
    assert drama.do(undo(ctx))
    assert drama.do(apply_manifest(ctx, manifest=CONFIG))
    assert drama.do(label(ctx, kind="configmap", name="notes", labels={"tier": "back"}))
    settings = {"frontend": {"enabled": False}, "store": {"enabled": False}, "backend": {"image": IMAGE}}
    assert drama.do(helm_install(ctx, release="shop", chart="chart", values=settings))
    assert drama.do(helm_upgrade(ctx, release="shop", chart="chart", values={"backend.replicaCount": 2}))
    assert drama.do(helm_uninstall(ctx, release="shop"))
    assert drama.do(delete_objects(ctx, kind="configmap", names=["notes"]))
    refused = drama.plan(Proposal(changes=(image_change(live, None, f"{PAUSE}9"),)))
    write_directly(ctx.cluster, "DELETE", drama.path("/apis/apps/v1/namespaces/{ns}/deployments/web"))
    with pytest.raises(ShipmateError):
        drama.apply(refused)
    report = witnessed(drama.journal, drama.since, {ctx.namespace or ""}, cluster_uid)
    assert report.findings == (), report.text()
    assert report.steps == 8
    assert report.unjudged == 0
    assert report.writes > 15  # Helm's, mostly
    assert report.pretended > 10
    print(f"witness: {report.writes} writes of {report.steps} steps explained")  # noqa: T201 - a figure of docs/safety.md


def test_the_command_says_what_it_found(
    drama: Drama, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = drama.path("/apis/apps/v1/namespaces/{ns}/deployments/web")
    assert drama.do(Proposal(changes=(scale_change(drama.ctx.cluster.get(live), 2),)))
    here = [one for one in audit_events() if one["objectRef"].get("namespace") == drama.ctx.namespace]
    log = tmp_path / "audit.log"
    log.write_text("".join(json.dumps(event) + "\n" for event in here))
    run = Shipmate(capsys, monkeypatch)
    verify = ("audit", "verify", "--context", CLUSTER_CONTEXT, "--audit-log", str(log))
    clean = run(*verify, "--any-journal")
    assert (clean.code, clean.text.splitlines()[-1]) == (0, "Log and journal agree.")
    assert json.loads(run(*verify, "--any-journal", "-o", "json").text)["findings"] == []
    strict = run(*verify)  # the test's own stage was set under another journal
    assert strict.code == 1
    assert "marked by journal stage, which was not compared" in strict.text
    with log.open("a") as file:
        file.write(json.dumps({**here[-1], "userAgent": "shipmate/9", "verb": "patch", "auditID": "x"}) + "\n")
    found = run(*verify, "--any-journal", "--since", drama.since.isoformat())
    assert found.code == 1
    assert "stray-write: PATCH" in found.text
    assert run(*verify[:-1], "/nowhere").code == 2
    assert run("audit", "verify").code == 2


def test_writes_past_the_guard_are_found(drama: Drama, cluster_uid: str) -> None:
    cluster, live = drama.ctx.cluster, drama.path("/apis/apps/v1/namespaces/{ns}/deployments/web")
    plan = drama.plan(Proposal(changes=(scale_change(cluster.get(live), 2),)))
    assert drama.apply(plan)
    assert codes(drama, cluster_uid) == []
    patch = {"metadata": {"labels": {"by": "nobody"}}}

    def write(step: int, path: str, name: str = plan.id, journal: str = drama.journal.id) -> None:
        permit = Permit(name, step, (Write(door="kubernetes", method="PATCH", path=path),), journal=journal)
        with permit.opened():
            cluster.write(permit, "PATCH", path, patch, "application/merge-patch+json")

    write(1, f"{live}/scale")  # the very write again
    assert codes(drama, cluster_uid) == ["replayed-write"]
    write(1, live)  # another write under the same mark
    write(2, live)  # a step that there is not
    write(1, live, "0" * 8)  # a plan that there is not
    write(1, live, journal="0" * 16)  # a journal that there is not
    assert codes(drama, cluster_uid) == ["replayed-write"] + ["stray-write"] * 4


def test_an_applied_change_that_the_server_never_saw_is_found(drama: Drama, cluster_uid: str) -> None:
    live = drama.ctx.cluster.get(drama.path("/apis/apps/v1/namespaces/{ns}/deployments/web"))
    assert drama.do(Proposal(changes=(scale_change(live, 2),)))
    intent, outcome = (one for one in drama.journal.records() if one["type"] in ("intent", "outcome"))
    drama.journal.append("proposed", "0" * 8, aim={"cluster_uid": cluster_uid})
    drama.journal.append("approved", "0" * 8, grant={"by": "nobody", "how": "forged"})
    drama.journal.append("intent", "0" * 8, 1, **intent["data"])
    drama.journal.append("outcome", "0" * 8, 1, **outcome["data"])
    assert drama.journal.verify() == []
    assert codes(drama, cluster_uid) == ["unexplained-approval"]
