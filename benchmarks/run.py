"""`make bench`: what Shipmate costs beside the bare interpreter, prompt_toolkit and kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from secrets import token_hex

from benchmarks.guard import per_change
from benchmarks.timing import Row, command, side_by_side, until_prompt
from tools.context import Context

CONTEXT = "shipmate"
PYTHON = sys.executable
SHIPMATE = str(Path(PYTHON).with_name("shipmate"))
_BARE_PROMPT = "from prompt_toolkit import PromptSession; PromptSession().prompt('› ')"

_WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: "{image}"}}]
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder  # the person's own journal is not for benchmarks
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled once, not at each start
        os.chdir(folder)
        report()
    return 0


def report() -> None:
    """Print each row as it is measured."""
    print(f"{'':44} {'shipmate':>10} {'other':>10} {'ratio':>8}   aim")
    for row in chain(start_up(), against_kubectl(), guarding()):
        print(row, flush=True)


def start_up() -> Iterator[Row]:
    """What a person waits for before anything happens."""
    bare, prompt = command(PYTHON, "-c", "pass"), until_prompt(PYTHON, "-c", _BARE_PROMPT)
    yield side_by_side("--version / python -c pass", command(SHIPMATE, "--version"), bare, "3×", 15)
    yield side_by_side("--help / python -c pass", command(SHIPMATE, "--help"), bare, "10×", 15)
    yield side_by_side("first prompt / bare prompt_toolkit", until_prompt(SHIPMATE), prompt, "")


def against_kubectl() -> Iterator[Row]:
    """A scale as dry run, and applied until it is healthy, on the built-in cluster."""
    kubectl = shutil.which("kubectl", path=f"{Context().cache / 'bin'}") or "kubectl"
    space = f"bench-{token_hex(3)}"
    base = (kubectl, "--context", CONTEXT, "-n", space)
    image = "registry.k8s.io/pause:3.10"
    command(kubectl, "--context", CONTEXT, "create", "namespace", space)()
    try:
        for name in ("web", "ours", "theirs"):
            manifest = _WORKLOAD.format(name=name, image=image)
            subprocess.run((*base, "create", "-f", "-"), input=manifest, text=True, check=True, capture_output=True)
            command(*base, "rollout", "status", f"deployment/{name}")()
        yield side_by_side(
            "ask, dry run / kubectl scale --dry-run=server",
            command(SHIPMATE, "--context", CONTEXT, "-n", space, "ask", "scale deployment web to 3"),
            command(*base, "scale", "deployment/web", "--replicas=3", "--dry-run=server"),
            "2× + 0.5 s",
        )
        yield _applied(base, space)
    finally:
        command(kubectl, "--context", CONTEXT, "delete", "namespace", space, "--wait=false")()


def guarding() -> Iterator[Row]:
    """What plan, grant, journal and checks cost beside the API server's own work."""
    kubectl = shutil.which("kubectl", path=f"{Context().cache / 'bin'}") or "kubectl"
    space = f"bench-{token_hex(3)}"
    base = (kubectl, "--context", CONTEXT)
    command(*base, "create", "namespace", space)()
    try:
        command(*base, "-n", space, "create", "configmap", "notes", "--from-literal=n=none")()
        yield from per_change(CONTEXT, space)
    finally:
        command(*base, "delete", "namespace", space, "--wait=false")()


def _applied(base: tuple[str, ...], space: str) -> Row:
    """Each side scales a workload of its own, one up and one down in turn."""
    counts = {"ours": 1, "theirs": 1}

    def next_count(side: str) -> int:
        counts[side] = 3 - counts[side]
        return counts[side]

    def ours() -> None:
        request = f"scale deployment ours to {next_count('ours')}"
        command(SHIPMATE, "--context", CONTEXT, "-n", space, "ask", "--yes", request)()

    def theirs() -> None:
        command(*base, "scale", "deployment/theirs", f"--replicas={next_count('theirs')}")()
        command(*base, "rollout", "status", "deployment/theirs")()

    return side_by_side("ask --yes / kubectl scale && rollout status", ours, theirs, "1.2× + 0.5 s")


if __name__ == "__main__":
    sys.exit(main())
