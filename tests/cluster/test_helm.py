"""Releases on a real cluster: shown, done exactly so through the proxy, verified, taken back; odd states and hooks."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.driving import apply as apply_change
from tests.cluster.driving import carry_out, invert, only, preview, verify
from tests.cluster.shop import PAUSE, make_shop
from tests.conftest import write_directly
from tools.change import HelmRelease, HelmRollback, HelmUninstall
from tools.context import Context
from tools.errors import Conflict, NotFound, Refused
from tools.helm import store
from tools.helm.changes import helm_install, helm_rollback, helm_uninstall, helm_upgrade
from tools.helm.read import list_releases, release_history, release_status, release_values
from tools.permit import Permit

pytestmark = pytest.mark.cluster

IMAGE = {"repository": PAUSE.partition(":")[0], "tag": "3.10"}


@pytest.fixture
def shop(ctx: Context, tmp_path: Path) -> Context:
    make_shop(tmp_path)
    return ctx


def values(**backend: Any) -> dict[str, Any]:
    """Only a backend, of an image that is there."""
    off = {"enabled": False}
    return {"frontend": off, "store": off, "backend": {"image": IMAGE, **backend}}


def install(ctx: Context, **backend: Any) -> HelmRelease:
    change = only(helm_install(ctx, release="shop", chart="chart", values=values(**backend)))
    assert isinstance(change, HelmRelease)
    done = carry_out(ctx, change)
    assert done.verified.healthy, done.verified.text
    return change


def upgrade(ctx: Context, **settings: Any) -> HelmRelease:
    change = only(helm_upgrade(ctx, release="shop", chart="chart", values=settings))
    assert isinstance(change, HelmRelease)
    return change


def deployment(ctx: Context) -> dict[str, Any]:
    return ctx.cluster.read(ctx.cluster.kinds.resolve("deployments.apps").ref("shop-backend", ctx.namespace))


def last(ctx: Context) -> store.Revision:
    return store.history(ctx, "shop", ctx.namespace or "")[-1]


def set_status(ctx: Context, status: str) -> None:
    """Leave the release as a helm that was killed leaves it."""
    import base64
    import gzip
    import json

    name = last(ctx).secret
    path = f"/api/v1/namespaces/{ctx.namespace}/secrets/{name}"
    secret = ctx.cluster.get(path)
    data = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    data["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(data).encode()))).decode()
    secret["data"]["release"] = packed
    secret["metadata"]["labels"]["status"] = status
    write_directly(ctx.cluster, "PUT", path, secret)


def test_install_upgrade_roll_back_uninstall_and_install_again(shop: Context) -> None:
    install(shop, replicaCount=1)
    same = preview(shop, upgrade(shop))
    assert same.noop
    change = upgrade(shop, **{"backend.replicaCount": 2})
    done = carry_out(shop, change)
    assert done.verified.healthy, done.verified.text
    assert done.preview.undo == "Roll back to revision 1."
    assert "-  replicas: 1" in done.preview.diff
    assert deployment(shop)["status"]["readyReplicas"] == 2
    (back,) = invert(shop, change, done.applied).changes
    assert isinstance(back, HelmRollback)
    returned = carry_out(shop, back)
    assert returned.verified.healthy
    assert deployment(shop)["spec"]["replicas"] == 1
    (forth,) = invert(shop, back, returned.applied).changes
    assert preview(shop, forth).diff == done.preview.diff
    removal = only(helm_uninstall(shop, release="shop"))
    gone = carry_out(shop, removal)
    assert gone.verified.healthy
    with pytest.raises(NotFound):
        deployment(shop)
    (again,) = invert(shop, removal, gone.applied).changes
    assert carry_out(shop, again).verified.healthy
    assert deployment(shop)["spec"]["replicas"] == 1


def test_every_write_was_in_the_plan_and_nothing_else_passes(shop: Context) -> None:
    change = only(helm_install(shop, release="shop", chart="chart", values=values()))
    seen = preview(shop, change)
    narrowed = seen.model_copy(update={"writes": tuple(one for one in seen.writes if "deployments" not in one.path)})
    permit = Permit("test", 1, narrowed.writes)
    from tests.cluster.driving import finish, handler_for

    with permit.opened():
        applied = finish(handler_for(change).apply(shop, change, seen, permit))
    verified = verify(shop, change, applied)
    assert not verified.healthy
    assert "was stopped: the approved plan does not contain" in verified.text
    with pytest.raises(NotFound):
        deployment(shop)
    for one in invert(shop, change, applied).changes:
        assert carry_out(shop, one).verified.healthy
    assert store.history(shop, "shop", shop.namespace or "") == []


def test_what_moved_since_it_was_shown_is_not_overwritten(shop: Context, tmp_path: Path) -> None:
    install(shop)
    change = upgrade(shop, **{"backend.replicaCount": 2})
    seen = preview(shop, change)
    before = last(shop)
    template = tmp_path / "chart" / "templates" / "all.yaml"
    text = template.read_text()
    template.write_text(text.replace("progressDeadlineSeconds: 60", "progressDeadlineSeconds: 61"))
    with pytest.raises(Conflict):
        apply_change(shop, change, seen)
    template.write_text(text)
    carry_out(shop, upgrade(shop, **{"backend.env.A": "b"}))
    with pytest.raises(Conflict, match="newer revision"):
        apply_change(shop, change, seen)
    assert last(shop).revision == before.revision + 1


def test_a_count_set_past_helm_is_told_before_it_is_replaced(shop: Context) -> None:
    install(shop)
    live = deployment(shop)
    live["spec"]["replicas"] = 3
    write_directly(shop.cluster, "PUT", f"/apis/apps/v1/namespaces/{shop.namespace}/deployments/shop-backend", live)
    change = upgrade(shop, **{"backend.env.A": "b"})
    done = carry_out(shop, change)
    if shop.helm.version >= (4, 0):  # before, helm itself did not know who had set what
        assert any("outside of Helm; the chart's value replaces it" in text for text in done.preview.warnings)
    assert "-  replicas: 3" in done.preview.diff
    assert done.verified.healthy
    assert deployment(shop)["spec"]["replicas"] == 1


def test_values_that_the_chart_does_not_accept(shop: Context) -> None:
    seen = preview(shop, only(helm_install(shop, release="shop", chart="chart", values={"backend.replicaCount": "x"})))
    assert seen.blockers == ("The chart does not accept these values: backend.replicaCount: got string, want integer "
                             "(replicaCount: x).",)  # fmt: skip


def test_an_object_of_somebody_else_is_not_taken_over(shop: Context) -> None:
    install(shop)
    other = helm_install(shop, release="other", chart="chart", values=values())
    assert preview(shop, only(other)).blockers == ()
    path = f"/api/v1/namespaces/{shop.namespace}/secrets"
    write_directly(shop.cluster, "POST", path, {"metadata": {"name": "other-store"}})
    taken = helm_install(shop, release="other", chart="chart", values={"store": {"image": IMAGE}})
    (blocker,) = preview(shop, only(taken)).blockers
    assert "exists already and does not belong to this release" in blocker


def test_a_release_that_was_cut_off_is_mended_by_a_rollback(shop: Context) -> None:
    install(shop)
    carry_out(shop, upgrade(shop, **{"backend.replicaCount": 2}))
    set_status(shop, "pending-upgrade")
    (blocker,) = preview(shop, upgrade(shop, **{"backend.replicaCount": 3})).blockers
    assert "pending-upgrade" in blocker
    assert "roll back to revision 1 first" in blocker
    assert "still runs, or was cut off" in release_status(shop, release="shop").text
    back = carry_out(shop, only(helm_rollback(shop, release="shop")))
    assert back.verified.healthy
    assert last(shop).status == "deployed"
    assert preview(shop, upgrade(shop, **{"backend.replicaCount": 3})).blockers == ()


def test_random_values_are_told(shop: Context, tmp_path: Path) -> None:
    extra = tmp_path / "chart" / "templates" / "random.yaml"
    extra.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dice}\ndata: {roll: {{ randNumeric 8 | quote }}}\n"
    )
    change = only(helm_install(shop, release="shop", chart="chart", values=values()))
    done = carry_out(shop, change)
    assert any("configmap dice" in text and "will differ" in text for text in done.preview.warnings)
    assert done.verified.healthy


def test_hooks_are_shown_and_run(shop: Context, tmp_path: Path) -> None:
    hook = tmp_path / "chart" / "templates" / "hook.yaml"
    hook.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: before\n"
        "  annotations: {helm.sh/hook: 'pre-upgrade', helm.sh/hook-delete-policy: before-hook-creation}\n"
    )
    install(shop)
    done = carry_out(shop, upgrade(shop, **{"backend.env.A": "b"}))
    assert any(text.startswith("Runs configmap before") for text in done.preview.warnings)
    assert done.verified.healthy
    path = f"/api/v1/namespaces/{shop.namespace}/configmaps/before"
    assert shop.cluster.get(path)["metadata"]["name"] == "before"
    assert carry_out(shop, upgrade(shop, **{"backend.env.A": "c"})).verified.healthy  # made anew


def test_kinds_that_a_chart_brings_along(shop: Context, tmp_path: Path) -> None:
    group = f"{shop.namespace}.example.com"
    (tmp_path / "chart" / "crds").mkdir()
    (tmp_path / "chart" / "crds" / "thing.yaml").write_text(f"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: things.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Thing, plural: things, singular: thing}}
  versions:
    - {{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}
""")
    (tmp_path / "chart" / "templates" / "thing.yaml").write_text(
        f"apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: one}}\n"
    )
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.{group}"
    try:
        done = carry_out(shop, only(helm_install(shop, release="shop", chart="chart", values=values())))
        assert done.verified.healthy, done.verified.text
        assert done.preview.risk == "high"
        assert any("thing one" in text and "can only be checked once" in text for text in done.preview.warnings)
        assert shop.cluster.get(f"/apis/{group}/v1/namespaces/{shop.namespace}/things/one")["kind"] == "Thing"
    finally:
        with suppress(NotFound):
            write_directly(shop.cluster, "DELETE", path)


def test_a_namespace_that_an_earlier_step_makes(shop: Context) -> None:
    from tools.kubernetes.changes import create_namespace

    name = f"{shop.namespace}-later"
    first = only(create_namespace(shop, name=name))
    change = only(helm_install(shop, release="shop", chart="chart", namespace=name, values=values()))
    assert "There is no namespace" in preview(shop, change).blockers[0]
    seen = preview(shop, change, first)
    assert seen.provisional
    assert seen.blockers == ()
    assert "+  replicas: 1" in seen.diff


def test_reading_releases(shop: Context) -> None:
    install(shop, env={"DB_PASSWORD": "hunter2-and-more"})
    assert "shop" in list_releases(shop).text
    assert "1/1 ready" in release_status(shop, release="shop").text
    assert "Install complete" in release_history(shop, release="shop").text
    told = release_values(shop, release="shop", all=True)
    assert "hunter2" not in told.model_dump_json()
    one = release_values(shop, release="shop", setting="backend.resources.requests.memory")
    assert one.text.endswith("16Mi  (default of the chart)")
    with pytest.raises(NotFound, match="no Helm release shp"):
        release_status(shop, release="shp")


def test_undoing_an_uninstall_after_somebody_installed_again(shop: Context) -> None:
    install(shop)
    removal = only(helm_uninstall(shop, release="shop"))
    assert isinstance(removal, HelmUninstall)
    gone = carry_out(shop, removal)
    install(shop)
    with pytest.raises(Refused, match="again"):
        invert(shop, removal, gone.applied)


def test_the_oldest_revisions_fall_out(shop: Context) -> None:
    install(shop)
    for number in range(11):
        change = upgrade(shop, **{"backend.env.N": str(number)})
        assert apply_change(shop, change, preview(shop, change)).facts["failed"] == ""
    kept = [one.revision for one in store.history(shop, "shop", shop.namespace or "")]
    assert kept == list(range(3, 13))
