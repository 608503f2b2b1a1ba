"""Fixes that are changes, of workloads and of what leads to them; and what only looks like their faults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.kubernetes.diagnose_rules.made import (
    JUST_NOW,
    container,
    env,
    event,
    found,
    ids,
    made,
    node,
    pod,
    service,
    snapshot,
    workload,
)
from tools.change import Patch
from tools.kubernetes.diagnose.unblock import unblocked
from tools.kubernetes.workload_changes import ref_of

IMAGE = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "app:2"}]}}}}


def database(*states: dict, **spec: Any) -> list[dict]:
    db = workload("db", kind="StatefulSet", replicas=3)
    db["spec"].update(spec)
    db["status"].update(updateRevision="new")
    pods = [pod(db, ready=not state, status={"state": state} if state else None) for state in states]
    for number, one in enumerate(pods):
        one["metadata"]["name"] = f"db-{number}"
        one["metadata"]["labels"] = {"app": "db", "controller-revision-hash": "new"}
    return [db, *pods]


WAITING = {"waiting": {"reason": "ImagePullBackOff"}}


@pytest.mark.parametrize(
    ("objects", "steps"),
    [
        (database({}, WAITING), [("scale", 1), ("patch", 3)]),
        (database(WAITING), [("scale", 0), ("patch", 3)]),
        (database({}, {}, {}), [("patch", None)]),
        (database(WAITING, podManagementPolicy="Parallel"), [("patch", None)]),
        (database(WAITING, persistentVolumeClaimRetentionPolicy={"whenScaled": "Delete"}), [("patch", None)]),
    ],
)
def test_a_statefulset_lets_its_broken_pod_go_before_it_changes(objects, steps):
    change = Patch(summary="set the image", ref=ref_of(objects[0]), verb="set image", patch=IMAGE)
    made_of = unblocked(snapshot(*objects), change)
    told = [(one.kind, one.replicas if one.kind == "scale" else one.patch["spec"].get("replicas")) for one in made_of]
    assert told == steps


def test_a_pod_of_a_former_template_is_the_one_cause():
    objects = database(WAITING)
    objects[1]["metadata"]["labels"]["controller-revision-hash"] = "old"
    objects[1]["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": "x"}}
    (one,) = found(snapshot(*objects))
    assert (one.id, one.fixes[0].changes[0].kind) == ("SM-STATEFULSET-OLD-POD", "delete")
    objects[0]["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    assert ids(snapshot(*objects)) != ["SM-STATEFULSET-OLD-POD"]


def test_a_gate_that_nobody_sets():
    web = workload("web", readinessGates=[{"conditionType": "a.test/in"}])
    one = pod(web, ready=False)
    one["spec"]["readinessGates"] = [{"conditionType": "a.test/in"}]
    state = {"type": "ContainersReady", "status": "True", "lastTransitionTime": "2026-03-10T11:00:00Z"}
    one["status"]["conditions"] = [{"type": "Ready", "status": "False"}, state]
    (finding,) = found(snapshot(web, one))
    assert finding.id == "SM-READINESS-GATE"
    state["lastTransitionTime"] = JUST_NOW
    assert ids(snapshot(web, one)) == []


@pytest.mark.parametrize(
    ("wanted", "labels", "severity", "put"),
    [
        ({"pool": "workres"}, {"pool": "workers"}, "warning", {"pool": "workers"}),
        ({"dsk": "ssd"}, {"disk": "ssd"}, "warning", {"dsk": None, "disk": "ssd"}),
        ({"kubernetes.io/arch": "arm64"}, {"kubernetes.io/arch": "amd64"}, "info", None),
        ({"gpu": "a100"}, {}, "info", None),
    ],
)
def test_a_daemonset_that_runs_nowhere(wanted, labels, severity, put):
    agent = workload("agent", kind="DaemonSet", nodeSelector=wanted)
    agent["status"] = {"observedGeneration": 1, "desiredNumberScheduled": 0}
    (one,) = found(snapshot(agent, node(metadata={"labels": labels})))
    assert (one.id, one.severity) == ("SM-DAEMONSET-NO-NODES", severity)
    fix = one.fixes[0]
    if put:
        assert fix.changes[0].patch["spec"]["template"]["spec"]["nodeSelector"] == put
    else:
        assert fix.asks
        assert "node-1" in fix.asks.options


def test_two_autoscalers_become_one():
    web = workload("web", container(resources={"requests": {"cpu": "1"}}))
    scalers = [
        made("HorizontalPodAutoscaler", name, "autoscaling/v2", spec={
            "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3,
            "metrics": [{"type": "Resource", "resource": {"name": what}}],
        }) for name, what in (("web", "cpu"), ("web-memory", "memory"))
    ]  # fmt: skip
    (one,) = found(snapshot(web, pod(web), *scalers))
    assert one.id == "SM-HPA-TWICE"
    join, away = one.fixes[0].changes
    assert [metric["resource"]["name"] for metric in join.patch["spec"]["metrics"]] == ["cpu", "memory"]
    assert (away.kind, away.ref.name) == ("delete", "web-memory")


def test_a_budget_of_nobody():
    web = workload("web", replicas=2)
    slip = made("PodDisruptionBudget", "web", "policy/v1", spec={"selector": {"matchLabels": {"app": "wbe"}}},
                status={"expectedPods": 0, "observedGeneration": 1})  # fmt: skip
    (one,) = found(snapshot(web, pod(web), pod(web), slip))
    assert one.id == "SM-BUDGET-NOBODY"
    assert one.fixes[0].changes[0].patch["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    slip["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    assert ids(snapshot(web, pod(web), pod(web), slip)) == []


def test_the_port_of_a_headless_service():
    grpc, caller = workload("grpc"), workload("caller", container(env=env(GRPC_URL="http://grpc:80")))
    line = service("grpc", "grpc")
    line["spec"].update(clusterIP="None", ports=[{"port": 80, "targetPort": 50051}])
    objects = [grpc, pod(grpc), caller, pod(caller), line]
    (one,) = found(snapshot(*objects))
    assert (one.id, one.subject.name) == ("SM-SERVICE-HEADLESS-PORT", "grpc")
    line["spec"]["clusterIP"] = "10.0.0.9"
    assert ids(snapshot(*objects)) == []


@pytest.mark.parametrize(
    ("path", "kind", "right"),
    [
        ("/api(/|$)(.*)", "Prefix", "/api"),
        ("/*", "Exact", "/"),
        ("/api(/|$)(.*)", "ImplementationSpecific", ""),
        ("/v1.0/a-b_c~d", "Prefix", ""),
    ],
)
def test_paths_that_are_expressions(path, kind, right):
    web = workload("web")
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": "a.test", "http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}}
    gate = made("Ingress", "gate", "networking.k8s.io/v1", spec={"ingressClassName": "t", "rules": [rule]})
    classes = made("IngressClass", "t", "networking.k8s.io/v1", namespace=None, spec={"controller": "a.test/t"})
    seen = found(snapshot(web, pod(web), service("web", "web"), gate, classes))
    assert [(one.id, one.fixes[0].changes[0].patch[0]["value"]) for one in seen] == (
        [("SM-INGRESS-PATH", right)] if right else []
    )


def test_a_cron_job_whose_runs_stop_each_other():
    item = made("CronJob", "index", "batch/v1", status={"lastScheduleTime": "2026-03-10T12:00:00Z"},
                spec={"schedule": "* * * * *", "concurrencyPolicy": "Replace", "jobTemplate": {}})  # fmt: skip
    told = event(item, "SuccessfulDelete", "Deleted job index-1", count=3)
    told["firstTimestamp"] = "2026-03-10T11:58:00Z"
    (one,) = found(snapshot(item, told))
    assert (one.id, one.fixes[0].changes[0].patch) == ("SM-CRON-OVERLAP", {"spec": {"concurrencyPolicy": "Forbid"}})
    item["status"]["lastSuccessfulTime"] = "2026-03-10T11:59:30Z"
    assert ids(snapshot(item, told)) == []


def test_a_stopped_job_is_made_again_with_a_longer_deadline():
    failed = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}
    labels = {"controller-uid": "u", "app": "report"}
    job = made("Job", "report", "batch/v1", status={"conditions": [failed]},
               spec={"activeDeadlineSeconds": 5, "selector": {"matchLabels": {"controller-uid": "u"}},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [container()]}}})  # fmt: skip
    (one,) = found(snapshot(job))
    away, again = one.fixes[0].changes
    assert (one.id, away.kind, one.fixes[0].asks.form) == ("SM-JOB-FAILED", "delete", "number")
    assert again.manifest["spec"]["template"]["metadata"]["labels"] == {"app": "report"}
    assert "selector" not in again.manifest["spec"]
    assert job["spec"]["template"]["metadata"]["labels"] == labels
