"""How the usual base images are made on a machine that reaches Debian's packages but no image registry."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.data import data_folder
from tools.errors import Unreachable
from tools.progress import Steps
from tools.provision import command, engine
from tools.provision.folders import cache_folder

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NPM = "npm@10"
_LEFT_OUT = ("man", "info", "locale", "doc")


@dataclass(frozen=True)
class Recipe:
    """One image: what it is made from, and how."""

    make: Callable[[str], Steps[None]]
    needs: tuple[str, ...] = ()


def debian(reference: str) -> Steps[None]:
    """A minimal Debian of the suite in the tag, laid out like the official slim image."""
    suite = reference.split(":")[1].removesuffix("-slim")
    if command.find("mmdebstrap") is None:
        yield from _install_mmdebstrap()
    with tempfile.TemporaryDirectory(dir=cache_folder("build")) as folder:
        sources = [Path(folder) / f"{number}.sources" for number, _ in enumerate(_sources(suite))]
        for path, text in zip(sources, _sources(suite), strict=True):
            path.write_text(text)
        root = Path(folder) / "root.tar"
        yield from command.steps(_debootstrap(suite, sources, root), f"Making {reference} from Debian's packages")
        changes = ['--change=CMD ["bash"]', f"--change=ENV PATH={_PATH}"]
        yield from command.steps(["docker", "import", *changes, str(root), reference], f"Importing {reference}")


def _debootstrap(suite: str, sources: list[Path], root: Path) -> list[str]:
    no_services = (
        'printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"; chmod +x "$1/usr/sbin/policy-rc.d"; '
        'rm -f "$1/etc/resolv.conf" "$1/etc/hostname"; rm -rf "$1"/var/log/apt "$1"/var/log/*.log'
    )
    no_cache = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; }'
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--include=usr-is-merged",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::GzipIndexes "true"',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        f"--aptopt={no_cache}",
        *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in _LEFT_OUT),
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        f"--customize-hook={no_services}",
        suite,
        str(root),
        *map(str, sources),
    ]


def _sources(suite: str) -> list[str]:
    """The machine's own mirrors where it is a Debian, so that a company's mirror is honoured; else the usual ones."""
    own = Path("/etc/apt/sources.list.d/debian.sources")
    if not own.exists():
        return []
    lines = [line for line in own.read_text().splitlines() if not line.startswith("#")]
    return [re.sub(r"\b(bookworm|trixie)\b", suite, "\n".join(lines)) + "\n"]


def _install_mmdebstrap() -> Steps[None]:
    if command.find("apt-get") is None or os.geteuid() != 0:
        raise Unreachable(
            "No image registry answers, and mmdebstrap, which could make a base image, is missing.",
            "Install mmdebstrap (a Debian or Ubuntu package), or connect to a registry.",
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    yield from command.steps(["apt-get", "update", "-q"], "Reading the package lists", env=quiet)
    argv = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"]
    yield from command.steps(argv, "Installing mmdebstrap", env=quiet)


def from_dockerfile(reference: str) -> Steps[None]:
    """An image by the Dockerfile of its name, in `cluster/base-images/`."""
    yield from _build(reference, _dockerfile_folder(reference))


def node(reference: str) -> Steps[None]:
    """Node and npm as their packages carry them, fetched by the machine's npm."""
    if command.find("npm") is None:
        raise Unreachable(
            f"No image registry answers, and {reference} is made with the machine's npm, which is missing.",
            "Install Node with npm, or connect to a registry.",
        )
    major = reference.split(":")[1].partition("-")[0]
    machine = {"amd64": "x64"}.get(engine.info().architecture, engine.info().architecture)
    with tempfile.TemporaryDirectory(dir=cache_folder("build")) as folder:
        context = Path(folder) / "context"
        shutil.copytree(_dockerfile_folder(reference), context)
        for name, package in (("node", f"node-linux-{machine}@{major}"), ("npm", _NPM)):
            yield from _unpack(package, context / name)
        yield from _build(reference, context)


def _unpack(package: str, target: Path) -> Steps[None]:
    yield from command.steps(["npm", "pack", "--silent", package], f"Fetching {package}", cwd=target.parent)
    archive = next(target.parent.glob("*.tgz"))
    with tarfile.open(archive) as packed:
        packed.extractall(target.parent / "unpacked", filter="data")
    (target.parent / "unpacked" / "package").rename(target)
    archive.unlink()


def _build(reference: str, context: Path) -> Steps[None]:
    yield from command.steps(["docker", "build", "--quiet", "-t", reference, str(context)], f"Making {reference}")


def _dockerfile_folder(reference: str) -> Path:
    return data_folder("cluster") / "base-images" / reference.split(":")[0]


_BOOKWORM, _TRIXIE = "debian:bookworm-slim", "debian:trixie-slim"

RECIPES: dict[str, Recipe] = {
    _BOOKWORM: Recipe(debian),
    _TRIXIE: Recipe(debian),
    "python:3.13-slim": Recipe(from_dockerfile, (_TRIXIE,)),
    "node:22-slim": Recipe(node, (_BOOKWORM,)),
    "postgres:15-bookworm": Recipe(from_dockerfile, (_BOOKWORM,)),
}
