"""Fields of existing objects changed as a sentence says, on the real API server: the dry run takes it, and it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation
from agent.minds.planner.reading.facts import ContextFacts
from tests.cluster.driving import apply as apply_change
from tests.cluster.driving import carry_out, invert, only, preview
from tools.catalog import by_name
from tools.change import Change, Proposal
from tools.context import Context
from tools.preview import Applied

pytestmark = pytest.mark.cluster

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: registry.k8s.io/pause:3.10
        ports: [{containerPort: 80}]
        livenessProbe: {tcpSocket: {port: 80}}
        resources: {requests: {memory: 16Mi}, limits: {memory: 32Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web, version: blue}, ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: 0 3 * * *
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: registry.k8s.io/pause:3.10}]
"""
SENTENCES = (
    "add a liveness probe on /healthz port 8000 to web",
    "add port 9090 to web",
    "add a toleration for gpu=true:NoSchedule to web",
    "make web run as non-root",
    "use a rolling update without downtime for web",
    "double the memory of web",
    "let service web point to port 8080",
    "switch service web to version=green",
    "add port 9090 to service web",
    "suspend the cronjob nightly",
    "change the schedule of cronjob nightly to every hour",
)


def live(ctx: Context, kind: str, name: str) -> dict[str, Any]:
    return ctx.cluster.read(ctx.cluster.kinds.resolve(kind).ref(name, ctx.namespace))


def proposed(ctx: Context, sentence: str) -> Proposal:
    meaning = interpret(sentence, ContextFacts(ctx))
    assert isinstance(meaning, Interpretation), meaning
    (step,) = meaning.calls
    proposal = by_name()[step.tool].run(ctx, step.arguments)
    assert isinstance(proposal, Proposal)
    return proposal


def test_sentences_change_what_they_say_and_the_last_is_taken_back(ctx: Context, apply: Callable[[str], None]) -> None:
    apply(OBJECTS)
    done: list[tuple[Change, Applied]] = []
    for sentence in SENTENCES:
        change = only(proposed(ctx, sentence))
        done.append((change, carry_out(ctx, change).applied))
    spec = live(ctx, "deployments", "web")["spec"]
    (main,) = spec["template"]["spec"]["containers"]
    assert main["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert "tcpSocket" not in main["livenessProbe"]
    assert {port["containerPort"] for port in main["ports"]} == {80, 9090}
    assert main["resources"] == {"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    assert main["securityContext"]["runAsNonRoot"] is True
    assert spec["template"]["spec"]["tolerations"][0]["key"] == "gpu"
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    service = live(ctx, "services", "web")["spec"]
    assert service["selector"] == {"app": "web", "version": "green"}
    assert {port["port"]: port["targetPort"] for port in service["ports"]} == {80: 8080, 9090: 9090}
    assert live(ctx, "cronjobs", "nightly")["spec"]["schedule"] == "0 * * * *"
    for change in invert(ctx, *done[-1]).changes:
        apply_change(ctx, change, preview(ctx, change))
    assert live(ctx, "cronjobs", "nightly")["spec"]["schedule"] == "0 3 * * *"
