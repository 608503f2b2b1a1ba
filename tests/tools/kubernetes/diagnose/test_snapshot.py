"""A snapshot reads each kind once, keeps little of it, and knows what it could not read."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.kubernetes.api_server import Answer, refusal
from tests.tools.kubernetes.diagnose.made_up import cluster, workload
from tools.errors import Failed, NotFound, Unreachable
from tools.kubernetes.diagnose.run import check, examine, fold
from tools.kubernetes.diagnose.slim import Slimmer
from tools.kubernetes.diagnose.snapshot import USUAL, USUAL_EVERYWHERE, Snapshot

PODS = "GET /api/v1/pods"


def _nested(inner):
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)


def test_every_page_of_every_kind_is_asked_for_once(made_up_cluster):
    ctx, api = made_up_cluster(cluster(1200, spaces=("shop", "yard")), ("shop", "yard"))
    found = examine(ctx, [], None)
    asked = Counter((request.path, request.query.get("continue", "")) for request in api.seen)
    lists = {key: count for key, count in asked.items() if not key[0].endswith("/log")}
    assert max(lists.values()) == 1
    assert {key[1] for key in lists if key[0] == "/api/v1/pods"} == {"", "500", "1000"}
    assert found.counts["pods"] == 1200
    assert not found.unchecked
    assert {item.id for item in found.findings} == {"SM-IMAGE-NOT-FOUND"}
    assert len(found.findings) == 3, "one for each broken workload, with its service and its pods folded in"


def test_the_order_is_the_same_each_time(made_up_cluster):
    ctx, _ = made_up_cluster(cluster(300, broken_each=3))
    first, second = (examine(ctx, [], None).findings for _ in range(2))
    assert [item.model_dump_json() for item in first] == [item.model_dump_json() for item in second]


def test_what_no_rule_reads_is_dropped_and_what_siblings_share_is_kept_once(made_up_cluster):
    ctx, _ = made_up_cluster(workload("web", "shop", broken=False))
    pods = Snapshot(ctx, "shop").pods
    assert len(pods) == 10
    assert not any("managedFields" in pod["metadata"] for pod in pods)
    assert len({id(pod["spec"]["containers"]) for pod in pods}) == 1
    assert len({id(pod["status"]) for pod in pods}) == 10
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 1


def test_slimming_keeps_what_differs():
    volumes = [{"name": "data"}, {"name": "kube-api-access-x7k2p", "projected": {}}]
    mounts = [{"name": "kube-api-access-x7k2p"}, {"name": "data"}]
    specs = [
        {
            "containers": [{"name": "a", "image": f"x:{tag}", "volumeMounts": mounts}],
            "nodeName": node,
            "volumes": volumes,
        }
        for tag, node in ((1, "here"), (1, "there"), (2, "here"))
    ]
    items = [{"metadata": {"name": "p", "labels": {"app": "a"}}, "spec": spec} for spec in specs]
    one, other, third = (pod["spec"] for pod in _slim("PodList", items))
    assert [spec["nodeName"] for spec in (one, other, third)] == ["here", "there", "here"]
    assert one["containers"] is other["containers"]
    assert one["containers"] == [{"name": "a", "image": "x:1", "volumeMounts": [{"name": "data"}]}]
    assert third["containers"][0]["image"] == "x:2"
    assert one["volumes"] == [{"name": "data"}]


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), _nested, max_leaves=20))
def test_slimming_loses_nothing_but_bookkeeping(value):
    items = [{"metadata": {"name": "n", "managedFields": [value], "labels": {"a": "b"}}, "spec": value, "data": value}]
    for kind in ("PodList", "WidgetList") if isinstance(value, dict) else ("WidgetList",):
        assert _slim(kind, items) == [{"metadata": {"name": "n", "labels": {"a": "b"}}, "spec": value, "data": value}]


def _slim(kind, items):
    return Slimmer().page(json.dumps({"kind": kind, "metadata": {}, "items": items}).encode())["items"]


def test_an_answer_that_is_no_list_is_an_error_that_is_told():
    for text in (b"", b"<html>", b'{"items": 1}', b'{"items": [{"metadata": {"name": '):
        with pytest.raises(Failed):
            Slimmer().page(text)
    assert Slimmer().page(b'{"kind":"PodList","metadata":{},"items":null}')["items"] == []


def test_a_kind_that_may_not_be_read_is_not_checked(made_up_cluster):
    ctx, api = made_up_cluster(cluster(20))
    api.script[PODS] = refusal(403, "Forbidden", 'pods is forbidden: User "me" cannot list resource "pods"')
    found = examine(ctx, [], None)
    assert "pods" in found.unchecked
    assert "pods" not in found.counts


def test_a_kind_that_is_gone_or_was_never_there_is_not_checked(made_up_cluster):
    ctx, api = made_up_cluster(cluster(20))
    snap = Snapshot(ctx, None)
    assert snap.all("pods.metrics.k8s.io") == []
    assert "pods.metrics.k8s.io" in snap.unchecked, "without metrics nobody knows what is in use"
    assert snap.all("widgets.example.com") == []
    assert "widgets" not in snap.unchecked, "a cluster that never had somebody's own kind has none of it"
    del api.script["GET /apis/networking.k8s.io/v1/ingresses"]
    assert snap.all("ingresses.networking.k8s.io") == []
    assert "no longer" in snap.unchecked["ingresses"]


def test_a_kind_whose_server_fails_is_not_checked(made_up_cluster):
    ctx, api = made_up_cluster(cluster(20))
    api.script["GET /api/v1/services"] = Answer({"kind": "Status", "message": "boom", "code": 500}, 500)
    snap = Snapshot(ctx, None)
    assert len(snap.pods) == 20
    assert snap.all("services") == []
    assert "services" in snap.unchecked


def test_logs_that_may_not_be_read_are_not_checked(made_up_cluster):
    ctx, api = made_up_cluster(workload("web", "shop", broken=False))
    snap = Snapshot(ctx, "shop")
    pod = snap.pods[0]
    path = f"GET /api/v1/namespaces/shop/pods/{pod['metadata']['name']}/log"
    assert snap.log(pod, "main") == ""
    assert not snap.unchecked, "a container without a log is nothing unread"
    api.script[path] = refusal(403, "Forbidden", 'pods is forbidden: User "me" cannot get resource "pods/log"')
    assert snap.log(pod, "main", previous=True) == ""
    assert "logs" in snap.unchecked


def test_a_node_that_hands_out_no_logs_is_asked_once_and_told(made_up_cluster):
    ctx, api = made_up_cluster(workload("web", "shop", broken=False))
    snap = Snapshot(ctx, "shop")
    lost = Answer({"kind": "Status", "message": "dial tcp 10.0.0.1:10250: connect: connection refused"}, 500)
    for pod in snap.pods:
        api.script[f"GET /api/v1/namespaces/shop/pods/{pod['metadata']['name']}/log"] = lost
        assert snap.log(pod, "main") == ""
    assert sum(request.path.endswith("/log") for request in api.seen) == 1, "all of them are on one node"
    assert "connection refused" in snap.unchecked["logs"]


@pytest.mark.parametrize(("space", "kinds"), [(None, USUAL_EVERYWHERE), ("shop", USUAL)])
def test_only_what_a_healthy_cluster_is_asked_for_is_read_ahead(made_up_cluster, space, kinds):
    ctx, _ = made_up_cluster(workload("web", "shop", broken=False))
    snap = Snapshot(ctx, space)
    check(snap)
    assert {kind.partition(".")[0] for kind in kinds} <= set(snap.counts)


def test_a_cluster_that_does_not_answer_is_unreachable_not_unchecked(made_up_cluster, tmp_path):
    ctx, api = made_up_cluster([])
    ctx.cluster.kinds.all()
    api.script = dict.fromkeys(api.script, Answer(broken=True))
    with pytest.raises(Unreachable):
        check(Snapshot(ctx, None))


def test_labels_find_pods_in_their_namespace_only(made_up_cluster):
    objects = workload("web", "shop", False) + workload("web", "yard", False) + workload("api", "shop", False)
    ctx, _ = made_up_cluster(objects, ("shop", "yard"))
    snap = Snapshot(ctx, None)
    assert len(snap.selected({"app": "web", "pod-template-hash": "5d8f"}, "shop")) == 10
    assert snap.selected({"app": "web", "tier": "none"}, "shop") == []
    assert len(snap.selected({}, "shop")) == 20


def test_only_what_concerns_the_targets_is_told(made_up_cluster):
    objects = [item for name in ("one", "two", "three") for item in workload(name, "shop", broken=True)]
    ctx, _ = made_up_cluster(objects)
    assert {item.subject.name for item in examine(ctx, ["one", "service/two"], "shop").findings} == {"one", "two"}
    with pytest.raises(NotFound):
        examine(ctx, ["four"], "shop")
    with pytest.raises(NotFound):
        examine(ctx, [], "yard")


def test_every_finding_says_how_sure_it_is(made_up_cluster):
    ctx, _ = made_up_cluster(workload("web", "shop", broken=True))
    for finding, _ in fold(check(Snapshot(ctx, "shop"))):
        assert finding.confidence == "certain"


def test_a_rule_that_stumbles_stops_no_other_and_is_told(made_up_cluster, monkeypatch):
    def stumble(snap):
        raise KeyError("spec")

    ctx, _ = made_up_cluster(workload("web", "shop", broken=True))
    monkeypatch.setattr("tools.kubernetes.diagnose.rules.autoscaler.check", stumble)
    found = examine(ctx, [], "shop")
    assert "KeyError" in found.unchecked["rule autoscaler"]
    assert [item.id for item in found.findings] == ["SM-IMAGE-NOT-FOUND"]
