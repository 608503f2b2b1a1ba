"""Kinds by every name people use, from one discovery that is remembered."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.kubernetes.api_server import ApiServer, refusal
from tools.change import Ref
from tools.errors import NotFound
from tools.kubernetes.door.client import Cluster


@pytest.mark.parametrize(
    "name",
    [
        "deploy",
        "deployment",
        "deployments",
        "Deployment",
        "DEPLOYMENTS",
        "deployments.apps",
        "deployment.v1.apps",
        " deploy ",
    ],
)
def test_one_kind_has_many_names(cluster: Cluster, name: str) -> None:
    assert cluster.kinds.resolve(name).full_name == "deployments.apps"


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("config map", "configmaps"),
        ("config-maps", "configmaps"),
        ("till", "cashregisters.shop.example.com"),
        ("CashRegister", "cashregisters.shop.example.com"),
        ("pods", "pods"),
        ("pods.metrics.k8s.io", "pods.metrics.k8s.io"),
        ("events", "events"),
        ("events.events.k8s.io", "events.events.k8s.io"),
    ],
)
def test_custom_kinds_and_kinds_of_the_same_name(cluster: Cluster, name: str, full_name: str) -> None:
    assert cluster.kinds.resolve(name).full_name == full_name


def test_an_unknown_kind_names_the_nearest(cluster: Cluster) -> None:
    with pytest.raises(NotFound) as caught:
        cluster.kinds.resolve("deploymint")
    assert "deployments.apps" in caught.value.next_step
    with pytest.raises(NotFound) as caught:
        cluster.kinds.resolve("zebra")
    assert "list_kinds" in caught.value.next_step


def test_discovery_is_two_requests_and_is_remembered(
    cluster: Cluster, api: ApiServer, connect: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster.kinds.resolve("pods")
    assert [request.path for request in api.seen] == ["/api", "/apis"]
    assert connect(api).kinds.resolve("deploy").subresources == ("scale", "status")
    assert len(api.seen) == 2
    (file,) = (tmp_path / "cache" / "discovery").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_new_kind_is_found_by_asking_once_more(
    cluster: Cluster, api: ApiServer, connect: Callable[..., Cluster]
) -> None:
    cluster.kinds.resolve("pods")
    later = connect(api)
    groups = api.script["GET /apis"]
    new = {
        "metadata": {"name": "new.io"},
        "versions": [
            {
                "version": "v1",
                "resources": [
                    {"resource": "boats", "responseKind": {"kind": "Boat"}, "scope": "Namespaced", "verbs": ["get"]}
                ],
            }
        ],
    }
    api.script["GET /apis"] = {**groups, "items": [*groups["items"], new]}
    assert later.kinds.resolve("boat").api_version == "new.io/v1"
    with pytest.raises(NotFound):
        later.kinds.resolve("ship")
    assert len(api.asked("GET", "/apis")) == 2  # not asked a third time for what is not there


@pytest.mark.parametrize("spoil", ["old", "broken", "future"])
def test_a_cache_that_cannot_be_trusted_is_not(
    cluster: Cluster, api: ApiServer, connect: Callable[..., Cluster], tmp_path: Path, spoil: str
) -> None:
    cluster.kinds.resolve("pods")
    (file,) = (tmp_path / "cache" / "discovery").iterdir()
    text = file.read_text()
    if spoil == "broken":
        file.write_text(text[:100])
    else:
        shift = -3600 if spoil == "old" else 3600
        written = text.split('"written":')[1].split(",")[0]
        file.write_text(text.replace(written, str(time.time() + shift)))
    assert connect(api).kinds.resolve("pods").plural == "pods"
    assert len(api.asked("GET", "/api")) == 2


def test_a_cache_folder_that_cannot_be_written_only_costs_time(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert cluster.kinds.resolve("pods").kind == "Pod"
    assert os.path.isfile(tmp_path / "cache")  # noqa: PTH113


def test_a_reference_means_exactly_its_version(cluster: Cluster) -> None:
    assert cluster.kinds.for_ref(Ref(api_version="apps/v1", kind="Deployment", name="x")).plural == "deployments"
    with pytest.raises(NotFound):
        cluster.kinds.for_ref(Ref(api_version="apps/v1beta1", kind="Deployment", name="x"))


def test_servers_without_aggregated_discovery(cluster: Cluster, api: ApiServer) -> None:
    api.script |= {
        "GET /api": {"kind": "APIVersions", "versions": ["v1"]},
        "GET /apis": {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "apps",
                    "preferredVersion": {"version": "v1"},
                    "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                },
                {"name": "broken.io", "preferredVersion": {"version": "v1"}, "versions": [{"version": "v1"}]},
            ],
        },
        "GET /api/v1": {
            "resources": [{"name": "pods", "kind": "Pod", "namespaced": True, "shortNames": ["po"], "verbs": ["get"]}]
        },
        "GET /apis/apps/v1": {
            "resources": [
                {
                    "name": "deployments",
                    "singularName": "deployment",
                    "kind": "Deployment",
                    "namespaced": True,
                    "verbs": ["list"],
                },
                {"name": "deployments/scale", "kind": "Scale", "namespaced": True, "verbs": ["get"]},
            ]
        },
        "GET /apis/apps/v1beta1": {
            "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": []}]
        },
        "GET /apis/broken.io/v1": refusal(404, "NotFound", "its server is away"),
    }
    assert cluster.kinds.resolve("po").kind == "Pod"
    found = cluster.kinds.resolve("deployment")
    assert (found.version, found.subresources) == ("v1", ("scale",))
