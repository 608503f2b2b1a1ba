"""Manifests are read the way Helm and the API server read them."""

import pytest

from tools.change import Ref
from tools.helm.documents import defined_by, documents, owned, same_object


def ref(kind: str = "ConfigMap", name: str = "a", version: str = "v1", namespace: str | None = "todo") -> Ref:
    return Ref(api_version=version, kind=kind, name=name, namespace=namespace)


def test_objects_with_their_source_and_namespace() -> None:
    found = documents(
        "---\n# Source: chart/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
        "--- \n# Source: chart/templates/b.yaml\n# nothing\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: other}\n",
        "todo",
    )
    assert [one.ref for one in found] == [ref(), ref(name="b", namespace="other")]
    assert found[0].source == "chart/templates/a.yaml"


def test_lists_are_taken_apart() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {}\n"
    assert [one.ref.name for one in documents(text, "todo")] == ["a"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),  # Python's YAML would make these a number,
        ("2026-01-01", "2026-01-01"),  # a date
        ("yes", True),
        ("n", False),
        ("0o17", 15),
        ("1e3", 1000.0),
        ("1_000", 1000),
        ("~", None),
        ("'on'", "on"),
        ("v1.2", "v1.2"),
    ],
)
def test_scalars_are_what_go_takes_them_for(text: str, value: object) -> None:
    (found,) = documents(f"kind: ConfigMap\nmetadata: {{name: a}}\ndata: {{x: {text}}}\n", "todo")
    assert found.body["data"]["x"] == value
    assert type(found.body["data"]["x"]) is type(value)


def test_marks_of_ownership_are_added_as_helm_does() -> None:
    body = {"metadata": {"name": "a", "labels": {"app": "a"}, "annotations": None}}
    metadata = owned(body, "shop", "todo")["metadata"]
    assert metadata["labels"] == {"app": "a", "app.kubernetes.io/managed-by": "Helm"}
    assert metadata["annotations"]["meta.helm.sh/release-name"] == "shop"
    assert body["metadata"]["labels"] == {"app": "a"}


def test_an_object_stays_the_same_in_another_version_of_its_api() -> None:
    old = ref("Ingress", version="networking.k8s.io/v1beta1")
    assert same_object(old, ref("Ingress", version="networking.k8s.io/v1"))
    assert not same_object(old, ref("Ingress", version="extensions/v1beta1"))
    assert not same_object(old, ref("Ingress", name="b", version="networking.k8s.io/v1"))


def test_kinds_that_a_chart_defines_itself_have_a_path() -> None:
    found = documents(
        "kind: CustomResourceDefinition\nmetadata: {name: things.x.io}\n"
        "spec: {group: x.io, scope: Namespaced, names: {kind: Thing, plural: things}}\n",
        "todo",
    )
    assert defined_by(found, ref("Thing", version="x.io/v1")) == "/apis/x.io/v1/namespaces/todo/things/a"
    assert defined_by(found, ref("Other", version="x.io/v1")) == ""
