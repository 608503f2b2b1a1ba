"""A process that dies between a write and its record: for every kind of change it is found out later, and undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from agent.guard.plan import Plan
from agent.session import Session
from tests.agent.scripted import ScriptedMind
from tests.conftest import write_directly
from tests.safety import faults
from tests.safety.applying import approve, fresh, place, propose, session
from tests.safety.killing import run_until
from tools.change import (
    ApplyManifest,
    Change,
    Delete,
    HelmRelease,
    HelmUninstall,
    Patch,
    Ref,
    RolloutUndo,
    Scale,
    WriteFile,
)  # fmt: skip
from tools.context import Context
from tools.errors import NotFound
from tools.helm import store
from tools.helm.changes import helm_install, helm_uninstall, helm_upgrade
from tools.kubernetes.handlers.diff import clean

pytestmark = pytest.mark.cluster

STAGE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: "registry.k8s.io/pause:3.10", env: [{name: MODE, value: first}]}]
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: q7Rk2mX9vLpT4wZs, user: me}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {team: red}}
data: {a: "1", b: "2"}
"""
PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
}
API = {"Deployment": "apps/v1"}


@pytest.fixture(scope="module")
def ctx(cluster_uid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with place(tmp_path_factory.mktemp("kinds")) as made:
        for document in yaml.safe_load_all(STAGE):
            write_directly(made.cluster, "POST", PATHS[document["kind"]].format(made.namespace), document)
        chart = made.root / "tiny"
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 0.1.0\n")
        (chart / "values.yaml").write_text("word: one\n")
        (chart / "templates/all.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {word: {{ .Values.word }}}\n"
        )
        yield made


def ref(ctx: Context, kind: str, name: str) -> Ref:
    return Ref(api_version=API.get(kind, "v1"), kind=kind, name=name, namespace=ctx.namespace)


def state(ctx: Context) -> dict[str, Any]:
    """What people wrote into the objects of the stage."""
    seen: dict[str, Any] = {}
    for kind, name in (("Deployment", "web"), ("Secret", "login"), ("ConfigMap", "settings"), ("ConfigMap", "new")):
        try:
            live = clean(fresh(ctx).cluster.read(ref(ctx, kind, name)))
        except NotFound:
            continue
        seen[name] = {key: value for key, value in live.items() if key != "metadata"}
        seen[f"{name} labels"] = live["metadata"].get("labels")
    file = ctx.root / "notes.txt"
    seen["file"] = file.read_text() if file.exists() else None
    return seen


def made(ctx: Context) -> ApplyManifest:
    meta = {"name": "new", "namespace": ctx.namespace}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"x": "y"}}
    return ApplyManifest(summary="make new", ref=ref(ctx, "ConfigMap", "new"), manifest=manifest, create_only=True)


def patch(ctx: Context, kind: str, name: str, body: dict[str, Any]) -> Patch:
    return Patch(summary=f"patch {name}", ref=ref(ctx, kind, name), verb="set", type="strategic", patch=body)


def image(ctx: Context, mode: str) -> Patch:
    env = [{"name": "MODE", "value": mode}]
    spec = {"template": {"spec": {"containers": [{"name": "main", "env": env}]}}}
    return patch(ctx, "Deployment", "web", {"spec": spec})


def applied_settings(ctx: Context) -> ApplyManifest:
    meta = {"name": "settings", "namespace": ctx.namespace, "labels": {"owner": "us"}}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"c": "3"}}
    return ApplyManifest(summary="apply settings", ref=ref(ctx, "ConfigMap", "settings"), manifest=manifest)


CHANGES: dict[str, Callable[[Context], Change]] = {
    "scale": lambda ctx: Scale(summary="scale", ref=ref(ctx, "Deployment", "web"), replicas=2),
    "patch": lambda ctx: image(ctx, "second"),
    "roll back": lambda ctx: RolloutUndo(summary="roll back", ref=ref(ctx, "Deployment", "web")),
    "patch a secret": lambda ctx: patch(ctx, "Secret", "login", {"stringData": {"password": "another-Pass-9kX2"}}),
    "label": lambda ctx: patch(ctx, "ConfigMap", "settings", {"metadata": {"labels": {"team": "blue"}}}),
    "apply to what is there": applied_settings,
    "make": made,
    "delete": lambda ctx: Delete(summary="delete", ref=ref(ctx, "ConfigMap", "settings")),
    "delete a secret": lambda ctx: Delete(summary="delete", ref=ref(ctx, "Secret", "login")),
    "write a file": lambda ctx: WriteFile(summary="write", path="notes.txt", content="new\n"),
}


def die_after_the_write(ctx: Context, plan: Plan) -> str:
    """What the next start says of it."""
    run_until("before append outcome", lambda: approve(ctx, plan))
    return " ".join(notice.text for notice in session(ctx).recover())


def take_back(ctx: Context, plan: Plan) -> None:
    back = Session(fresh(ctx), ScriptedMind())
    events = list(back.undo(plan.id))
    assert back.pending is not None, events
    events = list(back.approve(back.pending, back.pending.digest, "test", typed=back.pending.confirm))
    assert back.store.plan_status(back.store.plans(1)[0][0].id) == "applied", events


def prepare(ctx: Context, kind: str) -> None:
    """A revision to go back to, where that is what is tried."""
    if kind == "roll back":
        approve(ctx, propose(ctx, image(ctx, "third")))


@pytest.mark.parametrize("kind", CHANGES)
def test_found_out_and_undone(ctx: Context, kind: str) -> None:
    prepare(ctx, kind)
    before = state(ctx)
    plan = propose(ctx, CHANGES[kind](ctx))
    said = die_after_the_write(ctx, plan)
    after = state(ctx)
    assert after != before
    assert "is in place" in said, said
    assert session(ctx).store.plan_status(plan.id) == "applied"
    take_back(ctx, plan)
    assert state(ctx) == before
    assert session(ctx).guard.journal.verify() == []
    faults.ran("killed after the write, by kind")


@pytest.mark.long
@pytest.mark.parametrize("kind", CHANGES)
def test_not_claimed_where_it_never_left(ctx: Context, kind: str) -> None:
    prepare(ctx, kind)
    before = state(ctx)
    plan = propose(ctx, CHANGES[kind](ctx))
    if plan.blockers or all(step.preview.noop for step in plan.steps):
        pytest.fail(f"nothing to do: {plan.blockers}")
    run_until("after append intent", lambda: approve(ctx, plan))
    said = " ".join(notice.text for notice in session(ctx).recover())
    assert "nothing was changed" in said, said
    assert state(ctx) == before
    assert session(ctx).store.plan_status(plan.id) == "failed"
    faults.ran("killed before the write, by kind")


def test_releases(ctx: Context) -> None:
    """Install, upgrade and uninstall, each cut off between helm's end and the record."""

    def only(proposal: Any) -> HelmRelease | HelmUninstall:
        (change,) = proposal.changes
        return change

    def word() -> str | None:
        history = store.history(fresh(ctx), "tiny", ctx.namespace or "")
        return str(history[-1].values.get("word", "one")) if history else None

    steps: list[tuple[Callable[[], Any], str | None, str | None]] = [
        (lambda: helm_install(fresh(ctx), release="tiny", chart="tiny"), None, "one"),
        (lambda: helm_upgrade(fresh(ctx), release="tiny", chart="tiny", values={"word": "two"}), "one", "two"),
        (lambda: helm_uninstall(fresh(ctx), release="tiny"), "one", None),
    ]
    for number, (proposed, before, after) in enumerate(steps):
        assert word() == before
        plan = propose(ctx, only(proposed()))
        said = die_after_the_write(ctx, plan)
        assert "is in place" in said, said
        assert word() == after
        take_back(ctx, plan)
        assert word() == before
        if number == 0:
            approve(ctx, propose(ctx, only(proposed())))
        faults.ran("killed after the write, by kind")


def test_helm_is_cut_off_in_the_middle(ctx: Context) -> None:
    """The way to the cluster goes with the process, so helm stops after its first record."""
    (change,) = helm_install(fresh(ctx), release="part", chart="tiny").changes
    plan = propose(ctx, change)
    run_until("after check 3", lambda: approve(ctx, plan))  # helm itself, its record, the first object
    said = " ".join(notice.text for notice in session(ctx).recover())
    assert "only in part" in said, said
    assert session(ctx).store.plan_status(plan.id) == "failed"
    take_back(ctx, plan)
    assert store.history(fresh(ctx), "part", ctx.namespace or "") == []
    faults.ran("killed in the middle of a release")
