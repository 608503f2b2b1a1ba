"""Sums and readings behind a preview: budgets, field managers, defaults, what pods need and what admission adds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.kubernetes.handlers.diff import Item
from tools.kubernetes.handlers.foresight.budgets import wanted
from tools.kubernetes.handlers.foresight.defaults import is_default, known
from tools.kubernetes.handlers.foresight.pods_to_come import added
from tools.kubernetes.handlers.show_diff import asked_only, masked
from tools.kubernetes.look.managers import managers_of
from tools.kubernetes.look.owners import owners_of


@pytest.mark.parametrize(
    ("spec", "count", "least"),
    [
        ({"minAvailable": 2}, 5, 2),
        ({"minAvailable": "50%"}, 5, 3),
        ({"maxUnavailable": 1}, 3, 2),
        ({"maxUnavailable": "25%"}, 4, 3),
        ({"maxUnavailable": "25%"}, 3, 2),
        ({"maxUnavailable": 9}, 3, 0),
        ({}, 3, 3),
    ],
)
def test_what_a_budget_wants(spec, count, least):
    assert wanted({"spec": spec}, count) == least


def entry(manager, fields, operation="Update", **more):
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


FIELDS = {
    "f:spec": {
        "f:replicas": {},
        "f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:image": {}}}}},
        "f:args": {},
    }
}
IMAGE = ("spec", "template", "spec", "containers", Item("main", 0), "image")


@pytest.mark.parametrize(
    ("one", "path", "names"),
    [
        (entry("Terraform", FIELDS), ("spec", "replicas"), ["Terraform"]),
        (entry("Terraform", FIELDS), IMAGE, ["Terraform"]),
        (entry("Terraform", FIELDS), ("spec", "paused"), []),
        (entry("Terraform", FIELDS), ("spec", "args", 2), ["Terraform"]),
        (entry("Terraform", FIELDS), (*IMAGE[:-1], "env"), []),
        (entry("shipmate", FIELDS, "Apply"), ("spec", "replicas"), []),
        (entry("kubectl-edit", FIELDS), ("spec", "replicas"), []),
        (entry("kubectl", FIELDS, "Apply"), ("spec", "replicas"), ["kubectl"]),
        (entry("kube-controller-manager", FIELDS), ("spec", "replicas"), []),
        (entry("keda", FIELDS, subresource="scale"), ("spec", "replicas"), []),
    ],
)
def test_who_holds_a_field(one, path, names):
    assert managers_of({"metadata": {"managedFields": [one]}}, path) == names


def test_what_comes_from_admission_is_shown_and_what_the_server_fills_in_is_not():
    asked = {"spec": {"template": {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80}]}]}}}}
    stored = {"spec": {
        "replicas": 1, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
        "template": {"spec": {
            "hostNetwork": True, "priorityClassName": "high", "restartPolicy": "Always", "schedulerName": "other",
            "containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready"}, {"key": "gpu"}],
        }},
    }}  # fmt: skip
    shown = asked_only({}, stored, asked, is_default)
    assert list(shown["spec"]) == ["template"]
    pod = shown["spec"]["template"]["spec"]
    assert pod == {
        "hostNetwork": True, "priorityClassName": "high", "schedulerName": "other",
        "containers": [{"name": "a", "ports": [{"containerPort": 80}]}],
        "tolerations": [{"key": "gpu"}],
    }  # fmt: skip


def test_true_is_not_one():
    assert is_default("replicas", 1)
    assert not is_default("replicas", True)
    assert not is_default("suspend", 0)


def test_only_the_servers_own_kinds_have_known_defaults():
    assert known("v1")
    assert known("apps/v1")
    assert not known("example.com/v1")


def test_what_admission_adds_to_pods():
    template = {"containers": [{"name": "a", "resources": {"limits": {"memory": "1Gi"}}}, {"name": "b"}]}
    pod = {"containers": [
        {"name": "a", "resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}},
        {"name": "b", "resources": {"limits": {"cpu": "200m"}, "requests": {"cpu": "50m"}}},
        {"name": "proxy", "image": "mesh:1"},
    ]}  # fmt: skip
    assert added(template, pod) == (
        "A limit range gives container b requests cpu 50m and limits cpu 200m.",
        "Admission adds container proxy (mesh:1) to its pods.",
    )
    assert added(template, template) == ()


def hide(obj):
    return {"env": [{**one, "value": "[hidden]"} for one in obj["env"]]}


_ENV = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd"), "value": st.sampled_from("xyz")}),
    max_size=4,
    unique_by=lambda one: one["name"],
)


@given(_ENV, _ENV)
def test_a_hidden_value_is_told_as_changed_exactly_when_it_did(before, after):
    one, other = masked({"env": before}, {"env": after}, hide)
    old, new = ({item["name"]: item["value"] for item in items} for items in (before, after))
    marks = [{item["name"]: item["value"] for item in state["env"]} for state in (one, other)]
    for name in old.keys() & new.keys():
        assert (marks[0][name] == marks[1][name]) == (old[name] == new[name])
    assert not any(value in "xyz" for mark in marks for value in mark.values())


def test_argo_cd_is_known_by_what_it_wrote():
    live = {"metadata": {"name": "web", "labels": {"app.kubernetes.io/instance": "shop"}, "managedFields": [
        entry("argocd-controller", FIELDS, "Apply")
    ]}}  # fmt: skip
    assert [(owner.kind, owner.name) for owner in owners_of(live)] == [("argocd", "shop")]
