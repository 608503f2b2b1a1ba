"""Changes made from a live workload, and the names and quantities in them."""

from decimal import Decimal

import pytest

from tools.errors import BadRequest, NeedsAnswer, NotFound
from tools.kubernetes import quantity
from tools.kubernetes.look.find import matching
from tools.kubernetes.look.owners import owners_of
from tools.kubernetes.names import check_image, check_label
from tools.kubernetes.workload_changes import (
    env_change,
    image_change,
    resources_change,
    restart_change,
    scale_change,
)


def deployment(name="backend", namespace="todo", replicas=1, containers=("backend",), **meta):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, **meta},
        "spec": {
            "replicas": replicas,
            "template": {"spec": {"containers": [{"name": item, "image": f"{item}:1"} for item in containers]}},
        },
    }


def test_scale_says_from_and_to():
    change = scale_change(deployment(), 3)
    assert change.summary == "scale deployment backend in todo from 1 to 3 replicas"
    assert change.replicas == 3


@pytest.mark.parametrize("count", [-1, 1001, 10**9])
def test_scale_refuses_absurd_counts(count):
    with pytest.raises(BadRequest, match="out of range"):
        scale_change(deployment(), count)


def test_only_container_is_meant_and_several_are_asked_about():
    assert image_change(deployment(), None, "backend:2").patch == {
        "spec": {"template": {"spec": {"containers": [{"name": "backend", "image": "backend:2"}]}}}
    }
    with pytest.raises(NeedsAnswer) as question:
        image_change(deployment(containers=("web", "proxy")), None, "backend:2")
    assert question.value.options == ("web", "proxy")
    with pytest.raises(NotFound, match="no container"):
        image_change(deployment(), "nginx", "backend:2")


@pytest.mark.parametrize("image", ["nginx", "nginx:1.27", "localhost:5001/a/b:v_2.x", f"r.io/x@sha256:{'a' * 64}"])
def test_images_that_are_fine(image):
    assert check_image(image) == image


@pytest.mark.parametrize(
    "image", ["", "Nginx", "nginx:", "nginx latest", "nginx:-x", "a//b", "nginx;rm -rf /", "x:y:z"]
)
def test_images_that_are_refused(image):
    with pytest.raises(BadRequest, match="image reference"):
        check_image(image)


def test_request_above_limit_is_refused_also_against_the_live_limit():
    live = deployment()
    live["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1"}}
    with pytest.raises(BadRequest, match="above the limit 1"):
        resources_change(live, None, requests={"cpu": "1500m"})
    assert resources_change(live, None, requests={"cpu": "1500m"}, limits={"cpu": "2"})


def test_env_summary_names_no_value():
    change = env_change(deployment(), None, {"PASSWORD": "hunter2"})
    assert "hunter2" not in change.summary
    with pytest.raises(NotFound):
        env_change(deployment(), None, {"MISSING": None})


def test_restart_marks_the_template():
    patch = restart_change(deployment(), "2026-01-01T00:00:00Z").patch
    assert patch["spec"]["template"]["metadata"]["annotations"] == {
        "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"
    }


def test_labels_follow_kubernetes_rules():
    check_label("app.example.com/tier", "web")
    check_label("tier", None)
    for key, value in (("Bad Key", "x"), ("tier", "a b"), ("UPPER.com/x", "y"), ("tier", "x" * 64)):
        with pytest.raises(BadRequest):
            check_label(key, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", "0.25"),
        ("1Gi", str(2**30)),
        ("1e3", "1000"),
        ("0.5", "0.5"),
        ("2k", "2000"),
        ("12E", "12e18"),
    ],
)
def test_quantities(text, value):
    assert quantity.parse(text) == Decimal(value)


def test_quantity_for_people():
    assert quantity.show("cpu", Decimal("1.2")) == "1.2 CPU"
    assert quantity.show("cpu", Decimal("0.25")) == "250m CPU"
    assert quantity.show("memory", Decimal(512 * 2**20)) == "512 MiB memory"
    with pytest.raises(BadRequest):
        quantity.parse("lots")


def test_workloads_are_found_by_name_then_component_then_suffix():
    own = deployment("backend")
    component = deployment("x1", labels={"app.kubernetes.io/component": "backend"})
    suffix = deployment("todo-backend")
    assert matching([suffix, component, own], "backend") == [own]
    assert matching([suffix, component], "backend") == [component]
    assert matching([suffix, deployment("frontend")], "backend") == [suffix]
    assert matching([suffix], "database") == []


def test_owners():
    live = deployment(
        annotations={"meta.helm.sh/release-name": "todo", "meta.helm.sh/release-namespace": "todo"},
        labels={"kustomize.toolkit.fluxcd.io/name": "apps"},
    )
    scaler = {
        "metadata": {"name": "backend", "namespace": "todo"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "backend"},
            "minReplicas": 2,
            "maxReplicas": 5,
        },
    }
    found = owners_of(live, [scaler])
    assert [(owner.kind, owner.name) for owner in found] == [
        ("helm", "todo"), ("flux", "apps"), ("autoscaler", "backend")
    ]  # fmt: skip
    assert (found[2].minimum, found[2].maximum) == (2, 5)
    pod = deployment(ownerReferences=[{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs"}])
    assert owners_of(pod)[0].kind == "controller"
