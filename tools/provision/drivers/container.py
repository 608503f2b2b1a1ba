"""The container that a built-in cluster's node runs in: its volumes, ports and privileges."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.errors import BadRequest, Failed
from tools.provision import command
from tools.provision.drivers import ports

LABEL = "dev.shipmate.cluster"
VOLUMES = {
    "etcd": "/var/lib/etcd",
    "containerd": "/var/lib/containerd",
    "kubelet": "/var/lib/kubelet",
    "volumes": "/var/lib/shipmate/volumes",
    "registry": "/var/lib/registry",
    "pki": "/etc/kubernetes/pki",
    "log": "/var/log",
}
# Port inside → the port of 127.0.0.1 that is tried first.
API, REGISTRY, HTTP, HTTPS = 6443, 5000, 80, 443
PORTS = {API: 6443, REGISTRY: 5001, HTTP: 8080, HTTPS: 8443}

# Capabilities by bit, of kernels up to 6.x; those that older engines do not know by name are left out.
_CAPABILITIES = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ"
).split()


@dataclass(frozen=True)
class Container:
    """What the engine knows of the container; `ports` are host ports by port inside."""

    name: str
    state: str
    image: str
    ports: dict[int, int] = field(default_factory=dict[int, int])
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def running(self) -> bool:
        """Whether its processes run now."""
        return self.state == "running"


def container_name(cluster: str) -> str:
    """Name of the container, of its host and of the Kubernetes node."""
    return f"{cluster}-node"


def volume_names(cluster: str) -> dict[str, str]:
    """Named volumes by the folder that they hold."""
    return {f"{container_name(cluster)}-{part}": folder for part, folder in VOLUMES.items()}


def find(cluster: str) -> Container | None:
    """The cluster's container; raises BadRequest when the name belongs to somebody else's container."""
    name = container_name(cluster)
    result = command.attempt(["docker", "container", "inspect", name])
    if result.returncode != 0:
        return None
    data: dict[str, Any] = json.loads(result.stdout)[0]
    if (data["Config"].get("Labels") or {}).get(LABEL) != cluster:
        raise BadRequest(f"The container {name} was not made by Shipmate.", "Choose another --name.")
    bindings: dict[str, list[dict[str, str]] | None] = data["HostConfig"].get("PortBindings") or {}
    published = {int(key.split("/")[0]): int(value[0]["HostPort"]) for key, value in bindings.items() if value}
    environment = dict(item.partition("=")[::2] for item in data["Config"].get("Env") or [])
    return Container(name, data["State"]["Status"], data["Config"]["Image"], published, environment)


def create(cluster: str, image: str, *, upstream: bool) -> Container:
    """Make and start the container; where the engine refuses full privileges, with those that this machine has."""
    chosen: dict[int, int] = {}
    for inside, preferred in PORTS.items():
        chosen[inside] = ports.free(preferred, chosen.values())
    common = _arguments(cluster, chosen, upstream)
    result = command.attempt(["docker", "run", "--privileged", *common, image])
    if result.returncode != 0 and b"not permitted" in result.stderr:
        remove(cluster)
        result = command.attempt(["docker", "run", *_reduced_privileges(), *common, image])
    if result.returncode != 0:
        remove(cluster)
        reason = result.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(f"The node's container did not start: {reason[-1] if reason else 'no reason given'}")
    return Container(container_name(cluster), "running", image, chosen)


def start(cluster: str) -> None:
    """Start a stopped container."""
    result = command.attempt(["docker", "start", container_name(cluster)])
    if result.returncode != 0:
        reason = result.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(
            f"The stopped node does not start: {reason[0] if reason else 'no reason given'}.",
            "`shipmate cluster up --recreate` replaces its container, on free ports; the data stays.",
        )


def remove(cluster: str) -> None:
    """Remove the container; its volumes stay."""
    command.attempt(["docker", "rm", "--force", container_name(cluster)])


def remove_volumes(cluster: str) -> None:
    """Remove the named volumes of the cluster."""
    listed = command.run(["docker", "volume", "ls", "--quiet", "--filter", f"label={LABEL}={cluster}"])
    if volumes := listed.split():
        command.run(["docker", "volume", "rm", *volumes])


def any_left() -> bool:
    """Whether the engine has a container of any built-in cluster."""
    return bool(command.run(["docker", "ps", "--all", "--quiet", "--filter", f"label={LABEL}"]).strip())


def inside(cluster: str, *argv: str) -> list[str]:
    """Command line that runs a program in the container."""
    return ["docker", "exec", "-i", container_name(cluster), *argv]


def _arguments(cluster: str, chosen: dict[int, int], upstream: bool) -> list[str]:
    name = container_name(cluster)
    arguments = ["--detach", "--name", name, "--hostname", name, "--label", f"{LABEL}={cluster}"]
    arguments += ["--cgroupns=private", "--security-opt=seccomp=unconfined"]
    arguments += ["--tmpfs=/run:exec", "--tmpfs=/tmp:exec", "--restart=on-failure:3"]
    arguments += [f"--env=SHIPMATE_REGISTRY=localhost:{chosen[REGISTRY]}"]
    arguments += [f"--env=SHIPMATE_UPSTREAM={'yes' if upstream else 'no'}"]
    if Path("/lib/modules").is_dir():
        arguments += ["--volume=/lib/modules:/lib/modules:ro"]
    for volume, folder in volume_names(cluster).items():
        command.run(["docker", "volume", "create", "--label", f"{LABEL}={cluster}", volume])
        arguments += [f"--volume={volume}:{folder}"]
    return arguments + [f"--publish=127.0.0.1:{host}:{port}" for port, host in chosen.items()]


def _reduced_privileges() -> list[str]:
    """What `--privileged` stands for, as far as this machine's own bounding set goes."""
    bounding = next(
        int(line.split()[1], 16) for line in Path("/proc/self/status").read_text().splitlines() if "CapBnd" in line
    )
    held = [name for bit, name in enumerate(_CAPABILITIES) if bounding >> bit & 1]
    devices = ["--device=/dev/kmsg"] if Path("/dev/kmsg").exists() else []
    return [
        *(f"--cap-add={name}" for name in held),
        "--security-opt=systempaths=unconfined",
        "--security-opt=apparmor=unconfined",
        "--device-cgroup-rule=a *:* rwm",
        *devices,
    ]
