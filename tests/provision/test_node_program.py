"""The program that is process 1 of a node has tests of its own, in Go."""

import os
import subprocess

from tools.progress import finish
from tools.provision.drivers import binaries


def test_the_node_program_passes_its_own_tests() -> None:
    go = finish(binaries.toolchain())
    folder = next(module.folder for module in binaries.MODULES if module.name == "node")
    for argv in ([go, "vet", "./..."], [go, "test", "./..."]):
        done = subprocess.run(
            argv, cwd=folder, env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
