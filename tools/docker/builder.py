"""What builds an image on this machine, and the command line that does it.

First choice is a `docker` program with BuildKit (secrets, the person's builder and logins); without one the engine is
asked directly, which has BuildKit too but no secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tools.change import BuildImage
from tools.docker.dockerfile import Dockerfile
from tools.errors import ShipmateError

LABEL = "dev.shipmate.context"  # digest of the source an image was built from
_CA = "ca"
# Arguments by which pip and npm are told of another certificate bundle.
CA_ARGUMENTS = ("PIP_CERT", "NODE_EXTRA_CA_CERTS")
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@dataclass(frozen=True)
class Program:
    """A `docker` program that can use BuildKit; `buildx` when by that plugin, else it has BuildKit built in."""

    path: str
    buildx: bool

    def command(self, change: BuildImage, root: Path, digest: str, secrets: Mapping[str, Path]) -> list[str]:
        """The command line of a build, the same for preview and apply."""
        start = [self.path, "buildx", "build", "--load"] if self.buildx else [self.path, "build"]
        options = ["--progress=plain", f"--tag={change.image}", f"--file={root / change.dockerfile}"]
        options += [f"--label={LABEL}={digest}"]
        options += [f"--target={change.target}"] if change.target else []
        options += [f"--build-arg={name}={value}" for name, value in sorted(change.build_args.items())]
        options += [f"--secret=id={name},src={path}" for name, path in sorted(secrets.items())]
        return [*start, *options, str(root)]


@lru_cache(maxsize=1)
def program() -> Program | None:
    """The first `docker` on PATH that can use BuildKit; there may be several, of different age."""
    from tools.programs import run

    found = [str(path) for folder in os.get_exec_path() if os.access(path := Path(folder, "docker"), os.X_OK)]
    for path in dict.fromkeys(found):
        try:
            if run([path, "buildx", "version"], check=False, timeout=10).code == 0:
                return Program(path, buildx=True)
            said = run([path, "--version"], check=False, timeout=10).stdout
        except ShipmateError:  # a broken program is no program
            continue
        version = re.search(r"version (\d+)\.(\d+)", said)
        # From 18.09 BuildKit is in the program; from 23 on it was moved out into the plugin.
        if version and (18, 9) <= (int(version[1]), int(version[2])) < (23, 0):
            return Program(path, buildx=False)
    return None


def certificates(parsed: Dockerfile, target: str | None) -> tuple[dict[str, str], dict[str, Path]]:
    """Build arguments and secrets that give a build this machine's certificate authorities.

    Only for a Dockerfile that asks for them: it declares one of the arguments and mounts a secret with id `ca`. The
    bundle is there while a step runs and stays out of the image.
    """
    place = parsed.secret_mount(_CA, target)
    bundle = _bundle()
    if not place or not bundle:
        return {}, {}
    return {name: place for name in CA_ARGUMENTS if name in parsed.arguments}, {_CA: bundle}


def _bundle() -> Path | None:
    for path in (os.environ.get("SHIPMATE_CA"), os.environ.get("SSL_CERT_FILE"), *_BUNDLES):
        if path and Path(path).is_file():
            return Path(path)
    return None
