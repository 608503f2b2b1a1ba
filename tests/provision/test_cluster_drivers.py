"""Choosing a driver, and what the drivers read from the programs behind them."""

import pytest

from tools.errors import BadRequest
from tools.progress import finish
from tools.provision import cluster, images, made
from tools.provision.drivers import fake_nodes, kind, minikube, ports
from tools.provision.drivers.container import volume_names
from tools.provision.made import Record


@pytest.mark.parametrize("name", ["", "Prod", "a/b", "-x", "x-", "ünï", "a" * 41, "a b", "../x"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        cluster.choose(name, None)


def test_a_cluster_keeps_the_driver_that_made_it() -> None:
    made.remember(Record("u", "mine", "kind"))
    assert cluster.choose("mine", None).name == "kind"
    with pytest.raises(BadRequest, match="was made by the driver kind"):
        cluster.choose("mine", "built-in")


def test_an_unknown_driver_names_the_known_ones() -> None:
    with pytest.raises(BadRequest, match="built-in"):
        cluster.choose("mine", "magic")


@pytest.mark.parametrize("count", [-1, 1001])
def test_an_absurd_number_of_fake_nodes_is_refused_before_anything_is_done(count: int) -> None:
    with pytest.raises(BadRequest, match="fake nodes"):
        finish(cluster.up("mine", "built-in", fake_nodes=count))


@pytest.mark.parametrize("driver", ["minikube", "kind"])
def test_fake_nodes_are_for_the_built_in_cluster(driver: str) -> None:
    with pytest.raises(BadRequest, match="built-in"):
        finish(cluster.drivers()[driver].up("mine", fake_nodes=1, recreate=False))


def test_two_clusters_share_no_volume() -> None:
    assert not set(volume_names("one")) & set(volume_names("two"))


def test_fake_nodes_keep_ordinary_pods_away() -> None:
    for node in fake_nodes.manifest(3)["items"]:
        assert node["metadata"]["annotations"] == {"kwok.x-k8s.io/node": "fake"}
        assert node["spec"]["taints"][0]["effect"] == "NoSchedule"


@pytest.mark.parametrize(
    ("output", "state"),
    [
        (b'{"Name":"shipmate","Host":"Running","Kubelet":"Running","APIServer":"Running"}', "running"),
        (b'{"Name":"shipmate","Host":"Stopped","Kubelet":"Stopped","APIServer":"Stopped"}', "stopped"),
        (b'{"Name":"shipmate","Host":"Running","Kubelet":"Running","APIServer":"Paused"}', "broken"),
        (b'{"Name":"shipmate","Host":"Nonexistent","Kubelet":"Nonexistent","APIServer":"Nonexistent"}', "absent"),
        (b'* Profile "shipmate" not found. Run "minikube profile list"', "absent"),
        (b"", "absent"),
        (b"[]", "absent"),
    ],
)
def test_minikubes_own_words_become_a_state(output: bytes, state: str) -> None:
    assert minikube.state_of(output) == state


def test_minikube_is_asked_for_two_cpus_two_gigabytes_and_its_addons() -> None:
    arguments = minikube.start_arguments("shipmate")
    assert {"--cpus=2", "--memory=2g", "--addons=ingress", "--addons=metrics-server"} <= set(arguments)


def test_kind_writes_to_a_kubeconfig_of_ours() -> None:
    arguments = kind.create_arguments("shipmate")
    assert "/shipmate/kubeconfigs/shipmate" in arguments[arguments.index("--kubeconfig") + 1]


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("nginx", "library/nginx"),
        ("nginx:1.27", "library/nginx:1.27"),
        ("team/app:1", "team/app:1"),
        ("ghcr.io/team/app:1", "team/app:1"),
        ("localhost:5001/app:1", "app:1"),
        ("localhost/app", "app"),
    ],
)
def test_where_the_nodes_registry_looks_for_an_image(image: str, path: str) -> None:
    assert images.repository_path(image) == path


@pytest.mark.parametrize("image", ["", "-x", "a b", "app@sha256:" + "0" * 64, "--all"])
def test_what_is_no_image_name_is_refused(image: str) -> None:
    with pytest.raises(BadRequest):
        images.repository_path(image)


def test_a_taken_port_is_passed_over() -> None:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert ports.free(taken) > taken
