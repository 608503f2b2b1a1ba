"""Changes to Kubernetes objects on the real API server and kubelet: shown, applied, verified, taken back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.driving import apply as apply_change
from tests.cluster.driving import carry_out, invert, only, preview
from tests.conftest import write_directly
from tools.change import Delete, Patch, Ref, RolloutUndo
from tools.context import Context
from tools.errors import Conflict, NeedsAnswer, NotFound, Refused
from tools.kubernetes import changes
from tools.kubernetes.diagnose import diagnose
from tools.kubernetes.handlers.diff import clean
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.rollout.health import gone, healthy
from tools.kubernetes.rollout.tools import rollout_history, rollout_status
from tools.kubernetes.workload_changes import env_change, image_change, resources_change, scale_change
from tools.permit import Permit
from tools.preview import Write
from tools.progress import finish

pytestmark = pytest.mark.cluster

PAUSE = "registry.k8s.io/pause:3.10"
Put = Callable[[str], None]


def deployment(name: str = "web", replicas: int = 1, cpu: str = "10m", extra: str = "", image: str = PAUSE) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  {extra}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {{name: main, image: "{image}", resources: {{requests: {{cpu: {cpu}}}}}, ports: [{{containerPort: 80}}]}}
"""


def live(ctx: Context, kind: str, name: str) -> dict[str, Any]:
    resource = ctx.cluster.kinds.resolve(kind)
    return ctx.cluster.read(resource.ref(name, ctx.namespace))


def spec(ctx: Context, kind: str, name: str) -> dict[str, Any]:
    return clean(live(ctx, kind, name))


# --- scale --------------------------------------------------------------------------------------------------------


def test_scale_is_shown_applied_verified_and_taken_back(ctx: Context, apply: Put):
    apply(deployment())
    before = spec(ctx, "deployments", "web")
    change = scale_change(find_workload(ctx, "web"), 3)
    done = carry_out(ctx, change)
    assert "-  replicas: 1" in done.preview.diff
    assert "+  replicas: 3" in done.preview.diff
    assert done.verified.healthy, done.verified.text
    assert "3 of 3 replicas ready" in done.verified.text
    assert preview(ctx, change).noop
    back = invert(ctx, change, done.applied)
    assert carry_out(ctx, back.changes[0]).verified.healthy
    assert spec(ctx, "deployments", "web") == before


def test_a_moved_value_is_a_conflict_and_nothing_is_written(ctx: Context, apply: Put):
    apply(deployment())
    change = scale_change(find_workload(ctx, "web"), 3)
    seen = preview(ctx, change)
    other = scale_change(find_workload(ctx, "web"), 2)
    apply_change(ctx, other, preview(ctx, other))
    with pytest.raises(Conflict, match="replicas"):
        apply_change(ctx, change, seen)
    assert live(ctx, "deployments", "web")["spec"]["replicas"] == 2


def test_an_object_made_anew_is_another_one(ctx: Context, apply: Put):
    apply(deployment())
    change = scale_change(find_workload(ctx, "web"), 3)
    seen = preview(ctx, change)
    delete = only(changes.delete_objects(ctx, kind="deployment", names=["web"]))
    assert carry_out(ctx, delete).verified.healthy
    with pytest.raises(Conflict, match="deleted"):
        apply_change(ctx, change, seen)
    apply(deployment())
    with pytest.raises(Conflict, match="another"):
        apply_change(ctx, change, seen)


def test_no_room_on_the_node_is_said_before_the_yes(ctx: Context, apply: Put):
    node = next(iter(ctx.cluster.list(ctx.cluster.kinds.resolve("nodes"))))
    cores = float(node["status"]["allocatable"]["cpu"].removesuffix("m")) / (
        1000 if node["status"]["allocatable"]["cpu"].endswith("m") else 1
    )
    apply(deployment(cpu=f"{int(cores * 400)}m"))
    seen = preview(ctx, scale_change(find_workload(ctx, "web"), 4))
    assert not seen.blockers
    assert any("It needs 4 ×" in text and "of the 3 more pods" in text for text in seen.warnings), seen.warnings


def test_what_no_node_can_ever_take_is_a_blocker(ctx: Context, apply: Put):
    apply(deployment())
    seen = preview(ctx, resources_change(find_workload(ctx, "web"), None, requests={"cpu": "900"}))
    assert any("No node can ever take" in text for text in seen.blockers), seen


def test_quota_that_allows_two_is_a_blocker(ctx: Context, apply: Put):
    apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: two}\nspec: {hard: {pods: '2'}}")
    apply(deployment())
    assert runs(ctx)
    seen = preview(ctx, scale_change(find_workload(ctx, "web"), 3))
    assert any("Quota two" in text and "1 of the 2 more pods" in text for text in seen.blockers), seen


def runs(ctx: Context) -> bool:
    ref = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace=ctx.namespace)
    return finish(healthy(ctx, ref)).healthy


def test_scaling_to_zero_names_the_service_that_loses_its_endpoints(ctx: Context, apply: Put):
    apply(deployment())
    apply("apiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec: {selector: {app: web}, ports: [{port: 80}]}")
    seen = preview(ctx, scale_change(find_workload(ctx, "web"), 0))
    assert any("front" in text for text in seen.warnings)
    assert seen.risk == "high"


def test_an_autoscaler_is_named_when_scaling(ctx: Context, apply: Put):
    apply(deployment())
    carry_out(ctx, only(changes.autoscale(ctx, name="web", min=2, max=4)))
    seen = preview(ctx, scale_change(find_workload(ctx, "web"), 7))
    assert any("between 2 and 4" in text for text in seen.warnings)


# --- patch --------------------------------------------------------------------------------------------------------


def test_a_changed_template_is_rolled_out_and_taken_back(ctx: Context, apply: Put):
    apply(deployment())
    assert runs(ctx)
    before = spec(ctx, "deployments", "web")
    change = resources_change(find_workload(ctx, "web"), "main", requests={"cpu": "20m"})
    done = carry_out(ctx, change)
    assert "@@ spec.template.spec.containers[main]" in done.preview.diff
    assert any("replaced" in text for text in done.preview.warnings)
    back = invert(ctx, change, done.applied)
    apply_change(ctx, back.changes[0], preview(ctx, back.changes[0]))
    assert spec(ctx, "deployments", "web") == before


def test_a_broken_image_is_seen_as_unhealthy_before_any_deadline(ctx: Context, apply: Put):
    apply(deployment())
    assert runs(ctx)
    change = image_change(find_workload(ctx, "web"), None, "debian:no-such-tag")
    done = carry_out(ctx, change)
    assert not done.verified.healthy
    assert "cannot be pulled" in done.verified.text
    assert any(finding.id == "SM-IMAGE-NOT-FOUND" for finding in done.verified.findings), done.verified
    undo = RolloutUndo(summary="roll back web", ref=change.ref)
    rolled = carry_out(ctx, undo)
    assert rolled.verified.healthy, rolled.verified.text
    assert live(ctx, "deployments", "web")["spec"]["template"]["spec"]["containers"][0]["image"] == PAUSE
    history = rollout_history(ctx, name="web")
    assert "no-such-tag" in history.text
    assert "complete" in rollout_status(ctx, name="web").text


def test_undo_goes_field_by_field_and_says_what_moved(ctx: Context, apply: Put):
    apply(deployment())
    change = env_change(find_workload(ctx, "web"), None, {"A": "1", "B": "2"})
    done_applied = apply_change(ctx, change, preview(ctx, change))
    later = env_change(find_workload(ctx, "web"), None, {"B": "3", "C": "4"})
    apply_change(ctx, later, preview(ctx, later))
    back = invert(ctx, change, done_applied)
    apply_change(ctx, back.changes[0], preview(ctx, back.changes[0]))
    container = live(ctx, "deployments", "web")["spec"]["template"]["spec"]["containers"][0]
    assert "A" not in [item["name"] for item in container.get("env") or ()]


def test_secret_values_appear_nowhere(ctx: Context, apply: Put):
    apply(deployment())
    secret = "q7Rk2mX9vLpT4wZs"
    manifest = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: {secret}}}"
    made = only(changes.apply_manifest(ctx, manifest=manifest))
    done = carry_out(ctx, made)
    changed = only(changes.apply_manifest(ctx, manifest=manifest.replace(secret, secret[::-1])))
    again = carry_out(ctx, changed)
    gone = only(changes.delete_objects(ctx, kind="secret", names=["login"]))
    deleted = carry_out(ctx, gone)
    back = invert(ctx, gone, deleted.applied)
    restored = carry_out(ctx, back.changes[0])
    everything = "".join(
        item.model_dump_json() for item in (made, changed, gone, *done, *again, *deleted, back, *restored)
    )
    for value in (secret, secret[::-1]):
        assert value not in everything
        assert base64.b64encode(value.encode()).decode() not in everything
    assert "changed" in again.preview.diff
    stored = live(ctx, "secrets", "login")["data"]["password"]
    assert base64.b64decode(stored).decode() == secret[::-1]


def test_labels_and_cordon(ctx: Context, apply: Put):
    apply(deployment())
    change = only(changes.label(ctx, kind="deployment", name="web", labels={"team": "blue"}))
    done = carry_out(ctx, change)
    assert done.verified.healthy
    assert "not touched" in done.verified.text
    assert not changes.label(ctx, kind="deployment", name="web", labels={"team": "blue"}).changes
    back = invert(ctx, change, done.applied)
    carry_out(ctx, back.changes[0])
    assert "labels" not in spec(ctx, "deployments", "web")["metadata"]
    node = next(iter(ctx.cluster.list(ctx.cluster.kinds.resolve("nodes"))))["metadata"]["name"]
    seen = preview(ctx, only(changes.cordon(ctx, node=node)))
    assert "+  unschedulable: true" in seen.diff


def test_unknown_fields_and_invalid_values_are_blockers(ctx: Context, apply: Put):
    apply(deployment())
    ref = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace=ctx.namespace)
    typo = Patch(summary="typo", ref=ref, verb="set", type="merge", patch={"spec": {"replcas": 3}})
    assert any("replcas" in text for text in preview(ctx, typo).blockers)
    wrong = Patch(summary="wrong", ref=ref, verb="set", type="merge", patch={"spec": {"replicas": -1}})
    assert any("spec.replicas" in text for text in preview(ctx, wrong).blockers)


def test_pod_security_is_said_before_the_yes(ctx: Context, apply: Put):
    path = f"/api/v1/namespaces/{ctx.namespace}"
    write_directly(ctx.cluster, "PUT", path, labelled(ctx, path, {"pod-security.kubernetes.io/enforce": "restricted"}))
    seen = preview(ctx, only(changes.apply_manifest(ctx, manifest=deployment())))
    assert any("Pod security level restricted" in text for text in seen.blockers), seen


def labelled(ctx: Context, path: str, labels: dict[str, str]) -> dict[str, Any]:
    found = ctx.cluster.get(path)
    found["metadata"]["labels"] |= labels
    return found


# --- apply and delete ---------------------------------------------------------------------------------------------


def test_apply_creates_updates_and_goes_back(ctx: Context):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info, mode: fast}"
    made = only(changes.apply_manifest(ctx, manifest=text))
    done = carry_out(ctx, made)
    assert "+  level: info" in done.preview.diff
    assert preview(ctx, made).noop
    update = only(changes.apply_manifest(ctx, manifest=text.replace("info, mode: fast", "debug")))
    changed = carry_out(ctx, update)
    assert live(ctx, "configmaps", "settings")["data"] == {"level": "debug"}
    back = invert(ctx, update, changed.applied)
    carry_out(ctx, back.changes[0])
    assert live(ctx, "configmaps", "settings")["data"] == {"level": "info", "mode": "fast"}
    delete = invert(ctx, made, done.applied)
    carry_out(ctx, delete.changes[0])
    with pytest.raises(NotFound):
        live(ctx, "configmaps", "settings")


def test_apply_shows_only_what_was_asked_for(ctx: Context):
    seen = preview(ctx, only(changes.apply_manifest(ctx, manifest=deployment())))
    assert "terminationMessagePath" not in seen.diff
    assert "dnsPolicy" not in seen.diff
    assert "+  replicas: 1" in seen.diff


def test_an_object_that_appeared_is_not_overwritten(ctx: Context, apply: Put):
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}"
    change = only(changes.apply_manifest(ctx, manifest=text))
    seen = preview(ctx, change)
    apply(text.replace("info", "theirs"))
    with pytest.raises(Conflict, match="created"):
        apply_change(ctx, change, seen)
    assert live(ctx, "configmaps", "settings")["data"]["level"] == "theirs"


def test_a_namespace_and_what_goes_into_it_in_one_plan(ctx: Context):
    name = f"{ctx.namespace}-new"
    text = f"{deployment()}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}"
    text = text.replace("{name: web}\n", f"{{name: web, namespace: {name}}}\n", 1)
    proposal = changes.apply_manifest(ctx, manifest=text)
    space, inside = proposal.changes
    assert space.ref.kind == "Namespace"
    seen = preview(ctx, inside, space)
    assert seen.provisional
    assert not seen.blockers
    assert f"namespace: {name}" in seen.diff
    alone = preview(ctx, inside)
    assert any(name in text for text in alone.blockers)
    carry_out(ctx, space)
    assert carry_out(ctx, inside).verified.healthy
    gone = only(changes.delete_objects(ctx, kind="namespace", names=[name]))
    done = carry_out(ctx, gone)
    assert done.preview.risk == "high"
    assert any("1 deployment" in text for text in done.preview.warnings)
    assert done.preview.no_undo
    assert done.verified.healthy
    with pytest.raises(Refused):
        invert(ctx, gone, done.applied)


def test_delete_and_make_again(ctx: Context, apply: Put):
    apply(deployment())
    assert runs(ctx)
    change = only(changes.delete_objects(ctx, kind="deploy", names=["web"]))
    done = carry_out(ctx, change)
    assert done.verified.healthy
    assert any("1 pod will be stopped" in text for text in done.preview.warnings)
    back = invert(ctx, change, done.applied)
    assert carry_out(ctx, back.changes[0]).verified.healthy


def test_deleting_a_pod_says_that_it_comes_back(ctx: Context, apply: Put):
    apply(deployment())
    assert runs(ctx)
    change = only(changes.delete_objects(ctx, kind="pod", selector="app=web"))
    seen = preview(ctx, change)
    assert any("makes a new pod" in text for text in seen.warnings)
    assert seen.no_undo


def test_a_stuck_deletion_names_its_finalizer(ctx: Context, apply: Put):
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}")
    ref = Ref(api_version="v1", kind="ConfigMap", name="held", namespace=ctx.namespace)
    change = Delete(summary="delete held", ref=ref)
    applied = apply_change(ctx, change, preview(ctx, change))
    seen = finish(gone(ctx, change.ref, applied.facts["uid"], limit=0.5))
    assert not seen.healthy
    assert "example.com/hold" in seen.text
    path = ctx.cluster.path(change.ref)
    free = live(ctx, "configmaps", "held")
    free["metadata"]["finalizers"] = []
    write_directly(ctx.cluster, "PUT", path, free)


def test_fields_of_a_controller_are_not_taken_over(ctx: Context, apply: Put):
    apply(deployment())
    path = f"/apis/apps/v1/namespaces/{ctx.namespace}/deployments/web"
    permit = Permit("test", 0, (Write(door="kubernetes", method="PATCH", path=path),))
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2}}
    with permit.opened():
        ctx.cluster.write(
            permit, "PATCH", path, body, "application/apply-patch+yaml", fieldManager="rollout-operator", force="true"
        )
    seen = preview(ctx, only(changes.apply_manifest(ctx, manifest=deployment(replicas=5))))
    assert any("rollout-operator" in text for text in seen.blockers), seen


# --- tools --------------------------------------------------------------------------------------------------------


def test_expose_and_reach(ctx: Context, apply: Put):
    apply(deployment())
    assert runs(ctx)
    change = only(changes.expose(ctx, name="web"))
    done = carry_out(ctx, change)
    assert done.verified.healthy, done.verified.text
    assert "80 → 80" in change.summary


def test_restart_replaces_the_pods(ctx: Context, apply: Put):
    apply(deployment())
    assert runs(ctx)
    pods = {pod["metadata"]["uid"] for pod in ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), ctx.namespace)}
    assert carry_out(ctx, only(changes.restart(ctx, name="web"))).verified.healthy
    now = ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), ctx.namespace)
    assert pods.isdisjoint(pod["metadata"]["uid"] for pod in now if not pod["metadata"].get("deletionTimestamp"))


def test_two_namespaces_are_asked_about(ctx: Context, apply: Put):
    name = f"twice-{ctx.namespace}"
    other = f"{ctx.namespace}-b"
    write_directly(ctx.cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    try:
        apply(deployment(name))
        path = f"/apis/apps/v1/namespaces/{other}/deployments"
        write_directly(ctx.cluster, "POST", path, yaml.safe_load(deployment(name)))
        with pytest.raises(NeedsAnswer) as question:
            find_workload(replace(ctx, namespace=None), name)
        assert set(question.value.options) == {ctx.namespace, other}
        assert question.value.slot == "namespace"
    finally:
        write_directly(ctx.cluster, "DELETE", f"/api/v1/namespaces/{other}")


def test_names_that_do_not_exist(ctx: Context, apply: Put):
    apply(deployment("backend"))
    with pytest.raises(NotFound, match="Did you mean backend"):
        find_workload(ctx, "bakend")
    with pytest.raises(NotFound):
        changes.delete_objects(ctx, kind="service", names=["nothing"])


# --- kinds, rights ------------------------------------------------------------------------------------------------


def test_a_kind_and_an_object_of_it_in_one_plan(ctx: Context):
    group = f"{ctx.namespace}.example.com"
    text = f"""
apiVersion: {group}/v1
kind: Boat
metadata: {{name: b}}
spec: {{sails: 3}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: boats.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Boat, plural: boats, singular: boat}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"""
    definition, boat = changes.apply_manifest(ctx, manifest=text).changes
    early = preview(ctx, boat, definition)
    assert early.provisional
    assert not early.blockers
    try:
        assert carry_out(ctx, definition).verified.healthy
        later = preview(ctx, boat)
        assert set(later.writes) <= set(early.writes)
        assert carry_out(ctx, boat).verified.healthy
    finally:
        gone_again = only(changes.delete_objects(ctx, kind="crd", names=[f"boats.{group}"]))
        assert carry_out(ctx, gone_again).verified.healthy


def test_missing_rights_are_blockers_and_what_is_unread_is_not_called_well(ctx: Context, apply: Put, tmp_path: Path):
    apply(deployment())
    apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: guest}")
    apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: look}\n"
        "rules: [{apiGroups: ['', apps], resources: [pods, deployments], verbs: [get, list, watch]}]"
    )
    apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: look}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: look}\n"
        "subjects: [{kind: ServiceAccount, name: guest}]"
    )
    guest = as_account(ctx, "guest", tmp_path)
    found = find_workload(guest, "web")
    for change in (
        scale_change(found, 3),
        image_change(found, None, "web:2"),
        only(changes.delete_objects(guest, kind="deployment", names=["web"])),
        only(changes.apply_manifest(guest, manifest="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}")),
    ):
        assert any("may not" in text for text in preview(guest, change).blockers), change
    told = diagnose(guest, name="web")
    assert "Nothing is wrong" not in told.text
    assert "lack of rights" in told.text
    assert told.data["healthy"] is False


def as_account(ctx: Context, name: str, folder: Path) -> Context:
    """The same cluster and namespace as seen by a service account."""
    path = f"/api/v1/namespaces/{ctx.namespace}/serviceaccounts/{name}/token"
    token = write_directly(ctx.cluster, "POST", path, {"spec": {}})["status"]
    access = ctx.cluster.access
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "guest",
        "clusters": [{"name": "c", "cluster": access.cluster_entry}],
        "users": [{"name": "guest", "user": {"token": token["token"]}}],
        "contexts": [{"name": "guest", "context": {"cluster": "c", "user": "guest", "namespace": ctx.namespace}}],
    }
    file = folder / "guest.yaml"
    file.write_text(yaml.safe_dump(config))
    return replace(ctx, kubeconfig=str(file), context="guest")
