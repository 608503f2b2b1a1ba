"""The scripts in deploy/ explain themselves and stop at what they do not understand, before doing anything."""

import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DEPLOY / script, *arguments], capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("script", ["docker-build.sh", "helm-install.sh"])
def test_help(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: deploy/{script}")


@pytest.mark.parametrize(
    ("script", "arguments", "reason"),
    [
        ("docker-build.sh", ("database",), "unknown argument database"),
        ("docker-build.sh", ("--push",), "--push needs --registry"),
        ("helm-install.sh", ("--set", "a=b"), "options for helm go after --"),
    ],
)
def test_misuse(script: str, arguments: tuple[str, ...], reason: str) -> None:
    done = run(script, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
