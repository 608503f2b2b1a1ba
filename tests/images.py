"""Images that tests leave in the engine, taken away again."""

from __future__ import annotations

import subprocess


def remove_images(name: str) -> None:
    """Take every tag of this repository from the engine, also under the names of the registries it went to."""
    listing = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter"]
    for where in ("", "*/"):
        for tag in _docker(*listing, f"reference={where}{name}").split():
            _docker("image", "rm", "--force", tag)


def _docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True).stdout
