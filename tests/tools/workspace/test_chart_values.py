"""Where a workload's settings are in a chart's values, for charts of different habits."""

from typing import Any

import pytest

from tools.errors import BadRequest, NotFound
from tools.workspace.chart_values import (
    bounds_values,
    env_values,
    image_values,
    prefix_of,
    replica_values,
    resource_values,
)
from tools.workspace.release_look import three_way

PARTS = {
    "backend": {"replicaCount": 1, "image": {"registry": "", "repository": "x", "tag": "", "digest": ""}, "env": {}}
}
FLAT = {"replicaCount": 1, "image": {"repository": "x", "tag": "", "pullPolicy": "Always"}, "extraEnv": []}


def workload(name: str, component: str = "") -> dict[str, Any]:
    labels = {"app.kubernetes.io/component": component} if component else {}
    return {"metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize(
    ("values", "live", "prefix"),
    [
        (PARTS, workload("anything", "backend"), "backend"),
        (PARTS, workload("shop-backend"), "backend"),
        (PARTS, workload("backend"), "backend"),
        (PARTS, workload("shop-other"), None),
        (FLAT, workload("shop"), ""),
    ],
)
def test_the_place_of_a_workload(values: dict[str, Any], live: dict[str, Any], prefix: str | None) -> None:
    assert prefix_of(values, live, "shop", "chart") == prefix


def test_replicas() -> None:
    assert replica_values(PARTS, "backend", 3) == {"backend": {"replicaCount": 3}}
    assert replica_values(FLAT, "", 3) == {"replicaCount": 3}
    with pytest.raises(BadRequest, match="no setting for the number of replicas of db"):
        replica_values({"db": {}}, "db", 3)


def test_bounds_of_an_autoscaler() -> None:
    values = {"a": {"autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 2}}}
    assert bounds_values(values, "a", 3, 5) == {"a": {"autoscaling": {"minReplicas": 3, "maxReplicas": 5}}}
    assert bounds_values(FLAT, "", 3, 5) is None


def test_images() -> None:
    parts = image_values(PARTS, "backend", "localhost:5001/team/app:v2")["backend"]["image"]
    assert parts == {"registry": "localhost:5001", "repository": "team/app", "tag": "v2", "digest": ""}
    assert image_values(PARTS, "backend", "nginx")["backend"]["image"]["tag"] == "latest"
    assert image_values(FLAT, "", "quay.io/a/b:1") == {"image": {"repository": "quay.io/a/b", "tag": "1"}}
    assert image_values({"image": "a:1"}, "", "b:2") == {"image": "b:2"}
    with pytest.raises(NotFound):
        image_values({}, "", "b:2")
    with pytest.raises(BadRequest, match="digest"):
        image_values(FLAT, "", f"a@sha256:{'0' * 64}")


def test_environment() -> None:
    assert env_values(PARTS, {}, "backend", {"A.B": "c", "D": None}) == {"backend": {"env": {"A.B": "c", "D": None}}}
    given = {"extraEnv": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    assert env_values(FLAT, given, "", {"A": "9", "B": None}) == {"extraEnv": [{"name": "A", "value": "9"}]}
    with pytest.raises(NotFound):
        env_values({"a": {}}, {}, "a", {"X": "y"})


def test_resources() -> None:
    assert resource_values("a", {"cpu": "1"}, {}) == {"a": {"resources": {"requests": {"cpu": "1"}}}}


def test_the_patch_of_a_client_side_upgrade_removes_what_is_gone() -> None:
    old = {"a": 1, "gone": 1, "list": [{"name": "x", "v": 1, "w": 1}, {"name": "y"}], "plain": [1, 2]}
    new = {"a": 2, "list": [{"name": "x", "v": 2}], "plain": [3]}
    assert three_way(old, new) == {
        "a": 2,
        "gone": None,
        "list": [{"name": "x", "v": 2, "w": None}, {"name": "y", "$patch": "delete"}],
        "plain": [3],
    }
