"""Manifests that people paste."""

import pytest

from tools.errors import BadRequest
from tools.kubernetes.manifests import read_documents

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def test_documents_and_lists_are_taken_apart():
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: b}}"
    text = f"---\n{GOOD}---\n---\napiVersion: v1\nkind: List\nitems:\n- {secret}\n"
    assert [(item["kind"], item["metadata"]["name"]) for item in read_documents(text)] == [
        ("ConfigMap", "a"),
        ("Secret", "b"),
    ]


def test_json_is_read_and_what_the_server_keeps_is_dropped():
    text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","uid":"x","resourceVersion":"1"},"status":{}}'
    assert read_documents(text) == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}]


def test_times_stay_text():
    item = read_documents(GOOD + "data: {since: 2026-01-01T00:00:00Z}")[0]
    assert item["data"]["since"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a: [1", "line"),
        ("just words", "no object"),
        ("kind: ConfigMap\nmetadata: {name: a}", "no apiVersion"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}", "metadata.name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: A_B}", "not a name"),
        (GOOD + "data: {a: '1', a: '2'}", "twice"),
        (f"{GOOD}---\n{GOOD}", "twice"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_bad_manifests_are_told_apart(text, says):
    with pytest.raises(BadRequest, match=says):
        read_documents(text)
