"""The chart on a real cluster, in a namespace that admits only restricted pods."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from typing import Any

import pytest
from rendering import CACHE, CHART, helm

pytestmark = [pytest.mark.cluster, pytest.mark.engine, pytest.mark.long]

CONTEXT = os.environ.get("SHIPMATE_TEST_CONTEXT", "shipmate")
RELEASE = "todo-chatbot"
PUSH, PULL = "127.0.0.1:5001", "localhost:5001"  # the cluster's registry, from here and from its node
TAG = "charttest"
SCRIPT = CHART.parents[1] / "deploy" / "docker-build.sh"
IMAGES = tuple(
    f"{component}.image.{part}" for component in ("frontend", "backend") for part in (f"registry={PULL}", f"tag={TAG}")
)

POST = """
import sys, urllib.request as web
web.urlopen(web.Request(sys.argv[1], sys.argv[2].encode(), {"Content-Type": "application/json"}), timeout=10)
"""


class Namespace:
    """helm and kubectl in one namespace of the test cluster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kubectl = shutil.which("kubectl", path=str(CACHE)) or "kubectl"

    def kubectl(self, *arguments: str) -> str:
        return _run([self._kubectl, "--context", CONTEXT, "--namespace", self.name, *arguments])

    def helm(self, *arguments: str) -> str:
        return _run([helm(), "--kube-context", CONTEXT, "--namespace", self.name, *arguments])

    def deploy(self, *settings: str) -> None:
        """Install or upgrade with exactly these values, and wait until everything is ready."""
        options = [part for setting in (*IMAGES, *settings) for part in ("--set", setting)]
        self.helm("upgrade", "--install", RELEASE, str(CHART), "--reset-values", "--wait", "--timeout", "3m", *options)

    def names(self, kind: str, component: str | None = None) -> list[str]:
        selector = f"app.kubernetes.io/instance={RELEASE}"
        if component:
            selector += f",app.kubernetes.io/component={component}"
        return self.kubectl("get", kind, "--selector", selector, "--output", "name").split()

    def delete_pods(self, component: str) -> None:
        """Delete the pods of a component and wait for their successors."""
        self.kubectl("delete", *self.names("pods", component))
        for workload in self.names("deployments,statefulsets", component):
            self.kubectl("rollout", "status", workload, "--timeout", "3m")

    def available(self, component: str) -> int:
        """Replicas in service; those that are ending do not count."""
        path = "jsonpath={.status.availableReplicas}"
        return int(self.kubectl("get", f"deployment/{RELEASE}-{component}", "--output", path) or 0)

    def add(self, title: str) -> None:
        """By way of the Service, from inside a backend pod; `kubectl create --raw` names no content type."""
        request = f"http://{RELEASE}-backend:8000/todos", json.dumps({"title": title})
        self.kubectl("exec", f"deployment/{RELEASE}-backend", "--", "python", "-c", POST, *request)

    def todos(self, via: str = f"services/{RELEASE}-backend:http", path: str = "todos") -> set[str]:
        """Titles, as a Service or a pod tells them through the API server, as soon as it answers.

        A backend that noticed the database's absence is out of service until its next readiness probe.
        """
        url = f"/api/v1/namespaces/{self.name}/{via}/proxy/{path}"
        for _ in range(30):
            with contextlib.suppress(AssertionError):
                items: Any = json.loads(self.kubectl("get", "--raw", url))
                return {item["title"] for item in items}
            time.sleep(1)
        raise AssertionError(f"{url} does not answer")


def _run(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=550)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr or done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def images(cluster_uid: str) -> None:
    """Both images, built by the script and in the cluster's registry."""
    _run([str(SCRIPT), "--tag", TAG, "--registry", PUSH, "--push"])


@pytest.fixture
def place(images: None, namespace: str) -> Namespace:
    here = Namespace(namespace)
    here.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    return here


def test_three_replicas_share_todos_that_survive_every_pod_and_the_release(place: Namespace) -> None:
    place.deploy("backend.replicaCount=3")
    place.helm("test", RELEASE)

    place.add("buy milk")
    backends = place.names("pods", "backend")
    assert len(backends) == 3
    for pod in backends:
        assert place.todos(f"{pod.replace('pod/', 'pods/')}:8000") == {"buy milk"}
    assert place.todos(f"services/{RELEASE}-frontend:http", "api/todos") == {"buy milk"}

    for component in ("backend", "frontend", "database"):
        place.delete_pods(component)
        assert place.todos() == {"buy milk"}

    place.deploy("backend.replicaCount=1", "backend.env.LOG_LEVEL=DEBUG")
    assert place.available("backend") == 1
    place.helm("rollback", RELEASE, "1", "--wait", "--timeout", "3m")
    assert place.available("backend") == 3

    place.helm("uninstall", RELEASE, "--wait")
    assert not place.names("deployments,statefulsets,services,networkpolicies,serviceaccounts")
    place.deploy()
    assert place.todos() == {"buy milk"}


def test_a_file_survives_the_pod_that_writes_it(place: Namespace) -> None:
    place.deploy("database.engine=sqlite", "frontend.enabled=false")
    place.helm("test", RELEASE)
    place.add("water the plants")
    place.delete_pods("backend")
    assert place.todos() == {"water the plants"}


def test_the_frontend_comes_up_before_its_backend(place: Namespace) -> None:
    place.deploy("backend.enabled=false", "database.enabled=false")
    (before,) = place.names("pods", "frontend")
    place.deploy()
    assert place.names("pods", "frontend") == [before]
    assert place.todos(f"services/{RELEASE}-frontend:http", "api/todos") == set()
