"""How the usual base images are made on a machine that reaches Debian's packages but no image registry."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.errors import Unreachable
from tools.progress import Steps
from tools.provision import command
from tools.provision.folders import cache_folder

_MIRROR = "http://deb.debian.org/debian"
_SECURITY = "http://deb.debian.org/debian-security"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
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
        sources = Path(folder) / "debian.sources"
        sources.write_text(_sources(suite))
        root = Path(folder) / "root.tar"
        yield from command.steps(_debootstrap(suite, sources, root), f"Making {reference} from Debian's packages")
        changes = ["--change=CMD [\"bash\"]", f"--change=ENV PATH={_PATH}"]
        yield from command.steps(["docker", "import", *changes, str(root), reference], f"Importing {reference}")


def _debootstrap(suite: str, sources: Path, root: Path) -> list[str]:
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
        str(sources),
    ]


def _sources(suite: str) -> str:
    """The machine's own mirrors where it is a Debian, so that a company's mirror is honoured."""
    own = Path("/etc/apt/sources.list.d/debian.sources")
    if own.exists():
        lines = [line for line in own.read_text().splitlines() if not line.startswith("#")]
        return re.sub(r"\b(bookworm|trixie)\b", suite, "\n".join(lines)) + "\n"
    signed = f"Signed-By: {_KEYRING}\n" if _KEYRING.exists() else ""
    stanzas = ((_MIRROR, f"{suite} {suite}-updates"), (_SECURITY, f"{suite}-security"))
    return "\n".join(f"Types: deb\nURIs: {uri}\nSuites: {s}\nComponents: main\n{signed}" for uri, s in stanzas)


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


RECIPES: dict[str, Recipe] = {
    "debian:bookworm-slim": Recipe(debian),
    "debian:trixie-slim": Recipe(debian),
}
