"""What an expert would do with "deploy backend with 3 replicas", case by case, on a real cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from tests.cluster.driving import apply as apply_change
from tests.cluster.driving import carry_out, invert, only, preview, verify
from tests.cluster.shop import PAUSE, make_shop, remove_built, write_source
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tools.change import BuildImage, Change, DeliverImage, HelmRelease, Patch, Proposal, Scale
from tools.context import Context
from tools.errors import BadRequest, NeedsAnswer, NotFound
from tools.helm import store
from tools.workspace.deploy import deploy, undeploy
from tools.workspace.overview import list_components, status
from tools.workspace.scaling import scale
from tools.workspace.workloads import rollback, set_env, set_image, set_resources

pytestmark = [pytest.mark.cluster, pytest.mark.engine]

Put = Callable[[str], None]


@pytest.fixture
def shop(ctx: Context, tmp_path: Path) -> Iterator[Context]:
    """A context in a fresh namespace, with the workspace `shop`."""
    root = make_shop(tmp_path)
    yield ctx
    remove_built(root)


@pytest.fixture
def other_namespace(shop: Context) -> Iterator[str]:
    """A namespace that does not exist yet; deleted afterwards."""
    name = f"t-{token_hex(4)}"
    yield name
    with suppress(NotFound):
        write_directly(shop.cluster, "DELETE", f"/api/v1/namespaces/{name}")


def carry_all(ctx: Context, proposal: Proposal) -> None:
    """Carry out every step, each of which must become healthy."""
    for change in proposal.changes:
        done = carry_out(ctx, change)
        assert done.verified.healthy, done.verified.text


def workload(ctx: Context, name: str, namespace: str | None = None) -> dict[str, Any]:
    resource = ctx.cluster.kinds.resolve("deployments.apps")
    return ctx.cluster.read(resource.ref(name, namespace or ctx.namespace))


def replicas(ctx: Context, name: str = "shop-backend") -> tuple[int, int]:
    live = workload(ctx, name)
    return live["spec"]["replicas"], live["status"].get("readyReplicas", 0)


def versions(ctx: Context) -> dict[str, str]:
    """The resourceVersion of everything in the namespace that people make."""
    kinds = ("deployments.apps", "services", "secrets", "configmaps", "horizontalpodautoscalers.autoscaling")
    return {
        f"{kind}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for kind in kinds
        for one in ctx.cluster.list(ctx.cluster.kinds.resolve(kind), ctx.namespace)
        if kind != "deployments.apps"  # their status moves by itself
    }


def plain(name: str = "backend", count: int = 1) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {count}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: "{PAUSE}", resources: {{requests: {{cpu: 10m}}}}}}]
"""


def kinds(proposal: Proposal) -> list[str]:
    return [change.kind for change in proposal.changes]


def release_of(proposal: Proposal) -> HelmRelease:
    (change,) = [one for one in proposal.changes if isinstance(one, HelmRelease)]
    return change


# --- the ten cases ------------------------------------------------------------------------------------------------


def test_nothing_deployed_and_no_image(shop: Context, other_namespace: str) -> None:
    """(a), (h): built, delivered, installed with what it needs; asked again there is nothing to do."""
    shop.namespace = None
    proposal = deploy(shop, component="backend", replicas=3, namespace=other_namespace)
    assert kinds(proposal) == ["build-image", "deliver-image", "helm-release"]
    seen = preview(shop, proposal.changes[-1], *proposal.changes[:-1])
    assert seen.blockers == ()
    assert "+  replicas: 3" in seen.diff
    assert "shop-frontend" not in seen.diff
    carry_all(shop, proposal)
    shop.namespace = other_namespace
    assert replicas(shop) == (3, 3)
    assert replicas(shop, "shop-store") == (1, 1)
    with pytest.raises(NotFound):
        workload(shop, "shop-frontend")

    again = deploy(shop, component="backend", replicas=3)
    assert again.changes == ()
    assert "3 replicas already" in again.notes[0]
    assert deploy(shop, component="backend").changes == ()


def test_the_generated_password_is_never_in_the_clear_and_is_kept(shop: Context) -> None:
    proposal = deploy(shop, component="backend")
    password = release_of(proposal).values["store"]["auth"]["password"]
    assert password.startswith("vault:")
    clear = shop.vault.get(password)
    seen = preview(shop, release_of(proposal))
    assert clear not in seen.model_dump_json() + proposal.model_dump_json()
    carry_all(shop, proposal)
    carry_out(shop, only(undeploy(shop, component="shop")))
    # The Secret outlives the release, so that the volume can still be opened: no new password.
    assert "auth" not in release_of(deploy(shop, component="backend")).values["store"]


def test_deployed_by_helm_with_one(shop: Context) -> None:
    """(b): through Helm, so that the next upgrade does not revert it; and back."""
    carry_all(shop, deploy(shop, component="backend"))
    change = only(deploy(shop, component="backend", replicas=3))
    assert isinstance(change, HelmRelease)
    done = carry_out(shop, change)
    assert done.verified.healthy, done.verified.text
    assert "-  replicas: 1" in done.preview.diff
    assert "+  replicas: 3" in done.preview.diff
    assert replicas(shop) == (3, 3)
    assert store.history(shop, "shop", shop.namespace or "")[-1].values["backend"]["replicaCount"] == 3
    back = invert(shop, change, done.applied)
    for one in back.changes:
        assert carry_out(shop, one).verified.healthy
    assert replicas(shop)[0] == 1


def test_a_plain_deployment(shop: Context, apply: Put) -> None:
    """(c): scaled as it is; taking it over by Helm is another matter, and said."""
    apply(plain())
    proposal = deploy(shop, component="backend", replicas=3)
    assert isinstance(only(proposal), Scale)
    assert any("not made by Helm" in note for note in proposal.notes)
    assert carry_out(shop, only(proposal)).verified.healthy
    assert replicas(shop, "backend") == (3, 3)


def test_under_an_autoscaler_of_the_chart(shop: Context) -> None:
    """(d): a count would be overridden; the bounds are what can be set, through the chart."""
    carry_all(shop, deploy(shop, component="backend", values={"backend.autoscaling.enabled": True}))
    proposal = deploy(shop, component="backend", replicas=3)
    assert any("decides about the replicas" in note for note in proposal.notes)
    carry_out(shop, release_of(proposal))
    scaler = shop.cluster.read(
        shop.cluster.kinds.resolve("horizontalpodautoscalers.autoscaling").ref("shop-backend", shop.namespace)
    )
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 3)


def test_under_an_autoscaler_of_its_own(shop: Context, apply: Put) -> None:
    """(d) again, without Helm."""
    scaler = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: backend}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: backend}, minReplicas: 1, maxReplicas: 5}
"""
    apply(plain() + "---" + scaler)
    change = only(scale(shop, name="backend", replicas=3))
    assert isinstance(change, Patch)
    assert change.patch == {"spec": {"minReplicas": 3, "maxReplicas": 5}}
    assert "from 1 to 3" in preview(shop, change).summary


def test_two_namespaces_have_one(shop: Context, apply: Put, other_namespace: str) -> None:
    """(e): asked, not guessed."""
    apply(plain())
    write_directly(shop.cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": other_namespace}})
    first, shop.namespace = shop.namespace or "", other_namespace
    apply(plain())
    shop.namespace = None
    with pytest.raises(NeedsAnswer) as caught:
        deploy(shop, component="backend", replicas=3)
    assert {first, other_namespace} <= set(caught.value.options)
    assert caught.value.slot == "namespace"
    assert only(deploy(shop, component="backend", replicas=3, namespace=first)).kind == "scale"


def test_no_room_on_the_nodes(shop: Context) -> None:
    """(f): said before the yes."""
    proposal = deploy(shop, component="backend", replicas=3, values={"backend.resources.requests.cpu": "64"})
    seen = preview(shop, release_of(proposal))
    assert any("No node can ever take such a pod" in text for text in seen.blockers)


def test_a_quota_that_allows_two(shop: Context, apply: Put) -> None:
    """(g): said before the yes, with the numbers."""
    apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: tight}\nspec: {hard: {pods: 2}}\n")
    quota = shop.cluster.kinds.resolve("resourcequotas").ref("tight", shop.namespace)
    for _, seen in shop.cluster.watch(shop.cluster.kinds.for_ref(quota), shop.namespace, name="tight", timeout=30):
        if (seen.get("status") or {}).get("hard"):
            break
    proposal = deploy(shop, component="backend", replicas=3, only=True)
    seen = preview(shop, release_of(proposal))
    assert any("Quota tight" in text and "2 of the 3 more pods" in text for text in seen.blockers), seen


def test_an_image_that_the_cluster_misses(shop: Context) -> None:
    """(i): the engine has it, the cluster's registry does not: delivered, not built."""
    proposal = deploy(shop, component="backend", only=True)
    build, deliver = proposal.changes[0], proposal.changes[1]
    assert isinstance(build, BuildImage)
    assert isinstance(deliver, DeliverImage)
    carry_out(shop, build)
    again = deploy(shop, component="backend", only=True)
    assert kinds(again) == ["deliver-image", "helm-release"]
    carry_all(shop, again)
    assert replicas(shop) == (1, 1)


def test_the_new_pods_crash(shop: Context, tmp_path: Path) -> None:
    """(j): why is said, and the way back works."""
    carry_all(shop, deploy(shop, component="backend", replicas=2))
    write_source(tmp_path, "echo cannot reach the database at db:5432 >&2; exit 3")
    proposal = deploy(shop, component="backend")
    *images, release = proposal.changes
    assert [one.kind for one in images] == ["build-image", "deliver-image"]
    for one in images:
        assert carry_out(shop, one).verified.healthy
    seen = preview(shop, release)
    applied = apply_change(shop, release, seen)
    verified = verify(shop, release, applied)
    assert not verified.healthy
    assert "shop-backend" in verified.text
    assert verified.findings
    assert any("cannot reach the database" in finding.model_dump_json() for finding in verified.findings)
    assert seen.undo.startswith("Roll back to revision")
    for one in invert(shop, release, applied).changes:
        assert carry_out(shop, one).verified.healthy
    assert replicas(shop) == (2, 2)


# --- other requests -----------------------------------------------------------------------------------------------


def test_changes_of_a_component_go_through_its_release(shop: Context) -> None:
    carry_all(shop, deploy(shop, component="backend", only=True))
    env = only(set_env(shop, name="backend", env={"LOG_LEVEL": "debug", "API_TOKEN": "s3cr3t-of-mine"}))
    assert "s3cr3t-of-mine" not in env.model_dump_json()
    carry_all(shop, Proposal(changes=(env,)))
    container = workload(shop, "shop-backend")["spec"]["template"]["spec"]["containers"][0]
    assert {item["name"]: item["value"] for item in container["env"]} == {
        "API_TOKEN": "s3cr3t-of-mine", "LOG_LEVEL": "debug",
    }  # fmt: skip
    assert set_env(shop, name="backend", env={"LOG_LEVEL": "debug"}).changes == ()
    resources = only(set_resources(shop, name="backend", cpu_limit="200m", memory_request="20Mi"))
    assert isinstance(resources, HelmRelease)
    shown = preview(shop, resources)
    assert "+            cpu: 200m" in shown.diff
    image = release_of(set_image(shop, name="backend", image=PAUSE))
    assert image.values["backend"]["image"]["repository"].endswith("pause")
    back = only(rollback(shop, name="backend"))
    assert (back.kind, getattr(back, "revision", 0)) == ("helm-rollback", 1)
    for one in (resources, image, back):
        assert preview(shop, one).blockers == ()


def test_scaling_by_and_to_a_share(shop: Context, apply: Put) -> None:
    apply(plain(count=4))
    numbers = [
        only(scale(shop, name="backend", **wish))  # pyright: ignore[reportArgumentType]
        for wish in ({"by": 2}, {"by": -3}, {"percent": 50}, {"percent": 200}, {"replicas": 0})
    ]
    assert [getattr(one, "replicas", None) for one in numbers] == [6, 1, 2, 8, 0]
    assert scale(shop, name="backend", replicas=4).changes == ()


def test_taking_down_a_component_and_the_whole(shop: Context) -> None:
    carry_all(shop, deploy(shop, component="backend"))
    proposal = undeploy(shop, component="store")
    assert any("backend will miss it" in note for note in proposal.notes)
    seen = preview(shop, only(proposal))
    assert any("will be stopped" in text for text in seen.warnings)
    carry_out(shop, only(proposal))
    with pytest.raises(NotFound):
        workload(shop, "shop-store")
    whole = carry_out(shop, only(undeploy(shop, component="the app")))
    assert whole.verified.healthy, whole.verified.text
    assert store.history(shop, "shop", shop.namespace or "") == []


def test_an_image_that_is_no_component(shop: Context) -> None:
    proposal = deploy(shop, component="pause", image=PAUSE, replicas=2)
    assert kinds(proposal) == ["apply-manifest"]
    carry_all(shop, proposal)
    assert replicas(shop, "pause") == (2, 2)
    assert deploy(shop, component="pause", image=PAUSE, replicas=2).changes == ()
    more = only(deploy(shop, component="pause", replicas=3))
    assert more.kind == "scale"
    gone = undeploy(shop, component="pause")
    assert kinds(gone) == ["delete"]


def test_what_runs_and_what_could(shop: Context) -> None:
    carry_all(shop, deploy(shop, component="backend", only=True))
    seen = status(shop)
    assert "deployment/shop-backend" in seen.text
    assert "Release shop" in seen.text
    listed = list_components(shop)
    assert f"runs in {shop.namespace} (1/1)" in listed.text
    assert "frontend: image" in listed.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"component": "backend", "replicas": -1}, "not possible"),
        ({"component": "backend", "replicas": 5000}, "more than Shipmate sets"),
        ({"component": "bakend"}, "no component bakend"),
        ({"component": "backend", "image": "UPPER CASE"}, "not valid"),
        ({"component": "backend", "namespace": "No Such"}, "not a valid namespace"),
        ({"component": "backend", "values": {"backend.replicaCont": 3}}, "no setting backend.replicaCont"),
    ],
)
def test_bad_requests_change_nothing(shop: Context, arguments: dict[str, Any], said: str) -> None:
    before = versions(shop)
    with pytest.raises(BadRequest, match=said):
        deploy(shop, **arguments)
    assert versions(shop) == before


def test_a_preview_changes_nothing(shop: Context) -> None:
    carry_all(shop, deploy(shop, component="backend", only=True))
    before = versions(shop)
    changes: tuple[Change, ...] = (
        only(scale(shop, name="backend", replicas=2)),
        only(undeploy(shop, component="shop")),
        only(set_image(shop, name="backend", image=PAUSE)),
    )
    for change in changes:
        assert preview(shop, change).blockers == ()
    assert versions(shop) == before


@pytest.mark.long
def test_the_example_as_a_whole(namespace: str, tmp_path: Path) -> None:
    """The real todo chatbot: images, PostgreSQL, page, way in."""
    from tools.data import data_root

    ctx = Context(context=CLUSTER_CONTEXT, namespace=namespace, root=data_root(), state=tmp_path / "state")
    carry_all(ctx, deploy(ctx))
    carry_all(ctx, deploy(ctx, component="backend", replicas=3))
    assert replicas(ctx, "todo-chatbot-backend") == (3, 3)
