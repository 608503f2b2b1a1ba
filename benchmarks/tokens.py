"""`python -m benchmarks.tokens`: how much a model has to read to learn what is wrong in a namespace.

Ten workloads, one broken: Shipmate's diagnosis as a model is shown it, against what kubectl tells of the same.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from benchmarks.diagnose import KUBECTL
from tools.context import Context
from tools.kubernetes.diagnose import diagnose

_CONTEXT = "shipmate"
_AIM = 0.1
_CAUSE = "DATABASE_URL"
_WORKLOADS = 10
_HEALTHY = 'i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "GET /items/$i 200 $((i % 7)) ms"; done; exec sleep 3600'
_BROKEN = f"""echo 'starting on port 8080'; cat <<'END' >&2
Traceback (most recent call last):
  File "/app/main.py", line 12, in <module>
    url = os.environ["{_CAUSE}"]
  File "<frozen os>", line 717, in __getitem__
KeyError: '{_CAUSE}'
END
exit 1"""
# Pieces of about the size of a model's tokens: short parts of words, up to three digits, each sign, runs of spaces.
_TOKEN = re.compile(r"[^\W\d_]{1,6}|\d{1,3}|[^\w\s]|_|\s{2,}")


def main() -> int:
    with _namespace() as space:
        theirs = _kubectl_tells(space)
        ours = diagnose(Context(context=_CONTEXT, namespace=space), namespace=space).text
    shown, read = len(_TOKEN.findall(ours)), len(_TOKEN.findall(theirs))
    print(f"what a model is shown          {shown:7} tokens (about)")
    print(f"kubectl describe, events, logs {read:7} tokens (about)")
    named = _CAUSE in ours
    print(f"ratio                          {shown / read:7.3f}×  (aim: ≤ {_AIM}×); the cause is {_in(named)}")
    return 0 if named and shown <= _AIM * read else 1


def _in(named: bool) -> str:
    return "in it" if named else "NOT in it"


@contextmanager
def _namespace() -> Generator[str]:
    """A namespace with the ten workloads, as soon as the broken one has ended twice and the others run."""
    name = f"bench-{token_hex(3)}"
    _kubectl("create", "namespace", name)
    try:
        objects = [item for number in range(_WORKLOADS) for item in _workload(f"app-{number}", broken=number == 7)]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        _kubectl("-n", name, "create", "-f", "-", stdin=manifest)
        end = time.monotonic() + 300
        while not _as_wanted(name):
            if time.monotonic() > end:
                raise RuntimeError("the workloads did not get as far as they should")
            time.sleep(2)
        yield name
    finally:
        _kubectl("delete", "namespace", name, "--wait=false")


def _workload(name: str, broken: bool) -> list[dict[str, Any]]:
    labels = {"app": name}
    container = {
        "name": "main", "image": "debian:bookworm-slim", "command": ["sh", "-c", _BROKEN if broken else _HEALTHY],
        "ports": [{"containerPort": 8080}], "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
    }  # fmt: skip
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    ports = {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": ports},
    ]


def _as_wanted(space: str) -> bool:
    pods = json.loads(_kubectl("-n", space, "get", "pods", "-o", "json"))["items"]
    states = [status for pod in pods for status in pod["status"].get("containerStatuses") or ()]
    ready = sum(status["ready"] for status in states)
    return ready == _WORKLOADS - 1 and any(status["restartCount"] >= 2 for status in states)


def _kubectl_tells(space: str) -> str:
    """What a person would paste: every object described, the events, the end of each log."""
    names = _kubectl("-n", space, "get", "pods", "-o", "name").split()
    told = [
        _kubectl("-n", space, "describe", "deployments,pods,services"),
        _kubectl("-n", space, "get", "events"),
        *(_kubectl("-n", space, "logs", name, "--tail=100") for name in names),
    ]
    return "\n".join(told)


def _kubectl(*argv: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        (KUBECTL, "--context", _CONTEXT, *argv), input=stdin, text=True, capture_output=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
