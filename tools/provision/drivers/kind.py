"""The kind driver: an ordinary one-node kind cluster."""

from __future__ import annotations

from typing import Any

from tools.errors import BadRequest
from tools.progress import Progress, Steps
from tools.provision import command
from tools.provision.cluster import ClusterInfo
from tools.provision.drivers import foreign


class Kind:
    """Driver for an installed kind."""

    name = "kind"

    def installed(self) -> bool:
        """Whether kind is on PATH."""
        return command.find("kind") is not None

    def info(self, name: str) -> ClusterInfo:
        """What kind and the cluster say."""
        if not self.installed() or name not in self._names():
            return ClusterInfo(name, self.name, "absent")
        uid, version, server = foreign.facts(foreign.config_path(name))
        box = f"{name}-control-plane"
        if uid:
            return ClusterInfo(name, self.name, "running", uid=uid, version=version, server=server, container=box)
        state = command.attempt(["docker", "container", "inspect", "--format", "{{.State.Running}}", box])
        stopped = state.stdout.strip() == b"false"
        problems = () if stopped else ("the API server does not answer",)
        return ClusterInfo(name, self.name, "stopped" if stopped else "broken", container=box, problems=problems)

    def up(self, name: str, *, fake_nodes: int, recreate: bool) -> Steps[None]:
        """Create the cluster, or start its container."""
        if fake_nodes:
            raise BadRequest("Fake nodes are only for the built-in cluster.", "Use --driver built-in.")
        if recreate:
            yield from self.down(name, all_data=False)
        info = self.info(name)
        if info.state == "running":
            return
        if info.state == "stopped":
            command.run(["docker", "start", info.container])
            yield from _until_answering(name)
            return
        if info.state == "broken":
            yield from self._export(name)
            return
        yield from command.steps(create_arguments(name), "Creating the kind cluster", relay=True)

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """The context that kind wrote."""
        return foreign.read_config(foreign.config_path(name))

    def load(self, name: str, image: str) -> Steps[str]:
        """Load the image by kind's own loader."""
        yield from command.steps(["kind", "load", "docker-image", image, "--name", name], f"Loading {image}")
        return image

    def down(self, name: str, *, all_data: bool) -> Steps[None]:
        """Delete the cluster."""
        if self.installed():
            argv = ["kind", "delete", "cluster", "--name", name, "--kubeconfig", str(foreign.config_path(name))]
            yield from command.steps(argv, "Deleting the kind cluster")
        yield Progress("Removing its kubeconfig")
        foreign.config_path(name).unlink(missing_ok=True)

    def _export(self, name: str) -> Steps[None]:
        """The kubeconfig may be what is missing."""
        argv = ["kind", "export", "kubeconfig", "--name", name, "--kubeconfig", str(foreign.config_path(name))]
        yield from command.steps(argv, "Asking kind for the kubeconfig")
        yield from _until_answering(name)

    def _names(self) -> list[str]:
        return command.run(["kind", "get", "clusters"]).split()


def create_arguments(name: str) -> list[str]:
    """Command line that makes the cluster; its kubeconfig goes to a file of ours."""
    config = str(foreign.config_path(name))
    return ["kind", "create", "cluster", "--name", name, "--kubeconfig", config, "--wait", "120s"]


def _until_answering(name: str) -> Steps[None]:
    """Wait up to a minute for the API server; whether it came is seen by the caller's own look."""
    import time

    for second in range(60):
        if foreign.facts(foreign.config_path(name))[0]:
            return
        yield Progress(f"Waiting for the API server ({second} s)")
        time.sleep(1)
