"""What a policy sees of a change: what would be written, not what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.guard.plan import Aim
from agent.guard.policy.acts import Act, acts_of
from agent.guard.policy.judge import Judge
from agent.guard.policy.kinds import kind_names
from agent.guard.policy.ruling import Decision, Ruling
from agent.guard.policy.standing import scope_of
from tests.safety.policy_samples import decided
from tools.change import (
    ApplyManifest,
    BuildImage,
    Change,
    Delete,
    DeliverImage,
    HelmRelease,
    HelmUninstall,
    Patch,
    Ref,
    Scale,
    WriteFile,
)
from tools.context import Context
from tools.preview import Preview, Write

AIM = Aim(context="test", server="https://127.0.0.1:6443", cluster_uid="uid-1", namespace="dev")
WEB = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="dev")
PATH = "/apis/apps/v1/namespaces/dev/deployments/web"


def seen(change: Change, *writes: tuple[str, str], diff: str = "", uid: str | None = "u") -> tuple[Act, ...]:
    """The acts of a change whose preview names these writes."""
    shown = tuple(Write(door="kubernetes", method=method, path=path) for method, path in writes)
    return acts_of(Context(), change, Preview(summary="x", diff=diff, writes=shown, uid=uid), AIM)


def judged(tmp_path: Path, policy: str, acts: tuple[Act, ...]) -> Ruling:
    (tmp_path / "own.yaml").write_text(policy)
    return Judge(tmp_path, (tmp_path / "own.yaml",)).of_acts(acts)


def patch(patch: Any, verb: str = "restart", type: str = "strategic", diff: str = "") -> Act:
    change = Patch(summary="restart web", ref=WEB, verb=verb, type=type, patch=patch)  # pyright: ignore
    return seen(change, ("PATCH", PATH), diff=diff)[0]


def containers(**fields: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", **fields}]}}}}


STAMP = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}


@pytest.mark.parametrize(
    ("body", "verb"),
    [
        ({"spec": {"template": STAMP}}, "restart"),
        ({"spec": {"replicas": 3}}, "scale"),
        ({"metadata": {"labels": {"a": "b", "c": None}}}, "label"),
        ({"metadata": {"annotations": {"a": "b"}}}, "annotate"),
        (containers(image="nginx"), "set-image"),
        (containers(env=[{"name": "A", "value": "1"}]), "set-env"),
        (containers(resources={"limits": {"memory": "1Gi"}}), "set-resources"),
        ({"spec": {"template": {**STAMP, **containers(image="evil")["spec"]["template"]}}}, "update"),
        ({"spec": {"template": STAMP, "replicas": 0}}, "update"),
        ({"metadata": {"labels": {"a": "b"}, "finalizers": ["x"]}}, "update"),
        (containers(image="nginx", command=["sh"]), "update"),
        (containers(securityContext={"privileged": True}), "update"),
        ({}, "update"),
    ],
)
def test_the_verb_of_a_patch_is_what_it_touches(body: dict[str, Any], verb: str) -> None:
    assert patch(body, verb="restart").verb == verb


@pytest.mark.parametrize(
    ("operations", "verb"),
    [
        ([{"op": "replace", "path": "/spec/replicas", "value": 2}], "scale"),
        ([{"op": "test", "path": "/spec/paused", "value": True},
          {"op": "replace", "path": "/spec/replicas", "value": 2}], "scale"),
        ([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x"}], "set-image"),
        ([{"op": "add", "path": "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt",
           "value": "now"}], "restart"),
        ([{"op": "copy", "from": "/spec/template", "path": "/spec/replicas"}], "update"),
        ([{"op": "replace", "path": "/spec", "value": {"replicas": 2, "template": {}}}], "update"),
        ([{"op": "remove", "path": "/metadata/ownerReferences"}], "update"),
    ],
)  # fmt: skip
def test_the_verb_of_a_json_patch(operations: list[dict[str, Any]], verb: str) -> None:
    assert patch(operations, type="json").verb == verb


def test_a_container_that_comes_along_is_no_set_image() -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "miner", "image": "miner"}]}}}}
    diff = "--- deployment web in dev (now)\n+++ deployment web in dev (after)\n+    - image: miner\n+      name: miner"
    assert patch(body, verb="set image", diff=diff).verb == "update"


def test_a_narrow_verb_is_a_case_of_update() -> None:
    act = patch({"spec": {"replicas": 3}})
    assert decided(act, {"rules": [{"deny": {"verb": "update"}}]}).decision is Decision.DENY
    assert decided(act, {"rules": [{"allow": {"verb": "scale"}}]}).decision is Decision.ALLOW


def test_replicas_in_a_manifest_count_as_scaling_where_that_is_denied() -> None:
    change = ApplyManifest(summary="x", ref=WEB, manifest={"spec": {"replicas": 9}})
    act = seen(change, ("PATCH", PATH), diff="-  replicas: 1\n+  replicas: 9")[0]
    assert decided(act, {"rules": [{"deny": {"verb": "scale"}}]}).decision is Decision.DENY
    assert decided(act, {"rules": [{"allow": {"verb": "scale"}}]}).decision is Decision.ASK


@pytest.mark.parametrize("name", ["pvc", "persistentvolumeclaims", "PersistentVolumeClaim", "PERSISTENTVOLUMECLAIM"])
def test_a_kind_by_any_of_its_names(name: str) -> None:
    act = Act(("update",), kind="PersistentVolumeClaim", name="data")
    assert decided(act, {"rules": [{"deny": {"kind": name}}]}).decision is Decision.DENY
    assert "persistentvolumeclaim" in kind_names(name)


@pytest.mark.parametrize(
    "kind", ["Ingress", "NetworkPolicy", "StorageClass", "Endpoints", "Deployment", "PriorityClass", "APIService"]
)
def test_a_kind_is_known_by_the_plural_of_its_path(kind: str) -> None:
    plurals = {"Endpoints": "endpoints", "Ingress": "ingresses", "NetworkPolicy": "networkpolicies",
               "StorageClass": "storageclasses", "PriorityClass": "priorityclasses"}  # fmt: skip
    assert kind_names(kind) & kind_names(plurals.get(kind, f"{kind.lower()}s"))


# --- the floor sees through whatever it is wrapped in ----------------------------------------------------------------

ALLOW = "rules: [{allow: {}}]"


def role(kind: str) -> Ref:
    return Ref(api_version="rbac.authorization.k8s.io/v1", kind=kind, name="admin", namespace="dev")


GRAVE: list[tuple[str, Change, list[tuple[str, str]], str]] = [
    ("namespace", Delete(summary="x", ref=Ref(api_version="v1", kind="Namespace", name="dev")),
     [("DELETE", "/api/v1/namespaces/dev")], ""),
    ("rights", ApplyManifest(summary="x", ref=role("RoleBinding"), manifest={}),
     [("PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/dev/rolebindings/admin")], ""),
    ("rights under another kind's name", ApplyManifest(summary="x", ref=role("Widget"), manifest={}),
     [("PATCH", "/apis/rbac.authorization.k8s.io/v1/namespaces/dev/rolebindings/admin")], ""),
    ("system namespace by default", Scale(summary="x", ref=WEB.model_copy(update={"namespace": None}), replicas=1),
     [("PATCH", "/apis/apps/v1/namespaces/kube-system/deployments/web/scale")], ""),
    ("webhook", Delete(summary="x", ref=Ref(api_version="admissionregistration.k8s.io/v1",
     kind="ValidatingWebhookConfiguration", name="guard")),
     [("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/guard")], ""),
    ("node", Patch(summary="x", ref=Ref(api_version="v1", kind="Node", name="n"), verb="label",
     patch={"metadata": {"labels": {"a": "b"}}}), [("PATCH", "/api/v1/nodes/n")], ""),
    ("a release with rights", HelmRelease(summary="x", action="install", release="r", namespace="dev", chart="c"),
     [("PATCH", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/admin")],
     "--- /dev/null\n+++ clusterrolebinding admin (after)\n@@\n+kind: ClusterRoleBinding"),
    ("a hook that gives rights", HelmRelease(summary="x", action="upgrade", release="r", namespace="dev", chart="c"),
     [("DELETE", "/apis/rbac.authorization.k8s.io/v1/namespaces/dev/roles/admin")], ""),
    ("a release that deletes a volume", HelmUninstall(summary="x", release="r", namespace="dev"),
     [("DELETE", "/api/v1/namespaces/dev/persistentvolumeclaims/data")],
     "--- persistentvolumeclaim data in dev (now)\n+++ /dev/null"),
    ("a release into the system", HelmRelease(summary="x", action="install", release="r", namespace="dev", chart="c"),
     [], "--- /dev/null\n+++ configmap coredns in kube-system (after)"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "writes", "diff"), [case[1:] for case in GRAVE], ids=[case[0] for case in GRAVE])
def test_the_name_has_to_be_typed_whatever_the_file_allows(
    tmp_path: Path, change: Change, writes: list[tuple[str, str]], diff: str
) -> None:
    found = judged(tmp_path, ALLOW, seen(change, *writes, diff=diff))
    assert found.decision is Decision.CONFIRM
    assert found.word
    assert found.each_time
    assert "the floor" in found.by


POWERS: list[tuple[str, Change, str]] = [
    ("manifest", ApplyManifest(summary="x", ref=WEB, manifest=containers(securityContext={"privileged": True})), ""),
    ("patch", Patch(summary="x", ref=WEB, verb="v", patch={"spec": {"template": {"spec": {"hostNetwork": True}}}}), ""),
    ("json patch", Patch(summary="x", ref=WEB, verb="v", type="json", patch=[{"op": "add", "value": True,
     "path": "/spec/template/spec/containers/0/securityContext/privileged"}]), ""),
    ("json patch of a list", Patch(summary="x", ref=WEB, verb="v", type="json", patch=[{"op": "add",
     "path": "/spec/template/spec/containers/0/securityContext/capabilities/add/-", "value": "SYS_ADMIN"}]), ""),
    ("capabilities", ApplyManifest(summary="x", ref=WEB, manifest=containers(
     securityContext={"capabilities": {"add": ["CAP_NET_ADMIN"]}})), ""),
    ("volume", ApplyManifest(summary="x", ref=WEB, manifest={"spec": {"volumes": [{"hostPath": {"path": "/"}}]}}), ""),
    ("root", ApplyManifest(summary="x", ref=WEB, manifest=containers(securityContext={"runAsUser": 0})), ""),
    ("chart", HelmRelease(summary="x", action="install", release="r", namespace="dev", chart="c"),
     "--- /dev/null\n+++ deployment web in dev (after)\n+        privileged: true"),
    ("chart's volume", HelmRelease(summary="x", action="install", release="r", namespace="dev", chart="c"),
     "--- /dev/null\n+++ deployment web in dev (after)\n+      - hostPath:\n+          path: /"),
    ("what admission adds", ApplyManifest(summary="x", ref=WEB, manifest={}), "+      hostPID: true"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "diff"), [case[1:] for case in POWERS], ids=[case[0] for case in POWERS])
def test_power_over_the_node_is_asked_about_each_time(tmp_path: Path, change: Change, diff: str) -> None:
    found = judged(tmp_path, ALLOW, seen(change, ("PATCH", PATH), diff=diff))
    assert found.decision is Decision.ASK
    assert found.each_time
    assert "power over their node" in found.reason


def test_taking_power_away_is_no_reason_to_ask(tmp_path: Path) -> None:
    change = Patch(summary="x", ref=WEB, verb="v", patch=containers(securityContext={"privileged": False}))
    diff = "-          privileged: true\n+          privileged: false"
    assert judged(tmp_path, ALLOW, seen(change, ("PATCH", PATH), diff=diff)).decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("path", "decision"),
    [
        ("shipmate-policy.yaml", Decision.CONFIRM),
        ("./shipmate-policy.yaml", Decision.CONFIRM),
        ("sub/../shipmate-policy.yaml", Decision.CONFIRM),
        (".config/shipmate/policy.yaml", Decision.CONFIRM),
        (".github/workflows/ci.yml", Decision.ASK),
        ("src/.env", Decision.ASK),
        ("Dockerfile", Decision.ALLOW),
    ],
)
def test_files_that_decide_about_others(tmp_path: Path, path: str, decision: Decision) -> None:
    assert judged(tmp_path, ALLOW, seen(WriteFile(summary="x", path=path, content="y"))).decision is decision


# --- what rules can tell apart ---------------------------------------------------------------------------------------


def release(diff: str = "", *writes: tuple[str, str]) -> tuple[Act, ...]:
    change = HelmRelease(
        summary="x", action="upgrade", release="shop", namespace="dev", chart="./charts/../charts/shop"
    )
    return seen(change, *writes, diff=diff)


DEV = "rules: [{allow: {verb: upgrade, namespace: dev}}]"
CHANGED = "--- configmap settings in dev (now)\n+++ configmap settings in dev (after)\n-a\n+b"
ELSEWHERE = CHANGED.replace(" in dev", " in prod")


def test_a_release_carries_its_objects_along(tmp_path: Path) -> None:
    assert judged(tmp_path, DEV, release(CHANGED)).decision is Decision.ALLOW


def test_a_rule_about_a_kind_looks_into_releases(tmp_path: Path) -> None:
    policy = "rules: [{confirm: {kind: configmap}}, {allow: {}}]"
    found = judged(tmp_path, policy, release(CHANGED))
    assert (found.decision, found.word) == (Decision.CONFIRM, "shop")
    assert judged(tmp_path, "rules: [{allow: {}}, {deny: {kind: cm}}]", release(CHANGED)).decision is Decision.ALLOW


def test_what_a_release_writes_elsewhere_is_decided_on_its_own(tmp_path: Path) -> None:
    assert judged(tmp_path, DEV, release(ELSEWHERE)).decision is Decision.ASK
    policy = "rules: [{deny: {namespace: prod}}, {allow: {}}]"
    assert judged(tmp_path, policy, release(ELSEWHERE)).decision is Decision.DENY


def test_helms_own_records_are_no_objects_of_the_release(tmp_path: Path) -> None:
    acts = release("", ("DELETE", "/api/v1/namespaces/dev/secrets/sh.helm.release.v1.shop.v1"))
    assert judged(tmp_path, "rules: [{deny: {kind: secret}}, {allow: {}}]", acts).decision is Decision.ALLOW


def test_the_path_of_a_chart_is_compared_without_detours() -> None:
    assert release()[0].path == "charts/shop"


@pytest.mark.parametrize(
    ("image", "rule", "decision"),
    [
        ("nginx", '{deny: {registry: "docker.io"}}', Decision.DENY),
        ("docker.io/evil/x", '{deny: {registry: "!registry.example.com/team/*"}}', Decision.DENY),
        ("registry.example.com.evil.io/team/x", '{allow: {registry: "registry.example.com"}}', Decision.ASK),
        ("registry.example.com/team/x:1", '{deny: {registry: "!registry.example.com/team/*"}}', Decision.ASK),
        ("registry.example.com/team/x:1", '{allow: {registry: "registry.example.com/team/*"}}', Decision.ALLOW),
        ("NOT AN IMAGE", '{deny: {registry: "!registry.example.com/*"}}', Decision.DENY),
    ],
)
def test_registries(tmp_path: Path, image: str, rule: str, decision: Decision) -> None:
    acts = seen(DeliverImage(summary="x", source="x", image=image))
    assert judged(tmp_path, f"rules: [{rule}]", acts).decision is decision
    manifest = ApplyManifest(summary="x", ref=WEB, manifest=containers(image=image))
    assert judged(tmp_path, f"rules: [{rule}]", seen(manifest, ("PATCH", PATH))).decision is decision


def test_one_foreign_image_among_good_ones(tmp_path: Path) -> None:
    good, bad = {"image": "r.example.com/a"}, {"image": "evil.io/b"}
    manifest = ApplyManifest(summary="x", ref=WEB, manifest={"spec": {"containers": [good], "initContainers": [bad]}})
    acts = seen(manifest, ("PATCH", PATH))
    assert judged(tmp_path, "rules: [{allow: {registry: r.example.com}}]", acts).decision is Decision.ASK
    assert judged(tmp_path, "rules: [{deny: {registry: evil.io}}, {allow: {}}]", acts).decision is Decision.DENY


def test_a_namespace_is_in_itself_and_nothing_else_is_in_none(tmp_path: Path) -> None:
    policy = 'rules: [{deny: {namespace: "prod"}}, {allow: {namespace: "*"}}]'
    prod = Ref(api_version="v1", kind="Namespace", name="prod")
    label = Patch(summary="x", ref=prod, verb="label", patch={"metadata": {"labels": {"a": "b"}}})
    assert judged(tmp_path, policy, seen(label, ("PATCH", "/api/v1/namespaces/prod"))).decision is Decision.DENY
    wide = Ref(api_version="x.io/v1", kind="Widget", name="w")
    change = Patch(summary="x", ref=wide, verb="label", patch={"metadata": {"labels": {"a": "b"}}})
    assert judged(tmp_path, policy, seen(change, ("PATCH", "/apis/x.io/v1/widgets/w"))).decision is Decision.ASK


def test_the_cluster_is_its_own_uid_not_only_a_name() -> None:
    act = seen(Scale(summary="x", ref=WEB, replicas=2), ("PATCH", f"{PATH}/scale"))[0]
    assert decided(act, {"rules": [{"deny": {"cluster": "uid-1"}}]}).decision is Decision.DENY
    assert decided(act, {"rules": [{"deny": {"cluster": "https://127.0.0.1:*"}}]}).decision is Decision.DENY
    assert decided(act, {"rules": [{"allow": {"cluster": "!uid-1"}}]}).decision is Decision.ASK


def test_labels_now_and_as_they_would_be() -> None:
    def act(*labels: dict[str, str]) -> Act:
        return Act(("update",), kind="Deployment", name="web", labels=lambda: labels)

    guarded = {"rules": [{"deny": {"labels": {"guarded": "*"}}}, {"allow": {"labels": {"team": "a"}}}]}
    assert decided(act({"guarded": "yes"}, {}), guarded).decision is Decision.DENY
    assert decided(act({}, {"guarded": "yes"}), guarded).decision is Decision.DENY
    assert decided(act({"team": "b"}, {"team": "a"}), guarded).decision is Decision.ASK
    assert decided(act({"team": "a"}, {"team": "a"}), guarded).decision is Decision.ALLOW


def test_a_standing_grant_is_for_one_release_image_or_file() -> None:
    one, other = release()[0], seen(HelmUninstall(summary="x", release="shop", namespace="dev"))[0]
    assert scope_of(one) != scope_of(other)
    build = [seen(BuildImage(summary="x", image=image, context="."))[0] for image in ("a:1", "a:2", "b:1")]
    assert scope_of(build[0]) == scope_of(build[1]) != scope_of(build[2])
    files = [seen(WriteFile(summary="x", path=path, content="y"))[0] for path in ("a", "./a", "b/a")]
    assert scope_of(files[0]) == scope_of(files[1]) != scope_of(files[2])
