"""The Docker engine that built-in clusters and images need: found, started, installed."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tools.errors import Failed, Unreachable
from tools.progress import Progress, Steps
from tools.provision import command
from tools.provision.folders import cache_folder

_START_LIMIT = 60.0  # seconds for a fresh engine to answer
_ASK_FORMAT = "{{.ServerVersion}}\t{{.OSType}}\t{{.Architecture}}\t{{.NCPU}}\t{{.MemTotal}}\t{{.CgroupVersion}}"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "amd64": "amd64"}
_PACKAGES = ["docker.io", "iptables"]


@dataclass(frozen=True)
class EngineInfo:
    """What the engine says about itself; memory in bytes, architecture in Go's words."""

    version: str
    system: str
    architecture: str
    cpus: int
    memory: int
    cgroup: str


def info() -> EngineInfo:
    """Ask the engine; raises Unreachable with the engine's own reason and the next step."""
    result = command.attempt(["docker", "info", "--format", _ASK_FORMAT], timeout=30)
    fields = result.stdout.decode(errors="replace").strip().split("\t")
    if result.returncode != 0 or len(fields) != 6 or not fields[0]:
        reason = result.stderr.decode(errors="replace").strip().splitlines()
        raise Unreachable(
            f"The Docker engine does not answer{': ' + reason[-1] if reason else ''}.",
            "Start it, or run `shipmate doctor --fix`.",
        )
    version, system, machine, cpus, memory, cgroup = fields
    return EngineInfo(version, system, _ARCHITECTURES.get(machine, machine), int(cpus), int(memory), cgroup)


def ensure() -> Steps[EngineInfo]:
    """The engine, started first where that is possible: it is installed here, does not run, and we are root."""
    try:
        return info()
    except Unreachable:
        if not can_start():
            raise
    yield from start()
    return info()


def can_start() -> bool:
    """Whether `start` has a chance: dockerd is here and we are root."""
    return command.find("dockerd") is not None and os.geteuid() == 0


def can_install() -> bool:
    """Whether `install` has a chance: a Debian-like machine and root."""
    return command.find("apt-get") is not None and os.geteuid() == 0


def start() -> Steps[None]:
    """Start the engine, by the machine's service manager where there is one, else as a process of its own.

    One that is starting already is waited for.
    """
    if _runs():
        yield Progress("Waiting for the Docker engine")
    elif Path("/run/systemd/system").is_dir():
        yield from command.steps(["systemctl", "start", "docker"], "Starting the Docker engine")
    else:
        log = cache_folder("log") / "dockerd.log"
        with log.open("ab") as sink:
            subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)
    started = time.monotonic()
    while time.monotonic() - started < _START_LIMIT:
        yield Progress(f"Starting the Docker engine ({time.monotonic() - started:.0f} s)")
        try:
            info()
            return
        except Unreachable:
            time.sleep(command.TICK)
    raise Failed("The Docker engine was started but does not answer.", "See dockerd's log or `shipmate doctor`.")


def install() -> Steps[None]:
    """Install the engine from the distribution's own packages."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    yield from command.steps(["apt-get", "update", "-q"], "Reading the package lists", env=quiet)
    argv = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *_PACKAGES]
    yield from command.steps(argv, "Installing the Docker engine", env=quiet)


def _runs() -> bool:
    """Whether an engine's process is here; a second one would delete the first one's bridge."""
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == "dockerd":
                return True
        except OSError:
            continue  # the process is gone
    return False
