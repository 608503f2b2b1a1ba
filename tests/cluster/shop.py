"""A small workspace with a chart, made anew for each test: its image is new, so nothing of it can be there already."""

from __future__ import annotations

import re
from pathlib import Path
from secrets import token_hex

from tests.images import remove_images

PAUSE = "registry.k8s.io/pause:3.10"

WORKSPACE = f"""
name: shop
chart: chart
components:
  frontend: {{image: "{PAUSE}", values: frontend, needs: [backend]}}
  backend: {{source: backend, image: shop-backend-%s, values: backend, needs: [store]}}
  store: {{image: "{PAUSE}", values: store}}
"""

VALUES = """
frontend: &component
  enabled: true
  replicaCount: 1
  image: {registry: "", repository: nowhere, tag: ""}
  resources: {requests: {cpu: 10m, memory: 16Mi}}
  env: {}
  autoscaling: {enabled: false, minReplicas: 1, maxReplicas: 2}
backend: *component
store:
  <<: *component
  auth: {password: "", existingSecret: ""}
"""

TEMPLATE = """
{{- range $name := list "frontend" "backend" "store" }}
{{- $values := index $.Values $name }}
{{- if $values.enabled }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $.Release.Name }}-{{ $name }}
  labels: {app.kubernetes.io/component: {{ $name }}, app.kubernetes.io/instance: {{ $.Release.Name }}}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicaCount }}
  {{- end }}
  progressDeadlineSeconds: 60
  selector: {matchLabels: {app: {{ $.Release.Name }}-{{ $name }}}}
  template:
    metadata: {labels: {app: {{ $.Release.Name }}-{{ $name }}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: main
          {{- $image := $values.image }}
          image: "{{ with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}:{{ $image.tag }}"
          resources: {{ toJson $values.resources }}
          env:
            {{- range $key, $value := $values.env }}
            - {name: {{ $key | quote }}, value: {{ $value | quote }}}
            {{- end }}
{{- if $values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: {{ $.Release.Name }}-{{ $name }}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $.Release.Name }}-{{ $name }}}
  minReplicas: {{ $values.autoscaling.minReplicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.store.enabled }}
---
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-store
  labels: {app.kubernetes.io/component: store, app.kubernetes.io/instance: {{ .Release.Name }}}
  annotations: {helm.sh/resource-policy: keep}
data:
  password: {{ .Values.store.auth.password | b64enc | quote }}
{{- end }}
"""

SCHEMA = """
{"properties": {"backend": {"properties": {"replicaCount": {"type": "integer", "minimum": 0}}}}}
"""


def make_shop(root: Path, command: str = "exec sleep infinity") -> Path:
    """Write the workspace; `command` is what the backend's container runs. Returns the root."""
    files = {
        "shipmate.yaml": WORKSPACE % token_hex(4),
        "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        "chart/values.yaml": VALUES,
        "chart/values.schema.json": SCHEMA,
        "chart/templates/all.yaml": TEMPLATE,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_source(root, command)
    return root


def write_source(root: Path, command: str) -> None:
    """Change the backend's source, so that a new image is needed."""
    folder = root / "backend"
    folder.mkdir(exist_ok=True)
    (folder / "version").write_text(token_hex(8))
    (folder / "Dockerfile").write_text(
        f'FROM debian:bookworm-slim\nCOPY version /version\nCMD ["bash", "-c", "{command}"]\n'
    )


def remove_built(root: Path) -> None:
    """Take from the engine what was built of this workspace."""
    match = re.search(r"shop-backend-\w+", (root / "shipmate.yaml").read_text())
    assert match
    remove_images(match.group())
