"""The minikube driver: 2 CPUs and 2 GB, with the addons ingress and metrics-server."""

from __future__ import annotations

import json
from typing import Any

from tools.errors import BadRequest
from tools.progress import Progress, Steps
from tools.provision import command
from tools.provision.cluster import ClusterInfo, State
from tools.provision.drivers import foreign

ADDONS = ("ingress", "metrics-server")


class Minikube:
    """Driver for an installed minikube."""

    name = "minikube"

    def installed(self) -> bool:
        """Whether minikube is on PATH."""
        return command.find("minikube") is not None

    def info(self, name: str) -> ClusterInfo:
        """What minikube says of the profile of that name."""
        if not self.installed():
            return ClusterInfo(name, self.name, "absent")
        result = command.attempt(["minikube", "status", "--profile", name, "--output", "json"])
        state = state_of(result.stdout)
        if state == "absent":
            return ClusterInfo(name, self.name, "absent")
        uid, version, server = foreign.facts(foreign.config_path(name)) if state == "running" else ("", "", "")
        problems = () if state != "running" or uid else ("the API server does not answer",)
        ingress = f"http://{address}" if uid and (address := self._address(name)) else ""
        return ClusterInfo(
            name,
            self.name,
            "broken" if problems else state,
            uid=uid,
            version=version,
            server=server,
            ingress=ingress,
            container=name,
            problems=problems,
        )

    def up(self, name: str, *, fake_nodes: int, recreate: bool) -> Steps[None]:
        """Start the profile and its addons; minikube itself repairs what is half there."""
        if fake_nodes:
            raise BadRequest("Fake nodes are only for the built-in cluster.", "Use --driver built-in.")
        if recreate:
            yield from self.down(name, all_data=False)
        if self.info(name).state == "running":
            return
        yield from command.steps(start_arguments(name), "Starting minikube", env=_environment(name), relay=True)

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """The context that minikube wrote."""
        return foreign.read_config(foreign.config_path(name))

    def load(self, name: str, image: str) -> Steps[str]:
        """Load the image by minikube's own loader."""
        argv = ["minikube", "image", "load", image, "--profile", name, "--overwrite"]
        yield from command.steps(argv, f"Loading {image}")
        return image

    def down(self, name: str, *, all_data: bool) -> Steps[None]:
        """Delete the profile; with `all_data` minikube's cached images and files of this profile go too."""
        if self.installed():
            argv = ["minikube", "delete", "--profile", name]
            yield from command.steps(argv, "Deleting the minikube cluster", env=_environment(name))
        yield Progress("Removing its kubeconfig")
        foreign.config_path(name).unlink(missing_ok=True)

    def _address(self, name: str) -> str:
        result = command.attempt(["minikube", "ip", "--profile", name])
        return result.stdout.decode().strip() if result.returncode == 0 else ""


def start_arguments(name: str) -> list[str]:
    """Command line that makes or starts the profile."""
    addons = [f"--addons={addon}" for addon in ADDONS]
    return ["minikube", "start", "--profile", name, "--cpus=2", "--memory=2g", "--embed-certs", "--wait=all", *addons]


def state_of(output: bytes) -> State:
    """State of the profile from minikube's JSON; anything but JSON of one node means that there is none."""
    try:
        status = json.loads(output)
    except ValueError:
        return "absent"
    if not isinstance(status, dict) or "Host" not in status:
        return "absent"
    parts = [str(status.get(part)) for part in ("Host", "Kubelet", "APIServer")]
    if all(part == "Running" for part in parts):
        return "running"
    if parts[0] == "Nonexistent":
        return "absent"
    return "stopped" if parts[0] == "Stopped" else "broken"


def _environment(name: str) -> dict[str, str]:
    """minikube switches the current context of the file that KUBECONFIG names: give it one of its own."""
    return {"KUBECONFIG": str(foreign.config_path(name))}
