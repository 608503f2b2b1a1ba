"""Pods that are refused, and rights that are missing: what is almost right, and what mends it."""

from __future__ import annotations

import pytest

from tests.tools.kubernetes.diagnose_rules.made import (
    Object,
    container,
    crashed,
    event,
    found,
    made,
    namespace,
    pod,
    service,
    snapshot,
    workload,
)
from tools.finding import Finding
from tools.kubernetes.diagnose.bounds import misfits

RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"


def refused(message: str, *others: Object, spec: Object | None = None, **more: Object) -> Finding:
    """What is found of a deployment whose pods are refused with a message."""
    web = workload("web", container(**(spec or {})), **more)
    web["status"] = {"observedGeneration": 1}
    own = [{"kind": "Deployment", "name": "web", "uid": web["metadata"]["uid"], "controller": True}]
    failure = {"type": "ReplicaFailure", "status": "True", "message": message}
    copies = made("ReplicaSet", "web-1", "apps/v1", metadata={"ownerReferences": own},
                  spec={**web["spec"]}, status={"replicas": 0, "conditions": [failure]})  # fmt: skip
    (one,) = found(snapshot(web, copies, namespace(), event(copies, "FailedCreate", message), *others))
    return one


def patched(finding: Finding) -> Object:
    """What the first change of the best fix puts into the pods."""
    return finding.fixes[0].changes[0].patch["spec"]["template"]["spec"]  # type: ignore[union-attr]


# --- Limit ranges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "resources", "fits"),
    [
        ({"max": {"cpu": "100m"}}, {"limits": {"cpu": "1"}, "requests": {"cpu": "1m"}}, ("1m", "100m")),
        ({"max": {"cpu": "100m"}}, {"limits": {"cpu": "1"}}, ("100m", "100m")),
        ({"min": {"cpu": "50m"}}, {"requests": {"cpu": "1m"}}, ("50m", "")),
        ({"min": {"cpu": "50m"}}, {"limits": {"cpu": "20m"}}, ("50m", "50m")),
        ({"default": {"cpu": "20m"}}, {"requests": {"cpu": "30m"}}, ("30m", "30m")),
        ({"default": {"cpu": "20m"}, "max": {"cpu": "25m"}}, {"requests": {"cpu": "30m"}}, ("25m", "25m")),
    ],
)
def test_what_fits_a_limit_range(bound: Object, resources: Object, fits: tuple[str, str]):
    item = made("LimitRange", "bounds", spec={"limits": [{"type": "Container", **bound}]})
    (one,) = misfits([item], [container(resources=resources)])
    assert (one.range, one.request, one.limit) == ("bounds", *fits)


@pytest.mark.parametrize("resources", [{}, {"requests": {"cpu": "20m"}, "limits": {"cpu": "90m"}}])
def test_what_is_within_a_limit_range(resources: Object):
    bound = {"type": "Container", "max": {"cpu": "100m"}, "min": {"cpu": "10m"}, "default": {"cpu": "50m"}}
    item = made("LimitRange", "bounds", spec={"limits": [bound, {"type": "Pod", "max": {"cpu": "1m"}}]})
    assert not list(misfits([item], [container(resources=resources)]))


# --- What the pods name, and what a level wants of them ---------------------------------------------------------------


def test_an_account_that_is_misspelt_is_corrected_before_a_new_one_is_made():
    message = 'error looking up service account shop/frontent: serviceaccount "frontent" not found'
    one = refused(message, made("ServiceAccount", "frontend"), serviceAccountName="frontent")
    assert (one.id, patched(one)) == ("SM-SERVICE-ACCOUNT", {"serviceAccountName": "frontend"})
    assert [fix.changes[0].kind for fix in one.fixes] == ["patch", "apply-manifest"]


def test_a_priority_class_that_does_not_exist():
    one = refused('pods "web-1-" is forbidden: no PriorityClass with name hihg was found', priorityClassName="hihg")
    assert (one.id, patched(one)) == ("SM-POD-CLASS", {"priorityClassName": None})


def test_without_its_sandbox_a_pod_is_not_run_by_itself():
    one = refused('pods "web-1-" is forbidden: pod rejected: RuntimeClass "gvisor" not found')
    assert (one.id, [fix.changes for fix in one.fixes]) == ("SM-POD-CLASS", [()])


def test_what_every_program_can_be_given_for_a_security_level():
    why = 'allowPrivilegeEscalation != false (container "main" must set x), runAsNonRoot != true (it must set y)'
    one = refused(f'pods "web-1-" is forbidden: violates PodSecurity "restricted:latest": {why}')
    assert one.id == "SM-POD-SECURITY"
    assert patched(one)["securityContext"]["runAsNonRoot"] is True


def test_what_a_program_wants_of_its_node_is_not_taken_from_it():
    why = 'host namespaces (hostNetwork=true), allowPrivilegeEscalation != false (container "main" must set x=false)'
    one = refused(f'pods "web-1-" is forbidden: violates PodSecurity "restricted:latest": {why}')
    assert [fix.changes for fix in one.fixes] == [()]


# --- Webhooks -----------------------------------------------------------------------------------------------------


def webhook(resources: str = "pods") -> Object:
    rules = [{"operations": ["CREATE"], "apiGroups": [""], "resources": [resources]}]
    hook = {"name": "gate.example.test", "rules": rules,
            "clientConfig": {"service": {"name": "gate", "namespace": "shop"}}}  # fmt: skip
    return made("ValidatingWebhookConfiguration", "gate", ADMISSION, namespace=None, webhooks=[hook])


def test_refusals_by_a_webhook_that_nobody_answers_for_are_one_finding_about_it():
    one = refused('Internal error: failed calling webhook "gate.example.test": service "gate" not found', webhook())
    assert (one.id, one.subject.name) == ("SM-WEBHOOK", "gate")
    assert "deployment web" in one.chain[0]
    assert one.fixes[-1].changes[0].patch[1] == {  # type: ignore[union-attr, index]
        "op": "add", "path": "/webhooks/0/failurePolicy", "value": "Ignore",
    }  # fmt: skip


def test_a_webhook_that_stops_its_own_program_leaves_it_out():
    gate = workload("gate")
    (one,) = [item for item in found(snapshot(gate, service("gate", "gate", 443), webhook(), namespace()))
              if item.id == "SM-WEBHOOK"]  # fmt: skip
    assert "own pods" in one.summary
    (change,) = one.fixes[0].changes
    apart = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["gate"]}]}
    assert change.patch[1]["value"] == apart  # type: ignore[union-attr, index]


def test_a_webhook_whose_program_was_scaled_to_zero():
    gate = workload("gate", replicas=0)
    (one,) = found(snapshot(gate, service("gate", "gate", 443), webhook("services"), namespace()))
    assert one.fixes[0].changes[0].kind == "scale"


# --- Rights -------------------------------------------------------------------------------------------------------


def denied(account: str, *others: Object) -> Finding:
    """What is found of a program that may not list pods."""
    web = workload("web", serviceAccountName=account) if account != "default" else workload("web")
    one = pod(web, ready=False, status=crashed())
    line = (
        f'pods is forbidden: User "system:serviceaccount:shop:{account}" cannot list resource "pods" in API group ""'
        ' in the namespace "shop"'
    )
    logs = {f"{one['metadata']['name']}/main/previous": line}
    (finding,) = found(snapshot(web, one, made("ServiceAccount", account), *others, logs=logs))
    assert finding.id == "SM-RIGHTS"
    return finding


def role(name: str, *verbs: str) -> Object:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}
    return made("Role", name, RBAC, rules=[rule])


def binding(to: str, account: str, home: str = "shop") -> Object:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": home}
    return made("RoleBinding", "watch", RBAC, subjects=[subject], roleRef={"kind": "Role", "name": to})


def test_a_binding_that_names_the_account_of_another_namespace():
    one = denied("web", role("watch", "list"), binding("watch", "web", "default"))
    assert "of namespace default, not of shop" in one.chain[-1]
    (change,) = one.fixes[0].changes
    assert change.patch["subjects"][0]["namespace"] == "shop"  # type: ignore[union-attr, call-overload]


def test_the_account_that_was_made_for_it_is_not_used():
    one = denied("default", made("ServiceAccount", "web"), role("watch", "list"), binding("watch", "web"))
    assert "service account web has that right" in one.chain[-1]
    assert patched(one) == {"serviceAccountName": "web"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([binding("wacth", "web"), role("watch", "list")], "role wacth, which does not exist; there is watch"),
        ([binding("watch", "web"), role("watch", "get")], "lets it get pods, but not list"),
        ([role("watch", "list")], "no role gives service account web"),
    ],
)
def test_what_is_almost_right(given: list[Object], told: str):
    assert told in denied("web", *given).chain[-1]
