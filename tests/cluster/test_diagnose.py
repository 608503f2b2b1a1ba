"""Diagnosis on a real kubelet: many faults at once, each told by its cause, and nothing else called a fault."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from tests.cluster.driving import carry_out
from tools.context import Context
from tools.finding import Finding
from tools.kubernetes.diagnose import diagnose
from tools.kubernetes.diagnose.run import check, fold
from tools.kubernetes.diagnose.snapshot import Snapshot

pytestmark = pytest.mark.cluster

PAUSE = "registry.k8s.io/pause:3.10"
PYTHON = "python:3.13-slim"
Put = Callable[[str], None]


@pytest.fixture(scope="module")
def python_image(cluster_uid: str) -> str:
    """The cluster's registry holds a Python image; pods pull it as python:3.13-slim."""
    try:
        urllib.request.urlopen("http://127.0.0.1:5001/v2/library/python/manifests/3.13-slim", timeout=10).close()
    except urllib.error.HTTPError:
        target = f"127.0.0.1:5001/library/{PYTHON}"
        for argv in (["tag", PYTHON, target], ["push", "-q", target], ["rmi", target]):
            subprocess.run(["docker", *argv], check=True, capture_output=True)
    return PYTHON


def workload(name: str, container: str, replicas: int = 1, pod: str = "") -> str:
    return f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      {pod}
      containers: [{{name: main, {container}}}]
"""


def service(name: str, selector: str, target: str = "80") -> str:
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {selector}}}, ports: [{{port: 80, targetPort: {target}}}]}}
"""


def python(code: str) -> str:
    return f'image: "{PYTHON}", command: [python, -c, {json.dumps(code)}]'


FAULTS = "".join((
    # A database whose image does not exist, its service, and a backend that cannot do without: one cause.
    workload("database", "image: 'debian:no-such-tag'"),
    service("database", "database"),
    workload("backend", python("raise SystemExit(\"could not connect to database:5432: Connection refused\")")),
    workload("greedy", python("x = bytearray(300_000_000); input()") + ", resources: {limits: {memory: 40Mi}}"),
    workload("wordless", f'image: "{PYTHON}", command: [/no/such/program]'),
    workload("secretless", f'image: "{PAUSE}", envFrom: [{{secretRef: {{name: missing-login}}}}]'),
    workload("keyless", f'image: "{PAUSE}", '
             "env: [{name: A, valueFrom: {configMapKeyRef: {name: known, key: nope}}}]"),
    workload("deaf", f'image: "{PAUSE}", ports: [{{containerPort: 80}}], '
             "livenessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 1, failureThreshold: 1}"),
    workload("huge", f'image: "{PAUSE}", resources: {{requests: {{cpu: "500"}}}}'),
    workload("picky", f'image: "{PAUSE}"', pod="nodeSelector: {disk: nonesuch}"),
    workload("buggy", python("d = {}\ndef pay(): return d[\"price\"]\npay()")),
    workload("unset", python("import os; os.environ[\"API_URL\"]")),
    workload("brief", python("print(\"all done\")")),
    workload("stored", f'image: "{PAUSE}"', pod="volumes: [{name: v, persistentVolumeClaim: {claimName: classless}}]"),
    # Services that reach nobody though their pods are well.
    workload("front", f'image: "{PAUSE}", ports: [{{name: http, containerPort: 8080}}]'),
    service("front", "fornt", "http"),
    service("front-named", "front", "web"),
    """
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: classless}
spec: {accessModes: [ReadWriteOnce], storageClassName: gold, resources: {requests: {storage: 1Mi}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: broken}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "python:3.13-slim", command: [python, -c, raise ValueError(42)]}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: aimless}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nothing}, maxReplicas: 3}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: way}
spec:
  rules:
  - host: faults.example.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: frond, port: {number: 80}}}}]}
""",
    # Not faults.
    workload("healthy", f'image: "{PAUSE}"'),
    service("healthy", "healthy"),
    workload("resting", f'image: "{PAUSE}"', replicas=0),
    service("resting", "resting"),
    """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: known}
data: {a: b}
---
apiVersion: batch/v1
kind: Job
metadata: {name: fine}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "python:3.13-slim", command: [python, -c, "print(1)"]}]
""",
))  # fmt: skip

EXPECTED = {
    ("SM-IMAGE-NOT-FOUND", "database"),
    ("SM-OOM", "greedy"),
    ("SM-CRASH-COMMAND", "wordless"),
    ("SM-CONFIG-MISSING", "secretless"),
    ("SM-CONFIG-KEY", "keyless"),
    ("SM-PROBE-LIVENESS", "deaf"),
    ("SM-PENDING-CPU", "huge"),
    ("SM-PENDING-SELECTOR", "picky"),
    ("SM-CRASH-EXCEPTION", "buggy"),
    ("SM-CRASH-VARIABLE", "unset"),
    ("SM-CRASH-FINISHED", "brief"),
    ("SM-CLAIM-CLASS", "classless"),
    ("SM-SERVICE-SELECTOR", "front"),
    ("SM-SERVICE-PORT", "front-named"),
    ("SM-JOB-FAILED", "broken"),
    ("SM-HPA-TARGET", "aimless"),
    ("SM-INGRESS-SERVICE", "way"),
}


def look(ctx: Context) -> list[Finding]:
    return [finding for finding, _ in fold(check(Snapshot(ctx, ctx.namespace)))]


def wait_for(ctx: Context, expected: set[tuple[str, str]], seconds: float = 150, chained: str = "") -> list[Finding]:
    """Look again until what is found is what is expected (`chained` in a chain of causes), or time is up."""
    ends = time.monotonic() + seconds
    while True:
        found = look(ctx)
        chains = " ".join(text for item in found for text in item.chain)
        done = {(item.id, item.subject.name) for item in found} == expected and chained in chains
        if done or time.monotonic() > ends:
            return found
        time.sleep(2)


def test_many_faults_at_once_each_by_its_cause(ctx: Context, apply: Put, python_image: str):
    apply(FAULTS)
    found = wait_for(ctx, EXPECTED, chained="Container main of deployment backend")
    assert {(item.id, item.subject.name) for item in found} == EXPECTED
    by_name = {item.subject.name: item for item in found}
    chain = " ".join(by_name["database"].chain)
    assert "backend" in chain
    assert "service database" in chain.lower()
    assert "40Mi" in by_name["greedy"].summary
    assert "missing-login" in by_name["secretless"].summary
    assert "API_URL" in by_name["unset"].summary
    assert "port 8080" in by_name["deaf"].summary
    assert "there is front" in by_name["way"].summary
    assert "KeyError" in by_name["buggy"].model_dump_json(), by_name["buggy"]
    told = diagnose(ctx, name="backend")
    assert "debian:no-such-tag" in told.text
    healthy = diagnose(ctx, name="healthy")
    assert healthy.text.startswith("Nothing is wrong"), healthy.text
    assert "1 of 1 replica ready" in healthy.text
    assert "Nothing is wrong" in diagnose(ctx, name="resting").text
    fix_and_look_again(ctx, by_name["deaf"], by_name["front"], by_name["greedy"])


def fix_and_look_again(ctx: Context, *findings: Finding) -> None:
    """What a finding offers as its first fix mends it."""
    for finding in findings:
        change = finding.fixes[0].changes[0]
        done = carry_out(ctx, change)
        assert not done.preview.blockers
    gone = {("SM-SERVICE-SELECTOR", "front")}
    left = {(item.id, item.subject.name) for item in wait_for(ctx, EXPECTED - gone, seconds=1)}
    assert gone.isdisjoint(left)


def test_quota_that_refuses_pods(ctx: Context, apply: Put):
    apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: two}\nspec: {hard: {pods: '2'}}")
    apply(workload("web", f'image: "{PAUSE}"', replicas=4))
    (found,) = wait_for(ctx, {("SM-QUOTA", "web")}, seconds=30)
    assert "2 of 4 pods" in found.summary
    assert "scale" in [change.kind for fix in found.fixes for change in fix.changes]


def test_a_rollout_on_its_way_is_no_fault(ctx: Context, apply: Put):
    apply(workload("slow", f'image: "{PAUSE}", readinessProbe: {{tcpSocket: {{port: 99}}, initialDelaySeconds: 60}}'))
    assert look(ctx) == []
    assert "Still on the way" in diagnose(ctx, namespace=ctx.namespace).text
