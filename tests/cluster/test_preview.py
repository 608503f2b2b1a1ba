"""What a preview tells before the yes, on a real API server: refusals, what is disturbed and lost, who else decides."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.cluster.driving import only, preview
from tests.conftest import write_directly
from tools.change import Change, Patch, Ref
from tools.context import Context
from tools.errors import Refused
from tools.kubernetes import changes
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.workload_changes import env_change, image_change, scale_change
from tools.permit import Permit
from tools.preview import Preview, Write

Put = Callable[[str], None]
PAUSE = "registry.k8s.io/pause:3.10"


def workload(
    kind: str = "Deployment", name: str = "web", replicas: int = 0, pod: str = "", extra: str = "", main: str = ""
) -> str:
    """A workload whose pods are not wanted at all, unless said otherwise."""
    api = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    count = f"replicas: {replicas}" if kind in ("Deployment", "StatefulSet") else ""
    never = "restartPolicy: Never" if api == "batch/v1" else ""
    template = f"""
    metadata: {{labels: {{app: {name}, tier: front}}}}
    spec:
      terminationGracePeriodSeconds: 0
      {never}
      {pod}
      containers: [{{name: main, image: "{PAUSE}", {main}}}]"""
    if kind == "CronJob":
        inner = template.replace("\n", "\n    ")
        return (
            f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  schedule: '0 0 1 1 *'\n"
            f"  jobTemplate:\n    spec:\n      template:{inner}"
        )
    selector = "" if kind == "Job" else f"selector: {{matchLabels: {{app: {name}}}}}"
    return (
        f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {count}\n  {selector}\n  {extra}\n"
        f"  template:{template}\n"
    )


def service(name: str = "front", selector: str = "{app: web}") -> str:
    spec = f"{{selector: {selector}, ports: [{{port: 80}}]}}"
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {spec}"


def seen(ctx: Context, manifest: str) -> Preview:
    return preview(ctx, only(changes.apply_manifest(ctx, manifest=manifest)))


def patched(ctx: Context, kind: str, name: str, patch: Any, type: Any = "merge") -> Preview:
    resource = ctx.cluster.kinds.resolve(kind)
    ref = resource.ref(name, ctx.namespace)
    return preview(ctx, Patch(summary="change it", ref=ref, verb="change", type=type, patch=patch))


def deleted(ctx: Context, kind: str, name: str) -> Preview:
    return preview(ctx, only(changes.delete_objects(ctx, kind=kind, names=[name])))


def says(texts: tuple[str, ...], *parts: str) -> bool:
    """Whether one of the texts has all of these parts."""
    return any(all(part in text for part in parts) for text in texts)


def label_namespace(ctx: Context, **labels: str) -> None:
    marks = {f"pod-security.kubernetes.io/{key}": value for key, value in labels.items()}
    path = f"/api/v1/namespaces/{ctx.namespace}"
    permit = Permit("test", 0, (Write(door="kubernetes", method="PATCH", path=path),))
    with permit.opened():
        body = {"metadata": {"labels": marks}}
        ctx.cluster.write(permit, "PATCH", path, body, "application/merge-patch+json")


def applied_as(ctx: Context, manager: str, manifest: str) -> None:
    """Server-side apply by somebody else."""
    body = yaml.safe_load(manifest)
    ref = Ref(api_version=body["apiVersion"], kind=body["kind"], name=body["metadata"]["name"], namespace=ctx.namespace)
    path = ctx.cluster.path(ref)
    permit = Permit("test", 0, (Write(door="kubernetes", method="PATCH", path=path),))
    with permit.opened():
        ctx.cluster.write(permit, "PATCH", path, body, "application/apply-patch+yaml", fieldManager=manager)


# --- admission ----------------------------------------------------------------------------------------------------

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


def test_pod_security_stops_the_pods_of_every_kind_of_workload(ctx: Context):
    label_namespace(ctx, enforce="restricted")
    for kind in KINDS:
        told = seen(ctx, workload(kind, replicas=1))
        assert says(told.blockers, "Pod security level restricted", "security context"), (kind, told)
    none_yet = seen(ctx, workload("Deployment", replicas=0))
    assert not none_yet.blockers
    assert says(none_yet.warnings, "Its pods would be refused")


def test_pod_security_that_only_warns_is_a_warning(ctx: Context):
    label_namespace(ctx, warn="restricted")
    told = seen(ctx, workload(replicas=1))
    assert not told.blockers
    assert sum("pod security level restricted" in text for text in told.warnings) == 1, told.warnings


@pytest.fixture
def admission(ctx: Context) -> Any:
    """Cluster-wide admission objects for this namespace only; taken away again."""
    made: list[str] = []

    def put(plural: str, body: dict[str, Any]) -> None:
        root = f"/apis/admissionregistration.k8s.io/v1/{plural}"
        name = f"{ctx.namespace}-{body['metadata']['name']}"
        body = {**body, "apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
        write_directly(ctx.cluster, "POST", root, body)
        made.append(f"{root}/{name}")

    yield put
    for path in reversed(made):
        write_directly(ctx.cluster, "DELETE", path)


def here(ctx: Context) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": ctx.namespace}}


def policy(ctx: Context, put: Any, name: str, group: str, plural: str, test: str, action: str) -> None:
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [plural]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here(ctx)},
        "validations": [{"expression": test, "message": f"{name} wants it otherwise"}],
    }
    put("validatingadmissionpolicies", {"metadata": {"name": name}, "spec": spec})
    bound = {"policyName": f"{ctx.namespace}-{name}", "validationActions": [action]}
    put("validatingadmissionpolicybindings", {"metadata": {"name": name}, "spec": bound})


def until(look: Callable[[], Preview], true: Callable[[Preview], bool]) -> Preview:
    """Policies take a moment until the server heeds them."""
    end = time.monotonic() + 30
    while not true(told := look()):
        assert time.monotonic() < end, told
        time.sleep(0.2)
    return told


def test_admission_policies_warn_and_deny(ctx: Context, admission: Any):
    policy(ctx, admission, "few", "apps", "deployments", "object.spec.replicas <= 2", "Deny")
    policy(ctx, admission, "tidy", "", "pods", "has(object.metadata.labels.team)", "Warn")
    told = until(lambda: seen(ctx, workload(replicas=3)), lambda told: says(told.blockers, "few"))
    assert says(told.blockers, "denies this: few wants it otherwise", "whoever made it"), told
    told = until(lambda: seen(ctx, workload(replicas=1)), lambda told: says(told.warnings, "tidy"))
    assert not told.blockers
    assert says(told.warnings, "warns: tidy wants it otherwise"), told


def test_a_webhook_that_does_not_answer_is_a_blocker(ctx: Context, admission: Any):
    hook = {
        "name": "closed.example.com",
        "clientConfig": {"url": "https://127.0.0.1:9/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
        "namespaceSelector": here(ctx),
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    admission("validatingwebhookconfigurations", {"metadata": {"name": "closed"}, "webhooks": [hook]})
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}"
    told = until(lambda: seen(ctx, text), lambda told: bool(told.blockers))
    assert says(told.blockers, "closed.example.com does not answer", "its service"), told


def test_limit_ranges_are_shown_or_refuse(ctx: Context, apply: Put):
    limits = "{type: Container, default: {cpu: 200m}, defaultRequest: {cpu: 50m}, max: {cpu: 500m}}"
    apply(f"apiVersion: v1\nkind: LimitRange\nmetadata: {{name: bounds}}\nspec: {{limits: [{limits}]}}")
    told = seen(ctx, workload(replicas=1))
    assert says(told.warnings, "gives container main requests cpu 50m and limits cpu 200m"), told.warnings
    told = seen(ctx, workload(replicas=1, main="resources: {limits: {cpu: 2}}"))
    assert says(told.blockers, "limit range", "500m"), told


def test_quota_counts_the_pods_of_every_kind(ctx: Context, apply: Put):
    apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: '0'}}")
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
        assert says(seen(ctx, workload(kind, replicas=1)).blockers, "Quota none"), kind
    assert says(seen(ctx, workload("CronJob")).warnings, "Quota none")


def test_quota_is_counted_over_all_steps_of_a_plan(ctx: Context, apply: Put):
    apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: three}\nspec: {hard: {pods: '3'}}")
    text = f"{workload(name='one', replicas=2)}\n---\n{workload(name='two', replicas=2)}"
    one, two = changes.apply_manifest(ctx, manifest=text).changes
    assert not until(lambda: preview(ctx, one), lambda told: not told.blockers).blockers
    assert not preview(ctx, two).blockers
    assert says(preview(ctx, two, one).blockers, "Quota three", "1 of the 2 more pods"), preview(ctx, two, one)


# --- the diff -----------------------------------------------------------------------------------------------------

PLAIN = {
    "Deployment": workload(replicas=2, main="ports: [{containerPort: 80}]"),
    "StatefulSet": workload("StatefulSet", replicas=1, extra="serviceName: web"),
    "DaemonSet": workload("DaemonSet"),
    "Job": workload("Job").replace("{name: web}", "{name: web, labels: {team: x}}", 1),
    "CronJob": workload("CronJob"),
    "Service": service(),
    "Pod": f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: m, image: '{PAUSE}'}}]}}",
    "ConfigMap": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {team: x}}\ndata: {a: b}",
    "PersistentVolumeClaim": (
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n"
        "  {accessModes: [ReadWriteOnce], storageClassName: standard, resources: {requests: {storage: 1Mi}}}"
    ),
    "Ingress": (
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec:\n  ingressClassName: traefik\n"
        "  rules: [{http: {paths: [{path: /, pathType: Prefix, "
        "backend: {service: {name: front, port: {number: 80}}}}]}}]"
    ),
}


def test_the_diff_of_something_new_is_its_manifest(ctx: Context):
    for kind, manifest in PLAIN.items():
        told = seen(ctx, manifest)
        assert not told.blockers, (kind, told.blockers)
        lines = [line[1:] for line in told.diff.splitlines() if line[:1] == "+" and not line.startswith("+++")]
        expected = yaml.safe_load(manifest)
        expected["metadata"]["namespace"] = ctx.namespace
        assert yaml.safe_load("\n".join(lines)) == expected, kind


def test_what_is_applied_again_changes_nothing(ctx: Context, apply: Put):
    for kind in ("Deployment", "StatefulSet", "Service", "ConfigMap"):
        applied_as(ctx, "shipmate", PLAIN[kind])
        assert seen(ctx, PLAIN[kind]).noop, kind


def test_a_new_variable_in_front_is_one_added_entry(ctx: Context):
    before = workload(main="env: [{name: A, value: '1'}, {name: B, value: '2'}]")
    applied_as(ctx, "shipmate", before)
    after = before.replace("env: [", "env: [{name: NEW, value: '0'}, ")
    lines = [line for line in seen(ctx, after).diff.splitlines()[2:] if line[:1] in "+-"]
    assert [line.strip("+ ") for line in lines] == ["- name: NEW", "value: '0'"], lines


# --- what is disturbed --------------------------------------------------------------------------------------------


def test_traffic_that_ends_nowhere(ctx: Context, apply: Put):
    apply(workload(replicas=1))
    apply(service())
    apply(service("also", "{tier: front}"))
    apply(PLAIN["Ingress"])
    told = preview(ctx, scale_change(find_workload(ctx, "web"), 0))
    assert says(told.warnings, "front (behind ingress web)", "also", "no endpoints"), told.warnings
    assert told.risk == "high"
    apply(workload(name="other", replicas=1))
    pods = ctx.cluster.kinds.resolve("pods")
    until(
        lambda: preview(ctx, scale_change(find_workload(ctx, "web"), 0)),
        lambda told: len(list(ctx.cluster.list(pods, ctx.namespace))) == 2,
    )
    told = preview(ctx, scale_change(find_workload(ctx, "web"), 0))
    assert says(told.warnings, "front", "no endpoints")
    assert not says(told.warnings, "also"), "another workload's pods are behind it"
    told = deleted(ctx, "service", "front")
    assert says(told.warnings, "Ingress web leads to it")


def test_labels_and_selectors_that_part_services_from_pods(ctx: Context, apply: Put):
    apply(workload(replicas=1))
    apply(service(selector="{app: web, tier: front}"))
    told = patched(ctx, "deployment", "web", {"spec": {"template": {"metadata": {"labels": {"tier": "back"}}}}})
    assert says(told.warnings, "Service front does not find its new pods", "tier=front"), told.warnings
    told = patched(ctx, "service", "front", {"spec": {"selector": {"tier": "nowhere"}}})
    assert says(told.warnings, "no pod has these labels")
    assert told.risk == "high"
    pods = ctx.cluster.kinds.resolve("pods")
    while not (found := list(ctx.cluster.list(pods, ctx.namespace))):
        pass
    told = patched(ctx, "pod", found[0]["metadata"]["name"], {"metadata": {"labels": {"app": "debug"}}})
    assert says(told.warnings, "leaves ReplicaSet", "nobody replaces this one"), told.warnings
    assert says(told.warnings, "Service front no longer sends it traffic")


def test_how_pods_are_replaced(ctx: Context, apply: Put):
    apply(workload(name="recreated", replicas=2, extra="strategy: {type: Recreate}"))
    apply(workload(name="atonce", replicas=2, extra="strategy: {rollingUpdate: {maxUnavailable: 100%}}"))
    apply(workload(name="paused", replicas=2, extra="paused: true"))
    apply(workload("StatefulSet", name="manual", replicas=2, extra="updateStrategy: {type: OnDelete}"))
    apply(service("guard", "{app: atonce}"))
    apply(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: keep}\n"
        "spec: {minAvailable: 2, selector: {matchLabels: {app: atonce}}}"
    )

    def change(name: str) -> tuple[str, ...]:
        return preview(ctx, image_change(find_workload(ctx, name), None, "registry.k8s.io/pause:3.9")).warnings

    assert says(change("recreated"), "down meanwhile", "Recreate")
    assert says(change("atonce"), "All of its 2 pods", "maxUnavailable", "service guard will have no endpoints")
    assert says(change("paused"), "paused")
    assert says(change("manual"), "OnDelete")
    told = preview(ctx, scale_change(find_workload(ctx, "atonce"), 1))
    assert says(told.warnings, "Disruption budget keep wants 2 pods", "only 1"), told.warnings


def test_an_autoscaler_says_what_it_does_at_once(ctx: Context, apply: Put):
    apply(workload(replicas=5))
    told = preview(ctx, only(changes.autoscale(ctx, name="web", min=2, max=8)))
    assert says(told.warnings, "5 replicas now and may drop to 2"), told.warnings
    assert says(told.warnings, "nothing to go by: main")
    told = preview(ctx, only(changes.autoscale(ctx, name="web", min=2, max=3)))
    assert says(told.warnings, "from 5 to 3", "2 will be stopped")
    told = preview(ctx, only(changes.autoscale(ctx, name="web", min=7, max=9)))
    assert says(told.warnings, "from 5 to 7")
    apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few}\nspec: {hard: {pods: '6'}}")
    told = until(
        lambda: preview(ctx, only(changes.autoscale(ctx, name="web", min=7, max=9))), lambda told: bool(told.blockers)
    )
    assert says(told.blockers, "Quota few", "of the 2 more pods could start"), told.blockers


def test_pods_that_would_wait_for_what_is_not_there(ctx: Context, apply: Put):
    volumes = "{name: v, persistentVolumeClaim: {claimName: lost}}, {name: o, secret: {secretName: x, optional: true}}"
    pod = f"volumes: [{volumes}]"
    told = seen(ctx, workload(replicas=1, pod=pod, main="envFrom: [{secretRef: {name: login}}]"))
    assert says(told.warnings, "no volume claim lost")
    assert says(told.warnings, "no secret login", "container main")
    assert not says(told.warnings, "secret x")
    both = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\n---\n{workload(replicas=1)}"
    secret, web = changes.apply_manifest(ctx, manifest=both).changes
    assert not says(preview(ctx, web, secret).warnings, "no secret login"), "the plan makes it"


# --- what is lost -------------------------------------------------------------------------------------------------

STATEFUL = (
    "{extra}\n  volumeClaimTemplates:\n  - metadata: {{name: data}}\n"
    "    spec: {{storageClassName: '', accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}"
)


def test_who_uses_what_is_deleted(ctx: Context, apply: Put):
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {a: b}")
    apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot}")
    apply(workload(pod="serviceAccountName: robot", main="envFrom: [{configMapRef: {name: conf}}]"))
    apply(workload("CronJob", "nightly", pod="volumes: [{name: c, configMap: {name: conf}}]"))
    told = deleted(ctx, "configmap", "conf")
    assert says(told.warnings, "deployment/web", "cronjob/nightly", "cannot start again"), told.warnings
    assert told.risk == "high"
    assert says(deleted(ctx, "serviceaccount", "robot").warnings, "deployment/web (runs as it)")
    told = patched(ctx, "configmap", "conf", {"data": {"a": "c"}})
    assert says(told.warnings, "deployment/web", "only after a restart")
    assert says(told.warnings, "cronjob/nightly", "mount it")


def test_what_becomes_of_the_data(ctx: Context, apply: Put):
    apply(workload("StatefulSet", "kept", replicas=0, extra=STATEFUL.format(extra="")))
    policy = "persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Delete}"
    apply(workload("StatefulSet", "gone", replicas=2, extra=STATEFUL.format(extra=policy)))
    for name in ("data-kept-0", "data-gone-0", "data-gone-1"):
        text = PLAIN["PersistentVolumeClaim"].replace("name: data", f"name: {name}").replace("standard", "''")
        if name not in [item["metadata"]["name"] for item in ctx.cluster.list(*claims(ctx))]:
            apply(text)
    assert says(deleted(ctx, "statefulset", "kept").warnings, "claims stay", "data-kept-0")
    told = deleted(ctx, "statefulset", "gone")
    assert says(told.warnings, "deleted with it"), told.warnings
    assert says(told.warnings, "data-gone-0, data-gone-1")
    told = preview(ctx, scale_change(find_workload(ctx, "gone"), 1))
    assert says(told.warnings, "data-gone-1"), told.warnings
    assert not says(told.warnings, "data-gone-0")
    told = deleted(ctx, "namespace", str(ctx.namespace))
    assert says(told.warnings, "2 statefulsets", "3 persistentvolumeclaims"), told.warnings
    assert says(told.warnings, "Volume claim", "data-kept-0")


def claims(ctx: Context) -> tuple[Any, str]:
    return ctx.cluster.kinds.resolve("persistentvolumeclaims"), str(ctx.namespace)


# --- what never changes -------------------------------------------------------------------------------------------


def test_what_cannot_be_changed_says_what_it_takes(ctx: Context, apply: Put):
    apply(workload())
    apply(workload("StatefulSet", "db", extra="serviceName: db"))
    apply(workload("Job", "once", extra="suspend: true"))
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fixed}\nimmutable: true\ndata: {a: b}")
    apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}"
    )
    told = patched(ctx, "deployment", "web", {"spec": {"selector": {"matchLabels": {"tier": "front"}}}})
    again = "delete it and create it again"
    assert says(told.blockers, "spec.selector of an existing Deployment", again), told.blockers
    told = patched(ctx, "statefulset", "db", {"spec": {"serviceName": "other"}})
    assert says(told.blockers, "existing StatefulSet", "only", "replicas", "claims stay"), told.blockers
    told = patched(ctx, "job", "once", {"spec": {"template": {"spec": {"nodeName": "x"}}}})
    assert says(told.blockers, "spec.template of an existing Job", "once more"), told.blockers
    assert all(len(text) < 400 for text in told.blockers)
    told = patched(ctx, "configmap", "fixed", {"data": {"a": "c"}})
    assert says(told.blockers, "another name"), told.blockers
    told = patched(ctx, "rolebinding", "b", {"roleRef": {"name": "two"}})
    assert says(told.blockers, "roleRef", again), told.blockers


# --- who else decides ---------------------------------------------------------------------------------------------


def test_another_manager_is_named_with_its_fields(ctx: Context):
    applied_as(ctx, "gitops", workload(replicas=1, main="env: [{name: A, value: '1'}]"))
    told = seen(ctx, workload(replicas=2, main="env: [{name: A, value: '2'}]"))
    assert says(told.blockers, "spec.replicas is managed by gitops", "leave these fields out"), told.blockers
    told = preview(ctx, scale_change(find_workload(ctx, "web"), 3))
    assert says(told.warnings, "spec.replicas was set by gitops"), told.warnings
    told = preview(ctx, env_change(find_workload(ctx, "web"), None, {"A": "3"}))
    assert says(told.warnings, "env[A].value was set by gitops"), told.warnings
    told = preview(ctx, env_change(find_workload(ctx, "web"), None, {"NEW": "3"}))
    assert not says(told.warnings, "gitops")


def test_owners_are_named(ctx: Context, apply: Put):
    marked = workload().replace("{name: web}", "{name: web, labels: {kustomize.toolkit.fluxcd.io/name: apps}}", 1)
    apply(marked)
    assert says(preview(ctx, scale_change(find_workload(ctx, "web"), 1)).warnings, "Flux (kustomize apps)")


# --- rights -------------------------------------------------------------------------------------------------------


def as_user(ctx: Context, user: str, folder: Any) -> Context:
    """The same cluster as somebody else sees it, by impersonation."""
    access = ctx.cluster.access
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": ctx.namespace}}],
        "clusters": [{"name": "c", "cluster": access.cluster_entry}],
        "users": [{"name": "u", "user": {**access.user_entry, "as": user}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return Context(kubeconfig=str(path), namespace=ctx.namespace, root=ctx.root, state=ctx.state)


def allow(apply: Put, user: str, rules: str) -> None:
    apply(f"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: r}}\nrules: {rules}")
    apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: r}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\n"
        f"subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]"
    )


def test_every_write_of_a_plan_is_allowed_or_said_not_to_be(ctx: Context, apply: Put, tmp_path: Any):
    allow(
        apply, "limited", "[{apiGroups: ['', apps], resources: [configmaps, deployments], verbs: [get, list, patch]}]"
    )
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: there}\ndata: {a: b}")
    limited = as_user(ctx, "limited", tmp_path)
    new, old = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: c}}" for name in ("n", "there")
    )
    told = seen(limited, new)
    assert says(told.blockers, "limited may not create configmaps", "kubectl auth can-i create"), told.blockers
    assert not seen(limited, old).blockers
    fresh = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {ctx.namespace}-x}}\n---\n" + new.replace(
        "{name: n}", f"{{name: n, namespace: {ctx.namespace}-x}}"
    )
    space, inside = changes.apply_manifest(limited, manifest=fresh).changes
    told = preview(limited, inside, space)
    assert says(told.blockers, "limited may not", "configmaps", f"namespace {ctx.namespace}-x"), told


def test_rights_are_asked_for_what_no_dry_run_tells(ctx: Context, apply: Put, tmp_path: Any):
    allow(apply, "keeper", "[{apiGroups: [''], resources: [secrets], resourceNames: [mine], verbs: [update, delete]}]")
    folder = f"/api/v1/namespaces/{ctx.namespace}/secrets"
    mine = [Write(door="kubernetes", method=method, path=f"{folder}/mine") for method in ("PUT", "DELETE")]
    other = [Write(door="kubernetes", method=method, path=f"{folder}/other") for method in ("PUT", "DELETE")]
    new = Write(door="kubernetes", method="POST", path=folder)
    keeper = as_user(ctx, "keeper", tmp_path)
    assert missing_rights(keeper, mine) == ()
    (told,) = missing_rights(keeper, [new, *mine, *other])
    assert f"keeper may not create, update or delete secrets in namespace {ctx.namespace}" in told
    assert missing_rights(ctx, [new, *mine, *other]) == ()


# --- a preview is one look, and changes nothing -------------------------------------------------------------------


def every_change(ctx: Context) -> list[Change]:
    web = find_workload(ctx, "web")
    return [
        scale_change(web, 3),
        scale_change(web, 0),
        image_change(web, None, "registry.k8s.io/pause:3.9"),
        only(changes.delete_objects(ctx, kind="deployment", names=["web"])),
        only(changes.apply_manifest(ctx, manifest=workload(name="more", replicas=2))),
        only(changes.autoscale(ctx, name="web", min=2, max=4)),
    ]


def test_nothing_is_asked_twice_and_nothing_written(ctx: Context, apply: Put, capsys: pytest.CaptureFixture[str]):
    from tools.kubernetes.door.transport import Transport

    apply(workload(replicas=1))
    apply(service())
    asked: list[tuple[Any, ...]] = []
    send = Transport._send  # pyright: ignore[reportPrivateUsage]

    def counted(self: Transport, method: str, path: str, query: Any, body: Any, *rest: Any, **more: Any) -> Any:
        review = path.startswith("/apis/authorization.k8s.io/")
        dry = "dryRun" in query or b"dryRun" in (body or b"")
        assert method == "GET" or review or dry, (method, path)
        asked.append((method, path, tuple(query.items()), body))
        return send(self, method, path, query, body, *rest, **more)

    wanted = every_change(ctx)
    counts: list[str] = []
    for change in wanted:
        asked.clear()
        with pytest.MonkeyPatch.context() as patching:
            patching.setattr(Transport, "_send", counted)
            preview(ctx, change)
        assert len(asked) == len(set(asked)), [one for one in asked if asked.count(one) > 1]
        assert len(asked) <= 10, [one[:2] for one in asked]
        counts.append(f"{change.summary}: {len(asked)}")
    with capsys.disabled():
        sys.stdout.write(f"\nrequests per preview: {'; '.join(counts)}\n")


def test_a_view_never_writes(ctx: Context):
    path = f"/api/v1/namespaces/{ctx.namespace}/configmaps"
    permit = Permit("test", 0, (Write(door="kubernetes", method="POST", path=path),))
    with permit.opened(), pytest.raises(Refused, match="view"):
        ctx.at_one_moment().cluster.write(permit, "POST", path, {"metadata": {"name": "a"}})
