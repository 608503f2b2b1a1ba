"""What only looks like a fault: on its way, done, resting on purpose, slow to start."""

from __future__ import annotations

from tests.tools.kubernetes.diagnose_rules.made import (
    JUST_NOW,
    container,
    env,
    event,
    ids,
    made,
    namespace,
    node,
    pod,
    service,
    snapshot,
    workload,
)


def test_a_whole_shop_that_is_well():
    front = workload("front", container(ports=[{"containerPort": 80}], env=env(BACK_URL="http://back")), replicas=2)
    back = workload("back", container(ports=[{"containerPort": 80}]))
    services = [service("front", "front"), service("back", "back")]
    objects = [namespace(), node(), front, pod(front), pod(front), back, pod(back), *services]
    assert ids(snapshot(*objects)) == []
    assert ids(snapshot(*objects, namespace=None)) == []


def test_a_rollout_on_its_way():
    web = workload("web", replicas=3)
    web["status"].update(updatedReplicas=1, availableReplicas=2)
    new = pod(web, ready=False, phase="Pending", status={"state": {"waiting": {"reason": "ContainerCreating"}}})
    new["metadata"]["creationTimestamp"] = JUST_NOW
    assert ids(snapshot(web, pod(web), pod(web), new, service("web", "web"))) == []


def test_scaled_to_zero_on_purpose():
    web = workload("web", replicas=0)
    assert ids(snapshot(web, service("web", "web"))) == []


def test_a_job_that_is_done():
    done = [{"type": "Complete", "status": "True"}]
    job = made("Job", "report", "batch/v1", spec={"template": {"spec": {"containers": [container()]}}},
               status={"succeeded": 1, "conditions": done})  # fmt: skip
    ended = {"state": {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": JUST_NOW}}, "ready": False}
    assert ids(snapshot(job, pod(job, ready=False, phase="Succeeded", status=ended))) == []


def test_a_slow_start_within_its_startup_probe():
    probe = {"httpGet": {"port": 80}, "periodSeconds": 10, "failureThreshold": 60}
    web = workload("web", container(startupProbe=probe, readinessProbe={"httpGet": {"port": 80}}))
    slow = pod(web, ready=False, status={"started": False, "state": {"running": {"startedAt": JUST_NOW}}})
    told = event(slow, "Unhealthy", "Startup probe failed: connection refused", count=4)
    assert ids(snapshot(web, slow, told)) == []


def test_one_restart_long_ago():
    web = workload("web")
    past = {"restartCount": 1, "lastState": {"terminated": {"exitCode": 137, "finishedAt": "2026-03-10T09:10:00Z"}}}
    assert ids(snapshot(web, pod(web, status=past))) == []
