"""What is said about the well-known kinds."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.tools.kubernetes.api_server import ApiServer, refusal
from tools.catalog import Result, by_name
from tools.context import Context
from tools.kubernetes.look.describe_kinds import SPECIALISTS

TEMPLATE = """
      template:
        spec:
          serviceAccountName: bot
          nodeSelector: {disk: ssd}
          initContainers: [{name: prepare, image: "busybox:1"}]
          containers:
          - name: main
            image: app:1
            args: [serve]
            ports: [{containerPort: 80}]
            envFrom: [{secretRef: {name: login}}, {configMapRef: {name: conf}}]
            env:
            - {name: A, valueFrom: {secretKeyRef: {name: login, key: a}}}
            - {name: B, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
            livenessProbe: {tcpSocket: {port: 80}}
            readinessProbe: {grpc: {port: 80}, periodSeconds: 3}
            startupProbe: {exec: {command: [/bin/true]}}
            volumeMounts: [{name: data, mountPath: /data}]
          volumes: [{name: data, persistentVolumeClaim: {claimName: disk}}]
"""
CASES = {
    "StatefulSet": (
        f"""
    kind: StatefulSet
    spec:
      replicas: 3
      serviceName: db
      updateStrategy: {{type: RollingUpdate, rollingUpdate: {{partition: 1}}}}
      selector: {{matchLabels: {{app: db}}, matchExpressions: [{{key: tier, operator: In, values: [a, b]}}]}}
      volumeClaimTemplates:
      - {{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}}}
      {TEMPLATE.strip()}
    status: {{readyReplicas: 2, updatedReplicas: 3}}
    """,
        [
            "Replicas: 3 wanted, 2 ready, 3 up to date",
            "Selector: app=db,tier in (a,b)",
            "partition 1",
            "Service: db",
            "Volume claim data: 1Gi, ReadWriteOnce, class (default)",
            "Service account: bot",
            "Node selector: disk=ssd",
            "Init container prepare:",
            "Environment: all of secret login",
            "A=<key a of secret login>",
            "B=<status.podIP>",
            "Liveness probe: connect to port 80",
            "Readiness probe: gRPC on port 80, every 3s",
            "Startup probe: run /bin/true",
            "Resources: no requests, no limits",
            "Volumes: data (persistentVolumeClaim disk)",
        ],
    ),
    "DaemonSet": (
        f"""
    kind: DaemonSet
    spec:
      selector: {{matchLabels: {{app: db}}}}
      {TEMPLATE.strip()}
    status: {{desiredNumberScheduled: 4, numberReady: 3, updatedNumberScheduled: 4}}
    """,
        ["Replicas: 4 wanted, 3 ready, 4 up to date"],
    ),
    "Job": (
        f"""
    kind: Job
    spec:
      completions: 2
      {TEMPLATE.strip()}
    status: {{succeeded: 1, failed: 3}}
    """,
        ["Pods wanted: 2; 1 succeeded, 3 failed, 0 running; gives up after 6 failures"],
    ),
    "CronJob": (
        "{kind: CronJob, spec: {schedule: '0 3 * * *', suspend: true, "
        "jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: x}]}}}}}}",
        ["Schedule: 0 3 * * * (suspended), last run never", "Image: x"],
    ),
    "Service": (
        "{kind: Service, spec: {type: NodePort, clusterIP: 10.0.0.1, selector: {app: web}, "
        "ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]}, "
        "status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}}",
        ["Type: NodePort", "http 80 → 8080/TCP (node port 30080)", "Selector: app=web", "Load balancer: 1.2.3.4"],
    ),
    "Ingress": (
        "{kind: Ingress, spec: {ingressClassName: traefik, tls: [{hosts: [a.b], secretName: t}], rules: [{host: a.b, "
        "http: {paths: [{path: /x, backend: {service: {name: web, port: {number: 80}}}}]}}]}}",
        ["Class: traefik", "Rule: a.b/x → web:80", "TLS: a.b with secret t"],
    ),
    "HorizontalPodAutoscaler": (
        "{kind: HorizontalPodAutoscaler, spec: {scaleTargetRef: {kind: Deployment, name: web}, "
        "maxReplicas: 5, metrics: ["
        "{type: Resource, resource: {name: cpu, target: {averageUtilization: 80}}}, "
        "{type: Pods, pods: {metric: {name: rps}, target: {averageValue: 10}}}]}, "
        "status: {currentReplicas: 2, desiredReplicas: 3, currentMetrics: ["
        "{type: Resource, resource: {name: cpu, current: {averageUtilization: 95}}}]}}",
        ["Target: deployment/web", "Replicas: 1 to 5, now 2, wanted 3", "cpu at 95% of 80%", "rps at unknown of 10"],
    ),
    "PersistentVolumeClaim": (
        "{kind: PersistentVolumeClaim, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}, "
        "status: {phase: Pending}}",
        ["Status: Pending, volume none yet, capacity none yet", "Asked for: 1Gi, ReadWriteOnce"],
    ),
    "ConfigMap": (
        '{kind: ConfigMap, data: {a: short, b: "one\\ntwo"}, binaryData: {c: eA==}}',
        ["a: short", "b: one … (2 lines)", "c: (binary)"],
    ),
    "Role": (
        "{kind: Role, rules: [{apiGroups: ['', apps], resources: [pods, deployments], verbs: [get, list]}]}",
        ["Allows: get, list on pods, deployments of core, apps"],
    ),
    "Pod": (
        "{kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: x}], "
        "initContainers: [{name: i, image: y}]}, "
        "status: {phase: Running, containerStatuses: [{name: c, restartCount: 4, state: {waiting: "
        "{reason: CrashLoopBackOff, message: back-off 40s}}, "
        "lastState: {terminated: {reason: OOMKilled, exitCode: 137, "
        "finishedAt: '2026-01-01T00:00:00Z'}}}], "
        "initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}]}}",
        [
            "Status: CrashLoopBackOff",
            "Container c: waiting: CrashLoopBackOff, 4 restarts",
            "back-off 40s",
            "OOMKilled (exit 137",
        ],
    ),
}


@pytest.mark.parametrize("kind", list(CASES))
def test_what_matters_is_said(kind: str) -> None:
    manifest, expected = CASES[kind]
    lines = "\n".join(SPECIALISTS[kind](yaml.safe_load(manifest)))
    for words in expected:
        assert words in lines, lines


def _deployment() -> dict[str, Any]:
    return {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "d1",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["example.com/keep"],
            "annotations": {"meta.helm.sh/release-name": "shop"},
            "ownerReferences": [{"kind": "App", "name": "shop"}],
        },
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"spec": {"containers": [{"name": "c"}]}}},
    }


def test_an_object_that_waits_to_go_and_events_that_may_not_be_read(fake_ctx: Context, api: ApiServer) -> None:
    api.script |= {
        "GET /apis/apps/v1/namespaces/shop/deployments/web": _deployment(),
        "GET /api/v1/namespaces/shop/pods": {"items": []},
        "GET /api/v1/namespaces/shop/events": refusal(403, "Forbidden", 'User "x" cannot list resource "events"'),
    }
    result = by_name()["describe"].run(fake_ctx, {"kind": "deploy", "name": "web"})
    assert isinstance(result, Result)
    assert "waits for example.com/keep" in result.text
    assert "Owner: app/shop, Helm release shop" in result.text
    assert "Pods: none." in result.text
    assert "Events: this user may not read them." in result.text


def test_a_custom_kind_is_told_field_by_field_up_to_a_limit(fake_ctx: Context, api: ApiServer) -> None:
    spec = {"drawer": {"coins": [1, 2], "notes": [{"of": 5}]}, **{f"f{n}": n for n in range(80)}}
    api.script |= {
        "GET /apis/shop.example.com/v1beta1/namespaces/shop/cashregisters/one": {
            "metadata": {"name": "one", "namespace": "shop", "uid": "u"},
            "spec": spec,
        },
        "GET /api/v1/namespaces/shop/events": {"items": []},
    }
    result = by_name()["describe"].run(fake_ctx, {"kind": "till", "name": "one"})
    assert isinstance(result, Result)
    assert "spec.drawer.coins: 1, 2" in result.text
    assert "spec.drawer.notes[0].of: 5" in result.text
    assert "more fields (get_object shows all)" in result.text
