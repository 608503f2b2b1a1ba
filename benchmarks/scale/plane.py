"""A cluster of the benchmark's own: container, kwok, and a fast way to fill it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.scale.objects import LEFT_ALONE
from tools.data import data_folder
from tools.kubernetes.door.kubeconfig import find_access
from tools.kubernetes.door.transport import Transport, encode
from tools.progress import finish
from tools.provision import command
from tools.provision.drivers.builtin import BuiltIn
from tools.provision.drivers.container import container_name, inside

NAME = "shipmate-bench"
_WRITERS = 8
_MANAGER = "kube-controller-manager"
_OURS = ("--secure-port=0", "--controllers=*,-node-lifecycle-controller", "--kube-api-qps=300", "--kube-api-burst=600")

Object = dict[str, Any]


class Plane:
    """The running cluster. Nothing of the person's own (kubeconfig, list of clusters) knows of it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._transport = Transport(find_access(str(kubeconfig), None), "shipmate-benchmark")

    def get(self, path: str, **query: Any) -> Object:
        return json.loads(self._transport.fetch("GET", path, query, repeatable=True)[0])

    def items(self, path: str) -> list[Object]:
        return self.get(path, resourceVersion="0")["items"]

    def write(self, method: str, path: str, body: Object) -> Object:
        headers = {"Content-Type": "application/json"}
        return json.loads(self._transport.fetch(method, path, {}, encode(body), headers, repeatable=False)[0])

    def create(self, path: str, obj: Object) -> Object:
        """POST one object to the path of its kind, such as apps/v1/deployments."""
        space = obj["metadata"].get("namespace")
        version, _, plural = path.rpartition("/")
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        return self.write("POST", f"{root}/namespaces/{space}/{plural}" if space else f"{root}/{plural}", obj)

    def each(self, work: Callable[[Any], Any], what: Iterable[Any]) -> list[Any]:
        """Do it for all of them, several at a time."""
        with ThreadPoolExecutor(_WRITERS) as pool:
            return list(pool.map(work, what))

    @contextmanager
    def controllers_paused(self) -> Generator[None]:
        """While objects are written that controllers would have made, or are to stay as they are.

        Afterwards a controller manager of our own begins anew: the cluster's may say twenty things a second, and on a
        busy machine takes nodes for lost.
        """
        command.attempt(inside(NAME, "pkill", "-KILL", "-f", f"^{_MANAGER}.*{_OURS[0]}"))
        command.run(inside(NAME, "pkill", "-STOP", "-f", f"^{_MANAGER}"))
        try:
            yield
        finally:
            lines = command.run(inside(NAME, "pgrep", "-a", "-f", f"^{_MANAGER}")).split("\n")
            argv = lines[0].split()[1:]
            command.run(["docker", "exec", "--detach", container_name(NAME), *argv, *_OURS])


@contextmanager
def plane(folder: Path) -> Generator[Plane]:
    """Make the cluster, and remove it with all it holds."""
    driver = BuiltIn()
    finish(driver.down(NAME, all_data=False))
    try:
        say("starting a cluster of its own")
        finish(driver.up(NAME, fake_nodes=0, recreate=False))
        file = folder / "kubeconfig"
        file.write_text(json.dumps(driver.kubeconfig(NAME)))
        command.run([*inside(NAME, "kubectl"), "apply", "--server-side", "-f", "-"], stdin=_kwok())
        command.run(
            inside(
                NAME, "kubectl", "wait", "-n", "kube-system", "deployment/kwok-controller", "--for=condition=Available"
            )
        )
        yield Plane(file)
    finally:
        say("removing it")
        finish(driver.down(NAME, all_data=False))
        shutil.rmtree(folder, ignore_errors=True)


def until(what: str, done: Callable[[], int], seconds: float = 900) -> None:
    """Wait until nothing is left of something; `done` counts what is."""
    end = time.monotonic() + seconds
    while left := done():
        if time.monotonic() > end:
            raise RuntimeError(f"{left} {what} are left after {seconds:.0f} s")
        time.sleep(3)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def _kwok() -> str:
    """The built-in cluster's kwok, for ten thousand pods, with less to say to the API server."""
    documents = list(yaml.safe_load_all((data_folder("cluster") / "optional" / "kwok.yaml").read_text()))
    container = documents[-1]["spec"]["template"]["spec"]["containers"][0]
    kept = [flag for flag in container["args"] if "lease" not in flag]
    container["args"] = [
        *kept, "--node-lease-duration-seconds=0", f"--disregard-status-with-label-selector={LEFT_ALONE}",
    ]  # fmt: skip
    container["resources"] = {}
    return yaml.safe_dump_all(documents)
