"""The built-in driver: a Kubernetes node in one container, made from this repository's `cluster/`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.errors import Failed
from tools.progress import Progress, Steps
from tools.provision import command, engine, images
from tools.provision.cluster import ClusterInfo, running
from tools.provision.drivers import container, fake_nodes, node_image
from tools.provision.drivers.container import API, HTTP, HTTPS, REGISTRY
from tools.provision.folders import cache_folder

AUDIT_LOG = "/var/log/kubernetes/audit.log"
# The latest file is opened first: should it be rotated meanwhile, nothing is missed and nothing comes twice.
_WHOLE_LOG = """
exec 3<"$1.log" || exit
for file in "$1"-*.log; do
    [ ! -e "$file" ] || [ "$file" -ef /proc/self/fd/3 ] || cat "$file"
done
cat <&3
"""
_ADMIN = "/etc/kubernetes/admin.conf"


class BuiltIn:
    """Driver that needs nothing but a Docker engine."""

    name = "built-in"

    def installed(self) -> bool:
        """Whether there is an engine to run it in."""
        return command.find("docker") is not None

    def info(self, name: str) -> ClusterInfo:
        """What the engine and the node itself say."""
        box = container.find(name)
        if box is None:
            return ClusterInfo(name, self.name, "absent")
        if not box.running:
            state = "stopped" if box.state in ("exited", "paused") else "broken"
            return ClusterInfo(name, self.name, state, container=box.name, problems=(f"the container is {box.state}",))
        result = command.attempt(container.inside(name, "node", "status"), timeout=60)
        if result.returncode != 0:
            reason = result.stderr.decode(errors="replace").strip()
            return ClusterInfo(name, self.name, "broken", container=box.name, problems=(reason or "no answer",))
        status: dict[str, Any] = json.loads(result.stdout)
        failing = [f"{check['name']}: {check['detail']}" for check in status["checks"] if not check["ok"]]
        return ClusterInfo(
            name,
            self.name,
            "broken" if failing else "running",
            uid=status["uid"],
            version=status["version"],
            server=f"https://127.0.0.1:{box.ports[API]}",
            registry=f"localhost:{box.ports[REGISTRY]}",
            ingress=f"http://localhost:{box.ports[HTTP]}",
            ingress_tls=f"https://localhost:{box.ports[HTTPS]}",
            container=box.name,
            problems=tuple(failing),
            components=tuple(status["components"]),
        )

    def up(self, name: str, *, fake_nodes: int, recreate: bool) -> Steps[None]:
        """Make, start or repair the cluster; a running one is left as it is."""
        described = yield from engine.ensure()
        box = container.find(name)
        if box is not None and (recreate or box.state in ("created", "dead")):
            yield Progress("Removing the node's container; its data stays")
            container.remove(name)
            box = None
        if box is None:
            image = yield from node_image.ensure(described.architecture)
            yield Progress("Starting the node")
            container.create(name, image, upstream=(yield from images.registry_reachable()))
        elif not box.running:
            yield Progress("Starting the stopped node")
            container.start(name)
        if box is None or self.info(name).state != "running":
            yield from _wait(name)
            yield from _wait_for_registry(self.info(name).registry.replace("localhost", "127.0.0.1"))
        if fake_nodes:
            yield from self._fake(name, fake_nodes)

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """The person's identity, with the address under which the host reaches the API server."""
        config: dict[str, Any] = json.loads(command.run(container.inside(name, "cat", _ADMIN)))
        config["clusters"][0]["cluster"]["server"] = self.info(name).server
        return config

    def load(self, name: str, image: str) -> Steps[str]:
        """Push the image to the node's registry, under the name by which pods ask for it."""
        info = running(self.info(name))
        path = images.repository_path(image)
        target = f"{info.registry.replace('localhost', '127.0.0.1')}/{path}"
        yield Progress(f"Loading {image}")
        command.run(["docker", "tag", image, target])
        try:
            yield from command.steps(["docker", "push", target], f"Loading {image}")
        finally:
            command.attempt(["docker", "image", "rm", target])
        return image

    def down(self, name: str, *, all_data: bool) -> Steps[None]:
        """Remove container and volumes; with `all_data` the node's image and the built programs as well."""
        if container.find(name) is not None:
            yield Progress("Removing the node")
            container.remove(name)
        yield Progress("Removing its volumes")
        container.remove_volumes(name)
        if all_data and container.any_left():
            yield Progress("Keeping the built programs: another cluster uses them")
        elif all_data:
            yield Progress("Removing images and built programs")
            node_image.remove()
            for folder in ("programs", "bin", "go", "build", "log"):
                shutil.rmtree(cache_folder(folder), ignore_errors=True)

    def _fake(self, name: str, count: int) -> Steps[None]:
        yield Progress(f"Adding {count} fake nodes")
        kubectl = container.inside(name, "kubectl")
        command.run([*kubectl, "apply", "--server-side", "-f", "/usr/share/shipmate/optional/kwok.yaml"])
        rollout = [*kubectl, "rollout", "status", "-n", "kube-system", "deployment/kwok-controller", "--timeout=120s"]
        yield from command.steps(rollout, "Starting kwok")
        command.run([*kubectl, "apply", "--server-side", "-f", "-"], stdin=json.dumps(fake_nodes.manifest(count)))


def components(name: str) -> list[str]:
    """The node's supervised programs, by the names of their logs."""
    listed = command.run(container.inside(name, "ls", "/var/log/kubernetes"))
    logs = (line.removesuffix(".log") for line in listed.split() if line.endswith(".log"))
    return sorted(name for name in logs if not re.search(r"-\d{4}-\d\d-\d\dT", name))  # rotated ones are parts


def follow_logs(name: str, component: str | None, *, lines: int, follow: bool) -> int:
    """Print a component's log, or the supervisor's own, straight to the terminal; returns the exit code."""
    if component is None:
        argv = ["docker", "logs", f"--tail={lines}", *(["--follow"] if follow else []), container.container_name(name)]
    else:
        known = components(name)
        if component not in known:
            raise Failed(f"There is no log of {component}.", f"There are logs of {', '.join(known)}.")
        path = f"/var/log/kubernetes/{component}.log"
        argv = container.inside(name, "tail", "-n", str(lines), *(["-F"] if follow else []), path)
    return subprocess.run(argv, check=False).returncode


def restart(name: str, component: str) -> None:
    """End a component; the supervisor starts it again."""
    command.run(container.inside(name, "node", "restart", component))


def audit_lines(name: str) -> Iterator[bytes]:
    """The API server's audit log as it comes, oldest first, one JSON event a line, rotated files included."""
    yield from command.lines(container.inside(name, "sh", "-c", _WHOLE_LOG, "sh", AUDIT_LOG.removesuffix(".log")))


def copy_audit_log(name: str, target: Path) -> int:
    """Write the whole audit log to a file; returns the number of events."""
    count = 0
    with target.open("wb") as sink:
        for line in audit_lines(name):
            sink.write(line)
            count += 1
    return count


def _wait(name: str) -> Steps[None]:
    try:
        yield from command.steps(container.inside(name, "node", "wait"), "Starting Kubernetes", relay=True)
    except Failed as error:
        raise Failed(
            f"Kubernetes did not start: {error.message.rpartition('node: ')[2]}.",
            "See `shipmate cluster logs`; `shipmate cluster up --recreate` replaces the node and keeps its data.",
        ) from error


def _wait_for_registry(address: str, seconds: float = 60) -> Steps[None]:
    """Until images can be pushed: the port is open before the registry behind it listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
                return
        except OSError as error:
            if time.monotonic() > end:
                raise Failed(
                    f"The node's registry does not answer: {error}.", "See `shipmate cluster logs`."
                ) from error
        yield Progress("Starting the registry")
        time.sleep(0.2)
