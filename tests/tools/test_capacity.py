"""Sums over requests, nodes and quotas."""

from decimal import Decimal

import pytest

from tools.kubernetes.handlers.foresight.capacity import (
    needs,
    room,
    room_text,
    selects,
    shortage_text,
    shortages,
    tolerates,
    unsuitable,
)


def container(cpu=None, memory=None, **more):
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"name": "c", "resources": {"requests": requests}, **more}


def pod(cpu="1", node=None, **more):
    spec = {"containers": [container(cpu)], **more}
    return {"metadata": {"labels": {"app": "a"}}, "spec": spec | ({"nodeName": node} if node else {})}


def node(name="n1", cpu="4", pods="10", labels=None, **spec):
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": pods}},
    }


def test_needs_counts_sidecars_and_the_largest_init_container():
    spec = {
        "initContainers": [container("100m", restartPolicy="Always"), container("2")],
        "containers": [container("500m"), container("250m")],
    }
    assert needs(spec) == {"cpu": Decimal("2.1")}
    assert needs({"containers": [{"resources": {"limits": {"cpu": "1"}}}]}) == {"cpu": Decimal(1)}


def test_room_on_one_node():
    found = room([node(cpu="4")], [pod("1.8", "n1")], pod("1"), 3)
    assert (found.fits, found.ever) == (2, True)
    text = room_text(found, pod("1")["spec"], 4, 3)
    assert "4 × 1 CPU" in text
    assert "2 of the 3 more pods" in text
    assert "2.2 CPU free" in text


def test_pods_that_are_done_take_no_room():
    done = {**pod("4", "n1"), "status": {"phase": "Succeeded"}}
    assert room([node()], [done], pod("4"), 1).fits == 1


def test_no_node_can_ever_take_it():
    found = room([node(cpu="2")], [], pod("3"), 1)
    assert (found.fits, found.ever) == (0, False)
    assert found.reasons == {"too little CPU left": 1}


def test_pod_limit_of_the_node():
    found = room([node(pods="1")], [pod("0.1", "n1")], pod("0.1"), 1)
    assert found.fits == 0
    assert found.reasons == {"the limit of pods is reached": 1}


def test_pods_that_keep_apart_get_one_node_each():
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "a"}}}
    ]}}  # fmt: skip
    nodes = [node("n1"), node("n2"), node("n3")]
    assert room(nodes, [pod("0.1", "n1")], pod("0.1", affinity=apart), 3).fits == 2


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (node(unschedulable=True), "cordoned"),
        (node(taints=[{"key": "gpu", "effect": "NoSchedule"}]), "taint gpu"),
        (node(taints=[{"key": "gpu", "effect": "PreferNoSchedule"}]), ""),
    ],
)
def test_unsuitable_nodes(found, reason):
    assert unsuitable(found, pod()["spec"]) == reason


def test_selectors_and_tolerations():
    assert unsuitable(node(), pod(nodeSelector={"disk": "ssd"})["spec"]) == "without the label disk=ssd"
    assert not unsuitable(node(labels={"disk": "ssd"}), pod(nodeSelector={"disk": "ssd"})["spec"])
    assert tolerates({"operator": "Exists"}, {"key": "x", "effect": "NoSchedule"})
    assert not tolerates({"key": "x", "value": "1"}, {"key": "x", "value": "2", "effect": "NoSchedule"})
    assert selects({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {})
    assert not selects(None, {})
    assert selects({}, {"a": "b"})


def quota(hard, used, **spec):
    return {"metadata": {"name": "compute"}, "spec": spec, "status": {"hard": hard, "used": used}}


def test_quota_allows_two():
    found = shortages([quota({"pods": "2"}, {"pods": "1"})], pod()["spec"], 2)
    assert [(short.resource, short.fits) for short in found] == [("pods", 1)]
    assert "1 of the 2 more pods could start" in shortage_text(found[0], 3, 2)


def test_quota_of_requests_and_limits():
    spec = {"containers": [{"resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}}]}
    found = shortages([quota({"requests.cpu": "1", "limits.memory": "8Gi"}, {"requests.cpu": "500m"})], spec, 2)
    assert [(short.resource, short.fits) for short in found] == [("requests.cpu", 1)]
    assert not shortages([quota({"requests.cpu": "1"}, {"requests.cpu": "500m"})], spec, 2, freed=1)
    assert not shortages([quota({"pods": "0"}, {}, scopes=["Terminating"])], spec, 2)
