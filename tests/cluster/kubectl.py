"""kubectl for tests of the cluster itself: no door of Shipmate's is what is looked at here."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

from tools.provision.folders import cache_folder

NON_ROOT_WRITER = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: writer}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: writer}}
  template:
    metadata: {labels: {app: writer}}
    spec:
      securityContext: {runAsNonRoot: true, runAsUser: 4711}
      terminationGracePeriodSeconds: 0
      containers:
        - name: c
          image: debian:bookworm-slim
          command: [bash, -c, "echo started >> /data/log && exec sleep infinity"]
          securityContext: {readOnlyRootFilesystem: true}
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
"""


class Kubectl:
    """kubectl on one context, and in one namespace."""

    def __init__(self, context: str, namespace: str = "default") -> None:
        self._start = [str(cache_folder("bin") / "kubectl"), "--context", context, "--namespace", namespace]

    def __call__(self, *argv: str, stdin: str = "") -> str:
        """Standard output; raises AssertionError with the error output when it fails."""
        result = subprocess.run([*self._start, *argv], input=stdin, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def attempt(self, *argv: str) -> str:
        """Standard output, empty where it fails: for questions that are asked until they have an answer."""
        result = subprocess.run([*self._start, *argv], capture_output=True, text=True, check=False)
        return result.stdout if result.returncode == 0 else ""

    def data(self, *argv: str) -> dict[str, Any]:
        """What is printed as JSON."""
        return json.loads(self(*argv, "-o", "json"))

    def apply(self, text: str) -> None:
        """Apply YAML documents."""
        self("apply", "-f", "-", stdin=text)

    def rolled_out(self, name: str) -> None:
        """Wait until a Deployment's rollout is complete."""
        self("rollout", "status", f"deployment/{name}", "--timeout=120s")


def until(what: str, true: Callable[[], object], limit: float = 120.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + limit
    while not true():
        assert time.monotonic() < end, f"{what}: not within {limit:.0f} s"
        time.sleep(0.3)
