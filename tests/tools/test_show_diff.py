"""Diffs as people read them."""

import copy

from tools.kubernetes.handlers.foresight.defaults import is_default
from tools.kubernetes.handlers.show_diff import asked_only, masked, unified


def hide_data(obj):
    return {**obj, **({"data": dict.fromkeys(obj["data"], "[hidden]")} if "data" in obj else {})}


LIVE = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
    "spec": {
        "replicas": 1,
        "template": {"spec": {"containers": [
            {"name": "web", "image": "web:1", "imagePullPolicy": "Always"}, {"name": "proxy", "image": "p:1"}
        ]}},
    },
}  # fmt: skip


def test_hunks_say_where_they_are():
    after = copy.deepcopy(LIVE)
    after["spec"]["replicas"] = 3
    text = unified(LIVE, after, "deployment web", hide_data)
    assert "-  replicas: 1" in text
    assert "+  replicas: 3" in text
    assert "@@ spec\n" in text
    after = copy.deepcopy(LIVE)
    after["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    assert "@@ spec.template.spec.containers[web]\n" in unified(LIVE, after, "deployment web", hide_data)


def test_equal_objects_have_no_diff():
    assert unified(LIVE, copy.deepcopy(LIVE), "deployment web", hide_data) == ""


def test_secret_values_are_only_changed_or_not():
    old = {"kind": "Secret", "data": {"a": "czNjcmV0", "b": "c2FtZQ=="}}
    new = {"kind": "Secret", "data": {"a": "b3RoZXI=", "b": "c2FtZQ==", "c": "bmV3"}}
    text = unified(old, new, "secret s", hide_data)
    for value in ("czNjcmV0", "b3RoZXI=", "c2FtZQ==", "bmV3"):
        assert value not in text
    assert "(changed)" in text
    assert "+  c:" in text
    one, other = masked(old, new, hide_data)
    assert one["data"]["b"] == other["data"]["b"]


def test_defaults_that_nobody_asked_for_are_left_out():
    asked = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}
    stored = {"spec": {"replicas": 1, "template": {"spec": {
        "dnsPolicy": "ClusterFirst",
        "containers": [
            {"name": "web", "image": "web:2", "terminationMessagePath": "/dev/termination-log"},
            {"name": "injected", "image": "sidecar:1"},
        ],
    }}}}  # fmt: skip
    shown = asked_only({}, stored, asked, is_default)
    pod = shown["spec"]["template"]["spec"]
    assert pod == {"containers": [{"name": "web", "image": "web:2"}, {"name": "injected", "image": "sidecar:1"}]}
    assert "replicas" not in shown["spec"]


def test_what_was_there_stays_even_if_not_asked_for():
    after = copy.deepcopy(LIVE)
    after["spec"]["replicas"] = 3
    assert asked_only(LIVE, after, {"spec": {"replicas": 3}}, is_default) == after


def test_a_removed_object_is_cut_short():
    big = {"kind": "ConfigMap", "spec": {f"k{i}": i for i in range(500)}}
    assert "more lines" in unified(big, None, "configmap big", hide_data)
