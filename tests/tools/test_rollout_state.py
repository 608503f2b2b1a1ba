"""How far objects are, and when waiting is in vain, read from their status."""

from datetime import UTC, datetime, timedelta

import pytest

from tools.kubernetes.rollout.hopeless import hopeless
from tools.kubernetes.rollout.rolling import bounds, coming
from tools.kubernetes.rollout.state import patience, state_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def deployment(replicas=3, generation=2, conditions=(), spec=None, **status):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": generation},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": []}}, **(spec or {})},
        "status": {"observedGeneration": 2, "conditions": list(conditions), **status},
    }


@pytest.mark.parametrize(
    ("obj", "done", "text"),
    [
        (deployment(generation=3), False, "waiting"),
        (deployment(updatedReplicas=1, replicas=3), False, "1 of 3 new replicas started"),
        (deployment(updatedReplicas=3), False, "0 of 3 replicas ready"),
        (deployment(replicas=0), True, "scaled to zero"),
    ],
)
def test_deployments_on_their_way(obj, done, text):
    state = state_of(obj)
    assert state.done is done
    assert text in state.text


@pytest.mark.parametrize(
    ("wanted", "updated", "total", "available", "done"),
    [(3, 3, 3, 3, True), (3, 3, 4, 3, False), (1, 3, 3, 3, False), (3, 3, 3, 2, False)],
)
def test_a_deployment_is_done_when_exactly_the_wanted_pods_are_ready(wanted, updated, total, available, done):
    obj = deployment(replicas=wanted)
    obj["status"] |= {"updatedReplicas": updated, "replicas": total, "availableReplicas": available}
    assert state_of(obj).done is done


def test_what_the_controller_reports_as_failed():
    quota = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    assert "quota" in state_of(deployment(conditions=[quota], updatedReplicas=1)).failed
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    assert "deadline" in state_of(deployment(conditions=[late], updatedReplicas=3)).failed
    assert state_of(deployment(spec={"paused": True})).done


def test_a_verdict_that_the_pods_disprove_does_not_count():
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    counts = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
    assert state_of(deployment(conditions=[late], **counts)).done


def test_other_kinds():
    stateful = {"kind": "StatefulSet", "metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": {
        "observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 1,
        "updateRevision": "b", "currentRevision": "a",
    }}  # fmt: skip
    assert state_of(stateful).text == "1 of 2 replicas replaced"
    stateful["status"] |= {"updatedReplicas": 2, "currentRevision": "b"}
    assert state_of(stateful).done
    job = {"kind": "Job", "spec": {}, "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "x"}]}}
    assert state_of(job).failed
    claim = {"kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}
    assert not state_of(claim).done
    custom = {"kind": "Thing", "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Building"}]}}
    assert state_of(custom).text == "Building"
    assert state_of({"kind": "ConfigMap"}).done


def test_patience_is_the_objects_own():
    assert patience(deployment(spec={"progressDeadlineSeconds": 42})) == 42
    probe = {"initialDelaySeconds": 10, "failureThreshold": 30, "periodSeconds": 10}
    template = {"spec": {"containers": [{"startupProbe": probe}]}}
    assert patience({"kind": "StatefulSet", "spec": {"template": template}}) > 310


def pod(seconds_old=1.0, waiting=None, restarts=0, conditions=(), deleting=False, terminated=None):
    meta = {"name": "p", "creationTimestamp": (NOW - timedelta(seconds=seconds_old)).isoformat()}
    if deleting:
        meta["deletionTimestamp"] = NOW.isoformat()
    state = {"waiting": waiting} if waiting else {"terminated": terminated} if terminated else {}
    status = {"name": "main", "image": "web:2", "restartCount": restarts, "state": state}
    return {"metadata": meta, "status": {"containerStatuses": [status], "conditions": list(conditions)}}


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (pod(waiting={"reason": "ErrImagePull", "message": "manifest unknown"}), "cannot be pulled"),
        (pod(waiting={"reason": "ErrImagePull", "message": "dial tcp: i/o timeout"}), ""),
        (pod(99, waiting={"reason": "ImagePullBackOff", "message": "dial tcp: i/o timeout"}), "cannot be pulled"),
        (pod(waiting={"reason": "CrashLoopBackOff"}, restarts=1), ""),
        (pod(waiting={"reason": "CrashLoopBackOff"}, restarts=2), "keeps crashing"),
        (pod(terminated={"exitCode": 1}, restarts=3), "keeps crashing"),
        (pod(1, waiting={"reason": "CreateContainerConfigError", "message": "secret not found"}), ""),
        (pod(9, waiting={"reason": "CreateContainerConfigError", "message": "secret not found"}), "cannot be made"),
        (pod(1, conditions=[UNSCHEDULABLE]), ""),
        (pod(9, conditions=[UNSCHEDULABLE]), "no node takes"),
        (pod(waiting={"reason": "ContainerCreating"}), ""),
    ],
)
def test_when_waiting_is_in_vain(found, says):
    text = hopeless([found], NOW)
    assert says in text if says else not text


def test_a_clock_that_is_off_gives_nobody_up_early_or_waits_for_ever():
    assert not hopeless([pod(3600, conditions=[UNSCHEDULABLE])], NOW, watched=1)
    assert hopeless([pod(3600, conditions=[UNSCHEDULABLE])], NOW, watched=9)
    assert hopeless([pod(-3600, conditions=[UNSCHEDULABLE])], NOW, watched=9)


def test_pods_that_stop_may_make_room():
    assert not hopeless([pod(9, conditions=[UNSCHEDULABLE]), pod(9, deleting=True)], NOW)


def test_pods_that_a_change_makes():
    live, after = deployment(replicas=2), deployment(replicas=5)
    assert coming(live, after)[:2] == (5, 3)
    after = deployment(replicas=4, spec={"template": {"spec": {"containers": [{"image": "x"}]}}})
    plan = coming(deployment(replicas=4), after)
    assert (plan.more, plan.surge, plan.replaced, plan.stuck) == (0, 1, 4, False)
    assert coming(None, deployment(replicas=3)).more == 3
    assert bounds(deployment(replicas=1)) == (1, 0)
    assert bounds(deployment(replicas=4, spec={"strategy": {"type": "Recreate"}})) == (0, 4)
