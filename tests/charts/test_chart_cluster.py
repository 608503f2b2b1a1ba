"""The chart on a real cluster, in a namespace that admits only restricted pods."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from rendering import CACHE, CHART, helm

pytestmark = [pytest.mark.cluster, pytest.mark.long]

CONTEXT = os.environ.get("SHIPMATE_TEST_CONTEXT", "shipmate")
RELEASE = "todo-chatbot"


class Namespace:
    """helm and kubectl in one namespace of the test cluster."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kubectl = shutil.which("kubectl", path=str(CACHE)) or "kubectl"

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        return _run([self._kubectl, "--context", CONTEXT, "--namespace", self.name, *arguments], text)

    def helm(self, *arguments: str) -> str:
        return _run([helm(), "--kube-context", CONTEXT, "--namespace", self.name, *arguments])

    def deploy(self, *settings: str) -> None:
        """Install or upgrade with exactly these values, and wait until everything is ready."""
        options = [part for setting in settings for part in ("--set", setting)]
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

    def add(self, title: str) -> None:
        path = f"/api/v1/namespaces/{self.name}/services/{RELEASE}-backend:http/proxy/todos"
        self.kubectl("create", "--raw", path, "--filename", "-", text=json.dumps({"title": title}))

    def todos(self, via: str = f"services/{RELEASE}-backend:http", path: str = "todos") -> set[str]:
        """Titles, as a Service or a pod tells them through the API server."""
        reply = self.kubectl("get", "--raw", f"/api/v1/namespaces/{self.name}/{via}/proxy/{path}")
        items: Any = json.loads(reply)
        return {item["title"] for item in items}


def _run(argv: list[str], text: str | None = None) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr or done.stdout}"
    return done.stdout


@pytest.fixture
def place(namespace: str) -> Namespace:
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
    assert len(place.names("pods", "backend")) == 1
    place.helm("rollback", RELEASE, "1", "--wait", "--timeout", "3m")
    assert len(place.names("pods", "backend")) == 3

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
