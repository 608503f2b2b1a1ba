""" "deploy backend with 3 replicas" as a conversation: from the words to three ready replicas, case by case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
import yaml

from agent.events import Answered, Asked, Errored, Event, PlanProposed, StepApplied
from agent.guard.plan import Plan
from agent.minds.planner.planner import Planner
from agent.session import Session
from tests.cluster.command import contents
from tests.cluster.driving import carry_out
from tests.cluster.shop import PAUSE, make_shop, remove_built
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.door.kubeconfig import find_access
from tools.workspace.deploy import deploy

pytestmark = [pytest.mark.cluster, pytest.mark.engine]

Put = Callable[[str], None]
REQUEST = "deploy backend with 3 replicas"
MISSING = "localhost:5001/nowhere:1"
CRASHING = "debian:bookworm-slim"  # its shell ends at once where nobody types


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One workspace for all: its image is built and delivered by the first that needs it."""
    root = make_shop(tmp_path_factory.mktemp("shop"))
    yield root
    remove_built(root)


@pytest.fixture
def shop(ctx: Context, root: Path) -> Context:
    ctx.root = root
    return ctx


@pytest.fixture
def session(shop: Context) -> Session:
    return Session(shop, Planner(shop))


def plain(count: int = 1, cpu: str = "5m", name: str = "backend", patience: int = 120) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {count}
  progressDeadlineSeconds: {patience}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: "{PAUSE}", resources: {{requests: {{cpu: "{cpu}"}}}}}}]
"""


def say(session: Session, text: str) -> list[Event]:
    return list(session.send(text))


def plan_of(events: list[Event]) -> Plan:
    """The plan that was proposed."""
    (proposed,) = [event for event in events if isinstance(event, PlanProposed)]
    return proposed.plan


def last(events: list[Event]) -> Answered:
    assert isinstance(events[-1], Answered), events[-1]
    return events[-1]


def yes(session: Session) -> list[Event]:
    plan = session.pending
    assert plan is not None
    return list(session.approve(plan, plan.digest, "yes in a test"))


def done(session: Session, text: str) -> Plan:
    """Ask, approve, and see it become healthy."""
    plan = plan_of(say(session, text))
    ended = last(yes(session))
    assert (ended.outcome, ended.code) == ("done", 0), ended.text
    return plan


def steps(plan: Plan) -> list[str]:
    return [step.change.kind for step in plan.steps]


def deployment(ctx: Context, name: str) -> dict[str, Any]:
    return ctx.cluster.read(ctx.cluster.kinds.resolve("deployments.apps").ref(name, ctx.namespace))


def replicas(ctx: Context, name: str = "backend") -> tuple[int, int]:
    live = deployment(ctx, name)
    return live["spec"]["replicas"], live["status"].get("readyReplicas", 0)


def at_rest(ctx: Context, name: str = "backend", count: int = 1) -> None:
    resource = ctx.cluster.kinds.resolve("deployments.apps")
    for _, seen in ctx.cluster.watch(resource, ctx.namespace, name=name, timeout=60):
        if seen.get("status", {}).get("readyReplicas", 0) == count:
            return


def test_nothing_deployed_then_by_helm_then_already(session: Session, shop: Context) -> None:
    """(a), (b), (h): built and installed; one replica becomes three; three are nothing to do; and back."""
    plan = plan_of(say(session, "deploy backend with 1 replica"))
    assert steps(plan) == ["build-image", "deliver-image", "helm-release"]
    assert plan.aim.context == CLUSTER_CONTEXT
    assert plan.blockers == ()
    with pytest.raises(NotFound):
        deployment(shop, "shop-backend")
    assert last(yes(session)).outcome == "done"
    assert replicas(shop, "shop-backend") == (1, 1)

    upgrade = done(session, REQUEST)
    assert steps(upgrade) == ["helm-release"]
    assert "-  replicas: 1" in upgrade.steps[0].preview.diff
    assert "+  replicas: 3" in upgrade.steps[0].preview.diff
    assert replicas(shop, "shop-backend") == (3, 3)

    before = contents(shop)
    again = last(say(session, REQUEST))
    assert (again.outcome, again.code) == ("nothing", 0)
    assert "3 replicas already" in again.text
    assert contents(shop) == before

    done(session, "undo that")
    assert replicas(shop, "shop-backend")[0] == 1
    assert session.guard.journal.verify() == []


def test_a_plain_deployment_is_scaled_as_it_is(session: Session, shop: Context, apply: Put) -> None:
    """(c)"""
    apply(plain())
    at_rest(shop)
    plan = done(session, REQUEST)
    assert steps(plan) == ["scale"]
    assert any("not made by Helm" in note for note in plan.notes)
    assert replicas(shop) == (3, 3)


def test_under_an_autoscaler_its_bounds_are_proposed(session: Session, shop: Context, apply: Put) -> None:
    """(d)"""
    scaler = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: backend}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: backend}, minReplicas: 1, maxReplicas: 5}
"""
    apply(plain() + "---" + scaler)
    plan = plan_of(say(session, REQUEST))
    assert steps(plan) == ["patch"]
    assert any("would override a count set by hand" in note for note in plan.notes)
    assert "minReplicas: 3" in plan.steps[0].preview.diff


def test_two_namespaces_have_one(shop: Context, apply: Put) -> None:
    """(e): one question; its answer is enough for the plan."""
    other = f"t-{token_hex(4)}"
    write_directly(shop.cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    try:
        first, name = str(shop.namespace), f"twin-{token_hex(3)}"
        apply(plain(name=name))
        path = f"/apis/apps/v1/namespaces/{other}/deployments"
        write_directly(shop.cluster, "POST", path, yaml.safe_load(plain(name=name)))
        everywhere = Context(context=CLUSTER_CONTEXT, root=shop.root, state=shop.state)
        session = Session(everywhere, Planner(everywhere))
        asked = say(session, f"scale {name} to 3")[-1]
        assert isinstance(asked, Asked), asked
        assert set(asked.options) == {first, other}
        plan = plan_of(say(session, other))
        assert plan.aim.namespace == other
        assert replicas(shop, name)[0] == 1
    finally:
        with suppress(NotFound):
            write_directly(shop.cluster, "DELETE", f"/api/v1/namespaces/{other}")


QUOTA = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: tight}\nspec: {hard: {pods: 2}}\n"


def test_no_room_on_the_nodes_is_said_before_the_yes(session: Session, shop: Context, apply: Put) -> None:
    """(f)"""
    apply(plain(count=0, cpu="64"))
    _blocked(session, shop, "No node can ever take such a pod")


def test_a_quota_that_allows_two_is_said_before_the_yes(session: Session, shop: Context, apply: Put) -> None:
    """(g)"""
    apply(QUOTA)
    quotas = shop.cluster.kinds.resolve("resourcequotas")
    for _, seen in shop.cluster.watch(quotas, shop.namespace, name="tight", timeout=30):
        if (seen.get("status") or {}).get("hard"):
            break
    apply(plain())
    at_rest(shop)
    _blocked(session, shop, "Quota tight")


def _blocked(session: Session, shop: Context, why: str) -> None:
    """The plan names the obstacle, cannot be approved, and nothing was written."""
    before = deployment(shop, "backend")["spec"]
    events = say(session, REQUEST)
    plan = plan_of(events)
    assert any(why in text for text in plan.blockers), plan.blockers
    assert session.pending is None
    assert (last(events).outcome, last(events).code) == ("failed", 13)
    assert why in last(events).text
    refused = list(session.approve(plan, plan.digest, "yes in a test"))[-1]
    assert isinstance(refused, Errored)
    assert refused.code == 11
    assert deployment(shop, "backend")["spec"] == before


def test_an_image_that_only_the_engine_has_is_delivered(shop: Context, tmp_path: Path) -> None:
    """(i)"""
    shop.root = make_shop(tmp_path / "fresh")
    build = deploy(shop, component="backend", only=True).changes[0]
    assert build.kind == "build-image"
    carry_out(shop, build)
    session = Session(shop, Planner(shop))
    assert steps(plan_of(say(session, REQUEST))) == ["deliver-image", "helm-release"]
    remove_built(shop.root)


def test_new_pods_that_crash_are_explained_and_taken_back(session: Session, shop: Context, apply: Put) -> None:
    """(j): done means healthy; otherwise why, and the way back."""
    # Without a probe a container counts as ready the moment it starts, so the workload says how long it has to last.
    apply(plain(patience=20).replace("spec:", "spec:\n  minReadySeconds: 4", 1))
    at_rest(shop)
    say(session, f"set image of backend to {CRASHING}")
    events = yes(session)
    ended = last(events)
    assert (ended.outcome, ended.code) == ("failed", 13)
    (step,) = [event for event in events if isinstance(event, StepApplied)]
    assert step.verification is not None
    assert not step.verification.healthy
    assert step.verification.findings, step.verification.text
    assert "undo that" in ended.text
    assert replicas(shop)[1] == 1, "the old pod goes on serving"

    done(session, "undo that")
    assert deployment(shop, "backend")["spec"]["template"]["spec"]["containers"][0]["image"] == PAUSE


def test_what_does_not_start_is_rolled_back_by_itself_where_that_was_asked(
    session: Session, shop: Context, apply: Put
) -> None:
    apply(plain(patience=15))
    at_rest(shop)
    plan = plan_of(list(session.send(f"set image of backend to {MISSING}", roll_back=True)))
    assert plan.on_failure == "roll-back"
    ended = last(yes(session))
    assert (ended.outcome, ended.code) == ("rolled-back", 12)
    assert deployment(shop, "backend")["spec"]["template"]["spec"]["containers"][0]["image"] == PAUSE


# --- between the plan and the write -------------------------------------------------------------------------------


@pytest.fixture
def operator(shop: Context, tmp_path: Path) -> Context:
    """Somebody who may look at and scale Deployments, until the role is emptied."""
    place = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{shop.namespace}"
    rules = [
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list", "watch"]},
    ]
    write_directly(shop.cluster, "POST", f"{place}/roles", {"metadata": {"name": "operator"}, "rules": rules})
    binding: dict[str, Any] = {
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": shop.namespace}],
    }
    write_directly(shop.cluster, "POST", f"{place}/rolebindings", binding)
    accounts = f"/api/v1/namespaces/{shop.namespace}/serviceaccounts"
    write_directly(shop.cluster, "POST", accounts, {"metadata": {"name": "operator"}})
    token: Any = write_directly(shop.cluster, "POST", f"{accounts}/operator/token", {"spec": {}})
    config = {
        "current-context": "o",
        "contexts": [{"name": "o", "context": {"cluster": "c", "user": "operator", "namespace": shop.namespace}}],
        "clusters": [{"name": "c", "cluster": find_access(None, CLUSTER_CONTEXT).cluster_entry}],
        "users": [{"name": "operator", "user": {"token": token["status"]["token"]}}],
    }
    (tmp_path / "operator").write_text(yaml.safe_dump(config))
    return Context(kubeconfig=str(tmp_path / "operator"), root=shop.root, state=shop.state)


def test_a_write_that_the_server_refuses_is_known_to_have_failed(shop: Context, operator: Context, apply: Put) -> None:
    """The right is taken away after the plan: nothing was written, and the journal says so, not *unknown*."""
    apply(plain())
    at_rest(shop)
    session = Session(operator, Planner(operator))
    plan = plan_of(say(session, "scale backend to 3"))
    assert plan.blockers == ()
    role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{shop.namespace}/roles/operator"
    only_looking = [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    write_directly(shop.cluster, "PUT", role, {"metadata": {"name": "operator"}, "rules": only_looking})
    ref = plan.steps[0].change.ref  # pyright: ignore[reportAttributeAccessIssue]
    while operator.cluster.can("patch", ref, subresource="scale"):
        pass
    events = yes(session)
    assert isinstance(events[-1], Errored)
    assert events[-1].code == 13
    assert "may not patch" in events[-1].message
    outcomes = [record["data"]["status"] for record in session.guard.journal.records() if record["type"] == "outcome"]
    assert outcomes == ["failed"]
    assert session.store.plan_status(plan.id) == "failed"
    assert replicas(shop)[0] == 1
