"""What a finding offers to change is what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.kubernetes.diagnose_rules.made import (
    NOW,
    container,
    crashed,
    env,
    found,
    made,
    pod,
    service,
    snapshot,
    workload,
)
from tools.finding import Finding


def stuck(owner: dict[str, Any], reason: str, message: str) -> dict[str, Any]:
    """A pod whose container waits for something."""
    waiting = {"waiting": {"reason": reason, "message": message}}
    return pod(owner, ready=False, phase="Pending", status={"started": False, "state": waiting})


def told(about: dict[str, Any], reason: str, message: str, count: int = 5) -> dict[str, Any]:
    meta = about["metadata"]
    involved = {"kind": about["kind"], "name": meta["name"], "namespace": "shop", "uid": meta["uid"]}
    at = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    parts = {"involvedObject": involved, "reason": reason, "message": message, "count": count, "lastTimestamp": at}
    return made("Event", f"{meta['name']}-{reason}-{abs(hash(message))}", **parts)


def template_patch(finding: Finding) -> dict[str, Any]:
    """The pod spec that the best fix lays over the template."""
    return finding.fixes[0].changes[0].patch["spec"]["template"]["spec"]


def test_a_secret_by_the_name_that_was_meant_everywhere_it_is_used():
    login = made("Secret", "shop-login", data={"user": "c2hvcA=="})
    main = container(envFrom=[{"secretRef": {"name": "shop-logn"}}, {"configMapRef": {"name": "other"}}])
    owner = workload("web", main, volumes=[{"name": "v", "secret": {"secretName": "shop-logn"}}])
    one = stuck(owner, "CreateContainerConfigError", 'secret "shop-logn" not found')
    (finding,) = found(snapshot(login, owner, one))
    patch = template_patch(finding)
    assert patch["containers"][0]["envFrom"][0] == {"secretRef": {"name": "shop-login"}}
    assert len(patch["containers"][0]["envFrom"]) == 2
    assert patch["volumes"] == [{"name": "v", "secret": {"secretName": "shop-login"}}]


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_a_key_that_is_spelt_almost_so(kind):
    reference = {"name": "login", "key": "passwrod"}
    source = {"secretKeyRef" if kind == "Secret" else "configMapKeyRef": reference}
    owner = workload("web", container(env=[{"name": "PASSWORD", "valueFrom": source}]))
    message = f"couldn't find key passwrod in {kind} shop/login"
    one = stuck(owner, "CreateContainerConfigError", message)
    (finding,) = found(snapshot(made(kind, "login", data={"password": "eA==", "user": "eA=="}), owner, one))
    assert finding.id == "SM-CONFIG-KEY"
    (entry,) = template_patch(finding)["containers"][0]["env"]
    assert next(iter(entry["valueFrom"].values())) == {"name": "login", "key": "password"}


def test_no_key_is_guessed_where_none_is_alike():
    source = {"secretKeyRef": {"name": "login", "key": "certificate"}}
    owner = workload("web", container(env=[{"name": "PASSWORD", "valueFrom": source}]))
    one = stuck(owner, "CreateContainerConfigError", "couldn't find key certificate in Secret shop/login")
    (finding,) = found(snapshot(made("Secret", "login", data={"password": "eA=="}), owner, one))
    assert not any(fix.changes for fix in finding.fixes)


def test_a_read_only_folder_gets_a_volume_of_its_own():
    safe = container(securityContext={"readOnlyRootFilesystem": True})
    owner = workload("web", safe)
    one = pod(owner, ready=False, status=crashed())
    log = {f"{one['metadata']['name']}/main/previous": "OSError: [Errno 30] Read-only file system: '/var/cache/page'"}
    (finding,) = found(snapshot(owner, one, logs=log))
    patch = template_patch(finding)
    (mount,) = patch["containers"][0]["volumeMounts"]
    assert mount["mountPath"] == "/var/cache"
    assert patch["volumes"] == [{"name": mount["name"], "emptyDir": {}}]


def test_a_script_of_a_volume_becomes_executable():
    main = container(command=["/app/run.sh"], volumeMounts=[{"name": "code", "mountPath": "/app"}])
    owner = workload("web", main, volumes=[{"name": "code", "configMap": {"name": "code"}}])
    ended = crashed(126, "StartError")
    ended["lastState"]["terminated"]["message"] = 'exec: "/app/run.sh": permission denied: unknown'
    (finding,) = found(snapshot(made("ConfigMap", "code"), owner, pod(owner, ready=False, status=ended)))
    assert template_patch(finding)["volumes"] == [{"name": "code", "configMap": {"defaultMode": 0o755}}]


def test_a_value_that_only_a_person_knows_is_asked_for():
    owner = workload("web", container())
    one = pod(owner, ready=False, status=crashed())
    log = {f"{one['metadata']['name']}/main/previous": "KeyError: 'API_URL'"}
    (finding,) = found(snapshot(owner, one, logs=log))
    asks = finding.fixes[0].asks
    assert asks is not None
    assert "API_URL" in asks.question


def test_the_value_of_a_secret_is_not_asked_for():
    owner = workload("web", container())
    one = pod(owner, ready=False, status=crashed())
    log = {f"{one['metadata']['name']}/main/previous": "KeyError: 'DB_PASSWORD'"}
    (finding,) = found(snapshot(owner, one, logs=log))
    assert not any(fix.asks for fix in finding.fixes)


def test_a_pod_that_asks_the_wrong_name_server():
    owner = workload("web", container(env=env(DB_HOST="db")), dnsPolicy="Default")
    one = pod(owner, ready=False, status=crashed())
    log = {f"{one['metadata']['name']}/main/previous": "socket.gaierror: [Errno -2] Name or service not known"}
    db = workload("db")
    (finding,) = found(snapshot(owner, one, db, pod(db), service("db", "db"), logs=log))
    assert finding.id == "SM-CRASH-DNS"
    assert template_patch(finding) == {"dnsPolicy": "ClusterFirst"}


PROBE = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 3}
REFUSED = "Liveness probe failed: dial tcp 10.0.0.9:8080: connect: connection refused"


@pytest.mark.parametrize(
    ("probe", "message", "patch"),
    [
        (
            {**PROBE, "httpGet": {"path": "/", "port": 9090}},
            REFUSED.replace("8080", "9090"),
            {"livenessProbe": {"httpGet": {"port": 8080}}},
        ),
        (
            PROBE,
            REFUSED,
            {"startupProbe": {"httpGet": PROBE["httpGet"], "periodSeconds": 1, "failureThreshold": 120}},
        ),
        (
            {**PROBE, "httpGet": {**PROBE["httpGet"], "scheme": "HTTPS"}},
            "Liveness probe failed: http: server gave HTTP response to HTTPS client",
            {"livenessProbe": {"httpGet": {"scheme": "HTTP"}}},
        ),
        (
            PROBE,
            "Liveness probe failed: context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            {"livenessProbe": {"timeoutSeconds": 5}},
        ),
    ],
)
def test_a_probe_is_corrected_where_the_container_tells_how(probe, message, patch):
    owner = workload("web", container(livenessProbe=probe, ports=[{"containerPort": 8080}]))
    one = pod(owner, ready=False, status=crashed(137))
    killing = told(one, "Killing", "Container main failed liveness probe, will be restarted")
    (finding,) = found(snapshot(owner, one, told(one, "Unhealthy", message), killing))
    assert finding.id == "SM-PROBE-LIVENESS"
    assert template_patch(finding)["containers"] == [{"name": "main", **patch}]


def test_a_probe_is_suspected_where_the_reports_are_gone():
    owner = workload("web", container(livenessProbe=PROBE, ports=[{"containerPort": 80}]))
    (finding,) = found(snapshot(owner, pod(owner, ready=False, status=crashed(137))))
    assert finding.id == "SM-PROBE-LIVENESS"
    assert finding.confidence == "likely"


def test_a_failing_hook_is_told_as_such():
    hook = {"postStart": {"exec": {"command": ["/usr/bin/register"]}}}
    owner = workload("web", container(lifecycle=hook))
    one = pod(owner, ready=False, status=crashed(137))
    (finding,) = found(snapshot(owner, one, told(one, "FailedPostStartHook", "exited with 126")))
    assert finding.id == "SM-HOOK-START"
    assert "/usr/bin/register" in finding.summary


def test_the_image_that_was_meant():
    node = made("Node", "n", namespace=None, spec={}, status={
        "images": [{"names": ["docker.io/library/python:3.13-slim"]}],
        "conditions": [{"type": "Ready", "status": "True"}],
    })  # fmt: skip
    for wrong in ("pyhton:3.13-slim", "python:3.13-slm"):
        owner = workload("web", container(image=wrong))
        one = stuck(owner, "ErrImagePull", f'failed to resolve reference "docker.io/library/{wrong}": not found')
        one["spec"]["nodeName"] = "n"
        (finding,) = found(snapshot(node, owner, one))
        assert finding.id == "SM-IMAGE-NOT-FOUND"
        assert template_patch(finding)["containers"][0]["image"] == "python:3.13-slim"
