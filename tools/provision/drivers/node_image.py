"""The image of a built-in cluster's node: its build context put together from `cluster/` and the built programs."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from tools.data import data_folder
from tools.progress import Progress, Steps
from tools.provision import command, images
from tools.provision.drivers import archive, binaries
from tools.provision.drivers.archive import ProgramImage
from tools.provision.folders import cache_folder, take_turn

BASE = "debian:bookworm-slim"
REPOSITORY = "shipmate/node"
_FOLDERS = ("etc", "manifests", "optional")


def stamp(architecture: str) -> str:
    """Changes whenever the image would: sources of the programs, configuration, manifests."""
    digest = hashlib.sha256()
    for module in binaries.MODULES:
        digest.update(module.stamp(architecture).encode())
    folder = data_folder("cluster")
    files = [folder / "Dockerfile", folder / "traefik" / "requirements.txt"]
    for name in _FOLDERS:
        files += sorted(path for path in (folder / name).rglob("*") if path.is_file())
    for file in files:
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def ensure(architecture: str) -> Steps[str]:
    """Reference of the node's image, built when the engine lacks it."""
    reference = f"{REPOSITORY}:{stamp(architecture)}"
    if images.exists(reference):
        return reference
    turn = yield from take_turn("node-image")
    try:
        if not images.exists(reference):
            yield from _build(reference, architecture)
            remove(keep=reference)
    finally:
        os.close(turn)
    return reference


def _build(reference: str, architecture: str) -> Steps[None]:
    programs = yield from binaries.ensure(architecture)
    ingress = yield from binaries.traefik(architecture)
    yield from images.ensure(BASE)
    context = cache_folder("build") / "node"
    yield Progress("Putting the node's image together")
    _assemble(context, programs, ingress, architecture)
    label = f"dev.shipmate.node={architecture}"
    argv = [
        "docker",
        "build",
        "--quiet",
        "--label",
        label,
        "--build-arg",
        f"BASE={BASE}",
        "-t",
        reference,
        str(context),
    ]
    yield from command.steps(argv, "Building the node's image")
    shutil.rmtree(context)


def remove(keep: str = "") -> None:
    """Remove node images from the engine, except `keep` and those in use."""
    argv = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "label=dev.shipmate.node"]
    for reference in command.run(argv).split():
        if reference != keep:
            command.attempt(["docker", "image", "rm", reference])


def _assemble(context: Path, programs: dict[str, Path], ingress: Path, architecture: str) -> None:
    source = data_folder("cluster")
    shutil.rmtree(context, ignore_errors=True)
    (context / "bin").mkdir(parents=True)
    (context / "images").mkdir()
    shutil.copy(source / "Dockerfile", context)
    for name in _FOLDERS:
        shutil.copytree(source / name, context / name)
    os.link(programs["node"], context / "bin" / "node")
    for program in binaries.programs_in(programs["kubernetes"]):
        inside = program.name if programs["kubernetes"].is_dir() else "kubernetes"
        os.link(program, context / "bin" / inside)
    addons = [
        ProgramImage("registry.k8s.io/pause:3.10", programs["pause"], "pause", "65535:65535"),
        ProgramImage("shipmate/addons:1", programs["addons"], "addons"),
        ProgramImage("shipmate/metrics:1", programs["metrics"], "metrics"),
        ProgramImage("shipmate/traefik:1", ingress, "traefik"),
    ]
    archive.write(addons, architecture, context / "images" / "addons.tar")
