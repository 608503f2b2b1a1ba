"""Workloads, budgets, autoscalers, deletions and nodes: faults, and what only looks like one."""

from __future__ import annotations

import json

import pytest

from tests.tools.kubernetes.diagnose_rules.made import (
    JUST_NOW,
    LONG_AGO,
    container,
    event,
    found,
    ids,
    made,
    namespace,
    node,
    pod,
    service,
    snapshot,
    workload,
)
from tools.kubernetes.diagnose.related import related


def budget(count: int = 2, name: str = "keep", allowed: int = 0, **spec) -> dict:
    status = {"expectedPods": count, "disruptionsAllowed": allowed, "currentHealthy": count}
    body = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return made("PodDisruptionBudget", name, "policy/v1", spec=body, status=status)


@pytest.mark.parametrize("spec", [{"minAvailable": 2}, {"minAvailable": "100%"}, {"maxUnavailable": 0}])
def test_budget_that_never_lets_go(spec):
    (one,) = found(snapshot(budget(**spec)))
    assert one.id == "SM-BUDGET-BLOCKS"
    assert one.fixes[0].changes[0].patch == {"spec": {"minAvailable": None, "maxUnavailable": 1}}


@pytest.mark.parametrize("spec", [{"minAvailable": 1}, {"maxUnavailable": 1}, {"minAvailable": "50%"}])
def test_budget_that_waits_for_a_pod_just_now(spec):
    assert ids(snapshot(budget(**spec))) == []


def test_budget_of_nobody_and_two_of_the_same():
    assert ids(snapshot(budget(count=0, minAvailable=1))) == []
    web = workload("web", replicas=2)
    objects = [web, pod(web), pod(web), budget(maxUnavailable=1, allowed=1)]
    assert ids(snapshot(*objects)) == []
    assert ids(snapshot(*objects, budget(name="more", maxUnavailable=1, allowed=1))) == ["SM-BUDGET-TWICE"]


@pytest.mark.parametrize(
    ("message", "id"),
    [
        ("The node was low on resource: memory. Threshold quantity: 100Mi", "SM-EVICTED"),
        ("Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.", "SM-EPHEMERAL-STORAGE"),
        ('Usage of EmptyDir volume "tmp" exceeds the limit "1Mi".', "SM-EPHEMERAL-STORAGE"),
    ],
)
def test_evictions(message, id):
    web = workload("web")
    lost = pod(web, phase="Failed", ready=False)
    lost["status"].update(reason="Evicted", message=message, startTime=JUST_NOW, containerStatuses=[])
    (one,) = found(snapshot(web, lost, pod(web)))
    assert (one.id, one.subject.name) == (id, "web")
    lost["status"]["startTime"] = "2026-03-08T09:00:00Z"
    assert ids(snapshot(web, lost, pod(web))) == []


def stateful(broken_revision: str = "new", claim: bool = False):
    db = workload("db", kind="StatefulSet", replicas=3)
    db["status"].update(updateRevision="new", currentRevision="old", readyReplicas=1)
    pods = [pod(db), pod(db, ready=False, phase="Pending", status={"state": {}})]
    for number, one in enumerate(pods):
        one["metadata"]["name"] = f"db-{number}"
        one["metadata"]["labels"] = {"app": "db", "controller-revision-hash": "new"}
    pods[1]["metadata"]["labels"]["controller-revision-hash"] = broken_revision
    if claim:
        pods[1]["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}}]
    return [db, *pods]


def test_stateful_set_that_stands_still():
    (one,) = found(snapshot(*stateful()))
    assert (one.id, one.severity) == ("SM-STATEFULSET-STUCK", "warning")
    assert "db-1" in one.summary
    (old,) = found(snapshot(*stateful("old")))
    assert old.id == "SM-STATEFULSET-OLD-POD"
    assert old.fixes[0].changes[0].ref.name == "db-1"


def test_stateful_set_that_waits_for_a_volume_is_the_claims_story():
    claim = made("PersistentVolumeClaim", "data-db-1", spec={"storageClassName": "gold"}, status={"phase": "Pending"})
    (one,) = found(snapshot(*stateful(claim=True), claim))
    assert one.id == "SM-CLAIM-CLASS"
    assert "stands still at pod db-1" in one.chain[0]


def test_stateful_set_on_its_way():
    objects = stateful()
    objects[2]["metadata"]["creationTimestamp"] = JUST_NOW
    assert ids(snapshot(*objects)) == []


def test_daemon_set_for_no_node_is_worth_knowing():
    agent = workload("agent", kind="DaemonSet", nodeSelector={"disk": "ssd"})
    agent["status"] = {"observedGeneration": 1, "desiredNumberScheduled": 0}
    (one,) = found(snapshot(agent, node()))
    assert (one.id, one.severity) == ("SM-DAEMONSET-NO-NODES", "info")
    assert "without the label disk=ssd" in one.summary


def test_daemon_set_short_of_a_node_that_is_down():
    agent = workload("agent", kind="DaemonSet")
    agent["status"] = {"observedGeneration": 1, "desiredNumberScheduled": 2, "numberAvailable": 1}
    down = node("node-2", status={"conditions": [{"type": "Ready", "status": "Unknown"}]})
    (one,) = found(snapshot(agent, node(), down))
    assert one.id == "SM-NODE-NOT-READY"
    assert any("1 of 2 nodes" in text for text in one.chain)


@pytest.mark.parametrize(
    ("hook", "grace", "expected"),
    [
        ({"exec": {"command": ["sh", "-c", "sleep 60 && nginx -s quit"]}}, 30, ["SM-GRACE-SHORT"]),
        ({"sleep": {"seconds": 30}}, 30, ["SM-GRACE-SHORT"]),
        ({"sleep": {"seconds": 5}}, 30, []),
        ({"exec": {"command": ["sleep", "60"]}}, 90, []),
    ],
)
def test_time_to_stop(hook, grace, expected):
    web = workload("web", container(lifecycle={"preStop": hook}), terminationGracePeriodSeconds=grace)
    assert ids(snapshot(web, pod(web))) == expected


def test_workloads_that_take_each_others_pods():
    one, other = workload("web"), workload("web-canary")
    other["spec"]["selector"] = one["spec"]["selector"]
    other["spec"]["template"]["metadata"]["labels"] = {"app": "web", "track": "canary"}
    assert ids(snapshot(one, other)) == ["SM-SELECTOR-OVERLAP"]
    other["spec"]["selector"] = {"matchLabels": {"app": "web", "track": "canary"}}
    assert ids(snapshot(one, other)) == []


def hook(policy: str = "Fail") -> dict:
    client = {"service": {"name": "policy", "namespace": "shop"}}
    rule = {"name": "policy.example.test", "clientConfig": client, "failurePolicy": policy,
            "rules": [{"resources": ["pods"]}]}  # fmt: skip
    api = "admissionregistration.k8s.io/v1"
    return made("ValidatingWebhookConfiguration", "policy", api, namespace=None, webhooks=[rule])


def test_webhooks():
    program = workload("policy")
    served = [program, pod(program), service("policy", "policy")]
    assert ids(snapshot(hook(), namespace=None)) == ["SM-WEBHOOK"]
    assert ids(snapshot(hook("Ignore"), namespace=None)) == []
    assert ids(snapshot(hook(), *served, namespace=None)) == []
    assert ids(snapshot(hook())) == []


def scaler(**status) -> dict:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 5}
    return made("HorizontalPodAutoscaler", "web", "autoscaling/v2", spec=spec, status=status)


def test_autoscaler_that_flaps_and_one_that_grows():
    web = workload("web", container(resources={"requests": {"cpu": "1"}}))
    item = scaler()
    item["spec"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 60}}

    def rescaled(ups: int, downs: int) -> list[dict]:
        up, down = "New size: 4; reason: cpu above target", "New size: 1; reason: All metrics below target"
        told = [event(item, "SuccessfulRescale", up, count=ups), event(item, "SuccessfulRescale", down, count=downs)]
        for one in told:
            one["firstTimestamp"], one["lastTimestamp"] = "2026-03-10T11:45:00Z", "2026-03-10T11:58:00Z"
        return told

    (one,) = found(snapshot(web, pod(web), item, *rescaled(5, 4)))
    assert one.id == "SM-HPA-FLAPPING"
    (change,) = one.fixes[0].changes
    assert change.patch == {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}}}}
    assert ids(snapshot(web, pod(web), item, *rescaled(5, 1))) == []
    item["spec"].update(change.patch["spec"])  # by these settings it could not have been so restless
    assert ids(snapshot(web, pod(web), item, *rescaled(5, 4))) == []


def test_namespace_that_waits_for_an_api_service():
    why = "Discovery failed for some groups: metrics.k8s.io/v1beta1: stale GroupVersion discovery"
    conditions = [{"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": why}]
    old = namespace("old", metadata={"deletionTimestamp": LONG_AGO}, spec={"finalizers": ["kubernetes"]},
                    status={"phase": "Terminating", "conditions": conditions})  # fmt: skip
    (one,) = found(snapshot(old, namespace=None))
    assert one.id == "SM-NAMESPACE-STUCK"
    assert "metrics.k8s.io" in one.summary
    assert "APIService" in one.fixes[0].text
    assert ids(snapshot(old)) == []


@pytest.mark.parametrize(
    ("objects", "finalizers", "since", "word"),
    [
        ([node()], ["example.test/wait"], LONG_AGO, "example.test/wait"),
        ([node("other")], [], LONG_AGO, "no longer exists"),
        ([node()], [], LONG_AGO, "kubelet"),
        ([node()], [], JUST_NOW, ""),
    ],
)
def test_pods_that_do_not_go(objects, finalizers, since, word):
    web = workload("web")
    going = pod(web, deletionTimestamp=since, finalizers=finalizers)
    told = found(snapshot(web, pod(web), going, *objects))
    assert [one.id for one in told] == (["SM-STUCK-TERMINATING"] if word else [])
    assert all(word in one.summary for one in told)


def test_claim_that_is_still_used():
    web = workload("web", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])
    user = pod(web)
    going = made("PersistentVolumeClaim", "data", spec={}, status={"phase": "Bound"},
                 metadata={"deletionTimestamp": LONG_AGO, "finalizers": ["kubernetes.io/pvc-protection"]})  # fmt: skip
    (one,) = found(snapshot(web, user, going))
    assert user["metadata"]["name"] in one.summary


def test_nodes():
    cordoned = node()
    cordoned["spec"] = {"unschedulable": True}
    (one,) = found(snapshot(cordoned))
    assert (one.id, one.severity) == ("SM-NODE-CORDONED", "info")
    for version, expected in (("v1.34.2", []), ("v1.31.0", []), ("v1.30.9", ["SM-NODE-VERSION"]),
                              ("v1.35.0", ["SM-NODE-VERSION"])):  # fmt: skip
        assert ids(snapshot(node(status={"nodeInfo": {"kubeletVersion": version}}))) == expected


@pytest.mark.parametrize(("version", "expected"), [("policy/v1beta1", ["SM-DEPRECATED-API"]), ("policy/v1", [])])
def test_manifests_of_old_versions(version, expected):
    item = budget(count=0, minAvailable=1)
    applied = json.dumps({"apiVersion": version, "kind": "PodDisruptionBudget"}, separators=(",", ":"))
    item["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": applied}
    assert ids(snapshot(item)) == expected


@pytest.mark.parametrize(
    ("message", "id"),
    [
        ("pods \"web-1\" is forbidden: failed quota: team: must specify limits.cpu", "SM-QUOTA-UNSET"),
        ("Internal error occurred: failed calling webhook \"policy.example.test\": no endpoints", "SM-WEBHOOK-FAILS"),
        ("Invalid value: \"2\": must be less than or equal to cpu limit of 1", "SM-LIMIT-RANGE"),
        ("pods \"web-1\" is forbidden: exceeded quota: team, requested: pods=1", "SM-QUOTA"),
    ],
)  # fmt: skip
def test_pods_that_are_refused(message, id):
    web = workload("web")
    failure = [{"type": "ReplicaFailure", "status": "True", "message": message}]
    one = made("ReplicaSet", "web-abc", "apps/v1", spec=web["spec"], status={"replicas": 0, "conditions": failure})
    one["metadata"]["ownerReferences"] = [{"uid": web["metadata"]["uid"], "controller": True}]
    assert ids(snapshot(web, one)) == [id]


def test_rollout_that_has_no_room_for_one_more():
    web = workload("web", container(resources={"requests": {"cpu": "3"}}))
    web["spec"]["strategy"] = {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    new = pod(web, ready=False, phase="Pending", status={"state": {}})
    del new["spec"]["nodeName"]
    new["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}]
    (one,) = found(snapshot(web, pod(web), new, node()))
    assert one.id == "SM-PENDING-CPU"
    assert any("maxUnavailable" in str(change.patch) for fix in one.fixes for change in fix.changes)


def test_what_belongs_to_a_workload():
    web, back = workload("web"), workload("back")
    way = {"host": "a.test", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "web"}}}]}}
    gate = made("Ingress", "gate", "networking.k8s.io/v1", spec={"rules": [way]})
    wall = made("NetworkPolicy", "wall", "networking.k8s.io/v1", spec={"podSelector": {}})
    nightly = made("CronJob", "nightly", "batch/v1", spec={"schedule": "@daily", "jobTemplate": {"spec": {}}})
    owner = {"uid": nightly["metadata"]["uid"], "kind": "CronJob", "controller": True}
    run = made("Job", "nightly-1", "batch/v1", metadata={"ownerReferences": [owner]}, spec={"template": {}})
    objects = [web, pod(web), back, service("web", "web"), gate, wall, budget(), scaler(), nightly, run]

    def names(target: dict) -> set[str]:
        return {f"{item['kind']}/{item['metadata']['name']}" for item in related(snapshot(*objects), target)}

    mine = {"Deployment/web", "Service/web", "Ingress/gate", "NetworkPolicy/wall", "PodDisruptionBudget/keep",
            "HorizontalPodAutoscaler/web"}  # fmt: skip
    assert mine < names(web)
    assert mine < names(gate)
    assert not mine & names(back) - {"NetworkPolicy/wall"}
    assert "Job/nightly-1" in names(nightly)
    assert "CronJob/nightly" in names(run)
