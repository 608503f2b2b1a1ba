"""A cluster's whole life, on one of its own: made, restarted, hurt, replaced, removed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.cluster.kubectl import NON_ROOT_WRITER, Kubectl, until
from tools.progress import finish
from tools.provision import cluster, made
from tools.provision.cluster import ClusterInfo
from tools.provision.drivers import builtin, container
from tools.provision.folders import cache_folder

pytestmark = [pytest.mark.engine, pytest.mark.long]
NAME = "shipmate-test"


def docker(*argv: str) -> str:
    return subprocess.run(["docker", *argv], capture_output=True, text=True, check=True).stdout


def left_behind() -> list[str]:
    mine = ["--filter", f"label={container.LABEL}={NAME}", "--quiet"]
    return docker("ps", "--all", *mine).split() + docker("volume", "ls", *mine).split()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State and kubeconfig of this module; the built programs are the real cache's."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
        yield folder
        finish(cluster.down(NAME))


@pytest.fixture(autouse=True)
def one_state(home: Path, own_home: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))


@pytest.fixture
def up(one_state: None) -> ClusterInfo:
    return finish(cluster.up(NAME, "built-in"))


@pytest.fixture
def kubectl(up: ClusterInfo) -> Kubectl:
    return Kubectl(NAME)


@pytest.fixture
def written(up: ClusterInfo, kubectl: Kubectl) -> Kubectl:
    """A pod that is not root has written to its volume."""
    finish(cluster.load(NAME, ["debian:bookworm-slim"]))
    kubectl.apply(NON_ROOT_WRITER)
    kubectl.rolled_out("writer")
    return kubectl


def starts(kubectl: Kubectl) -> int:
    return kubectl.attempt("exec", "deploy/writer", "--", "cat", "/data/log").count("started")


def test_it_is_made_and_remembered_and_its_ports_are_its_own(up: ClusterInfo) -> None:
    assert up.state == "running"
    assert made.made_by_us(up.uid)
    other = builtin.BuiltIn().info("shipmate")
    assert not {up.server, up.registry, up.ingress} & {other.server, other.registry, other.ingress}


def test_data_survives_a_restart_of_the_container(written: Kubectl, up: ClusterInfo) -> None:
    before = starts(written)
    docker("restart", up.container)
    again = finish(cluster.up(NAME))
    assert again.uid == up.uid
    until("the pod's return", lambda: written.data("get", "deploy", "writer")["status"].get("availableReplicas"))
    until("another start", lambda: starts(written) == before + 1)


def test_data_survives_that_the_container_is_killed_and_replaced(written: Kubectl, up: ClusterInfo) -> None:
    before = starts(written)
    docker("kill", up.container)
    assert main(["cluster", "status", "--name", NAME]) == 3
    again = finish(cluster.up(NAME, recreate=True))
    assert again.uid == up.uid
    until("another start", lambda: starts(written) > before)


@pytest.mark.parametrize("component", ["kubelet", "containerd", "etcd", "kube-apiserver", "kube-proxy", "registry"])
def test_a_component_that_ends_is_started_again(up: ClusterInfo, component: str) -> None:
    def restarts() -> int:
        return {c["name"]: c["restarts"] for c in builtin.BuiltIn().info(NAME).components}[component]

    before = restarts()
    assert main(["cluster", "restart", component, "--name", NAME]) == 0
    until("the restart", lambda: restarts() > before)
    until("good health", lambda: builtin.BuiltIn().info(NAME).state == "running")


def test_fake_nodes_take_pods_that_tolerate_them_and_no_others(kubectl: Kubectl) -> None:
    finish(cluster.up(NAME, fake_nodes=3))
    until("three fake nodes", lambda: kubectl("get", "nodes", "-l", "type=kwok").count(" Ready ") == 3)
    template = json.loads(kubectl("create", "deployment", "crowd", "--image=x", "--dry-run=client", "-o", "json"))
    template["spec"]["replicas"] = 30
    pod = template["spec"]["template"]["spec"]
    pod |= {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"type": "kwok"}}
    kubectl.apply(json.dumps(template))
    kubectl.rolled_out("crowd")
    placed = kubectl.data("get", "pods", "-A", "--field-selector", "spec.nodeName=fake-000")["items"]
    assert {item["metadata"]["labels"].get("app") for item in placed} == {"crowd"}


def test_a_container_that_was_never_started_is_made_anew(up: ClusterInfo) -> None:
    image = docker("inspect", "--format", "{{.Config.Image}}", up.container).strip()
    docker("rm", "--force", up.container)
    docker("create", "--name", up.container, "--label", f"{container.LABEL}={NAME}", image)
    assert finish(cluster.up(NAME)).uid == up.uid


def test_a_container_of_somebody_else_is_left_alone(up: ClusterInfo) -> None:
    docker("create", "--name", "stranger-node", "debian:bookworm-slim")
    try:
        assert main(["cluster", "up", "--driver", "built-in", "--name", "stranger"]) == 2
        assert main(["cluster", "down", "--name", "stranger"]) == 2
        assert "stranger-node" in docker("ps", "--all", "--format", "{{.Names}}")
    finally:
        docker("rm", "stranger-node")


def test_zz_down_leaves_nothing_behind(up: ClusterInfo, home: Path) -> None:
    assert left_behind()
    docker(
        "run", "--detach", "--name", "other-node", "--label", f"{container.LABEL}=other", "debian:bookworm-slim", "true"
    )
    try:  # while another cluster is there, what was built stays
        assert main(["cluster", "down", "--all-data", "--name", NAME]) == 0
        assert (cache_folder("bin") / "kubectl").exists()
    finally:
        docker("rm", "other-node")
    assert left_behind() == []
    assert not made.made_by_us(up.uid)
    assert NAME not in (home / "kubeconfig").read_text()
    assert main(["cluster", "down", "--name", NAME]) == 0
