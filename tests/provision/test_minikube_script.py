"""deploy/minikube-setup.sh explains itself and stops before doing anything it cannot do."""

import subprocess
from pathlib import Path

from tools.data import data_root

SCRIPT = data_root() / "deploy" / "minikube-setup.sh"


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path} if path else None
    return subprocess.run(
        ["/bin/bash", str(SCRIPT), *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_it_explains_itself() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "--profile NAME" in done.stdout


def test_an_unknown_option_and_a_missing_program_are_said(tmp_path: Path) -> None:
    assert "unknown option --bogus" in run("--bogus").stderr
    missing = run(path=str(tmp_path))
    assert missing.returncode == 2
    assert "docker is not installed" in missing.stderr
