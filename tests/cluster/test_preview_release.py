"""What the preview of a Helm change tells before the yes: what stays and goes, hooks, rights, immutable fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.driving import carry_out, only, preview
from tests.cluster.test_preview import allow, as_user, label_namespace, says, workload
from tools.change import HelmRelease
from tools.context import Context
from tools.helm.changes import helm_install, helm_uninstall, helm_upgrade

Put = Callable[[str], None]

VALUES = "replicas: 0\ntier: front\nhook: false\nopened: false\n"
TEMPLATE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: b}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {tier: {{ .Values.tier }}}}
  template:
    metadata: {labels: {tier: {{ .Values.tier }}}}
    spec:
      containers: [{name: main, image: registry.k8s.io/pause:3.10, envFrom: [{configMapRef: {name: conf}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {tier: front}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 0
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: main, image: registry.k8s.io/pause:3.10}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
{{- range $name, $policy := dict "files" "delete" "archive" "keep" }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: {{ $name }}, annotations: {helm.sh/resource-policy: {{ $policy }}}}
spec: {storageClassName: "", accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
{{- end }}
{{- if .Values.opened }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
{{- end }}
{{- if .Values.hook }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: registry.k8s.io/pause:3.10}]}
{{- end }}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    root = tmp_path / "chart"
    (root / "templates").mkdir(parents=True)
    (root / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (root / "values.yaml").write_text(VALUES)
    (root / "templates" / "all.yaml").write_text(TEMPLATE)
    return root


def install(ctx: Context, **values: Any) -> HelmRelease:
    change = only(helm_install(ctx, release="shop", chart="chart", values=values))
    assert isinstance(change, HelmRelease)
    return change


def test_a_release_says_what_stays_what_goes_and_what_cannot_be(ctx: Context, chart: Path, apply: Put):
    done = carry_out(ctx, install(ctx))
    assert not says(done.preview.warnings, "no config map"), "the release brings it"
    apply(workload(name="guest", main="envFrom: [{configMapRef: {name: conf}}]"))
    claim = "{accessModes: [ReadWriteOnce], storageClassName: '', resources: {requests: {storage: 1Mi}}}"
    apply(f"apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data-db-0}}\nspec: {claim}")

    told = preview(ctx, only(helm_uninstall(ctx, release="shop"))).warnings
    assert says(told, "statefulset db", "claims stay", "data-db-0"), told
    assert says(told, "persistentvolumeclaim files", "holds no data yet"), told
    assert says(told, "Stays in the cluster", "archive"), told
    assert says(told, "configmap conf", "deployment/guest"), told
    assert not says(told, "deployment/web"), "it goes as well"
    assert not says(told, "no endpoints"), "the service goes as well"

    change = only(helm_upgrade(ctx, release="shop", chart="chart", values={"tier": "back"}))
    blockers = preview(ctx, change).blockers
    assert says(blockers, "deployment web", "spec.selector of an existing Deployment", "create it again"), blockers

    label_namespace(ctx, enforce="restricted")
    (chart / "templates" / "all.yaml").write_text(TEMPLATE.replace("tier: {{ .Values.tier }}}}}", "tier: front}}}"))
    change = only(helm_upgrade(ctx, release="shop", chart="chart", values={"hook": True, "opened": True}))
    seen = preview(ctx, change)
    assert says(seen.warnings, "Runs job migrate", "hook")
    assert says(seen.blockers, "job migrate", "Pod security level restricted"), seen.blockers
    assert not says(seen.warnings, "leads to service"), "the service is there"


def test_who_may_not_keep_helms_records_learns_it_before_the_yes(ctx: Context, chart: Path, apply: Put, tmp_path: Path):
    rules = (
        "[{apiGroups: ['', apps, batch, policy, autoscaling, networking.k8s.io], resources: ['*'], "
        "verbs: [get, list, watch]}, {apiGroups: ['', apps], resources: [configmaps, services, deployments, "
        "statefulsets, persistentvolumeclaims], verbs: [create, patch]}]"
    )
    allow(apply, "deployer", rules)
    deployer = as_user(ctx, "deployer", tmp_path)
    seen = preview(deployer, install(deployer))
    assert says(seen.blockers, "deployer may not create or update secrets", "kubectl auth can-i"), seen
    assert all("secrets" in text for text in seen.blockers), seen.blockers
    assert says(seen.warnings, "right to create pods is missing"), seen.warnings
