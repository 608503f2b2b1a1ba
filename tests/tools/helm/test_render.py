"""Helm's complaints in plain words, and its command lines."""

from pathlib import Path

import pytest

from tools.helm.charts import Chart
from tools.helm.render import command, explain


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n"
            "- at '/backend/replicaCount': got string, want integer\n",
            "The chart does not accept these values: backend.replicaCount: got string, want integer (replicaCount: x).",
        ),
        (
            "values don't meet the specifications of the schema(s)\nshop:\n"
            "- (root): Additional property replicaCont is not allowed\n",
            "The chart does not accept these values: there is no setting replicaCont.",
        ),
        (
            "values don't meet the specifications of the schema(s)\nshop:\n"
            "- at '/backend': additional properties 'a', 'b' not allowed\n",
            "The chart does not accept these values: backend has no setting a or b.",
        ),
        (
            "Error: INSTALLATION FAILED: execution error at (shop/templates/a.yaml:3:4): sqlite allows one replica",
            "The chart cannot be rendered (shop/templates/a.yaml:3:4): sqlite allows one replica.",
        ),
        (
            'Error: UPGRADE FAILED: Unable to continue: Secret "s" in namespace "todo" exists and cannot be imported '
            "into the current release: invalid ownership metadata",
            "Secret s in todo exists already and does not belong to this release; Helm will not take it over.",
        ),
        (
            "found in Chart.yaml, but missing in charts/ directory: redis",
            "The chart lacks the charts it depends on (redis): run `helm dependency build` on it.",
        ),
        (
            "chart requires kubeVersion: >=1.99 which is incompatible with Kubernetes v1.35.4",
            "The chart wants Kubernetes >=1.99, but this cluster has v1.35.4.",
        ),
        (
            'resource mapping not found: no matches for kind "Thing" in version "x.io/v1"',
            "The cluster does not know the kind Thing (x.io/v1); is its definition installed?",
        ),
        ("Error: UPGRADE FAILED: something\n  else", "helm says: something else."),
    ],
)
def test_complaints(said: str, told: str) -> None:
    assert explain(said, {"backend": {"replicaCount": "x"}}) == told


def test_a_secret_value_is_not_repeated() -> None:
    said = "values don't meet the specifications of the schema(s)\n- at '/auth/password': minLength: got 4, want 8\n"
    assert "hun2" not in explain(said, {"auth": {"password": "hun2"}})


def test_command_lines() -> None:
    chart = Chart("shop", "1", Path("/c/shop"), "d")
    install = command("install", "shop", "todo", chart, create=True)
    assert install == ["install", "shop", "/c/shop", "--namespace", "todo", "-f", "-", "--create-namespace"]
    upgrade = command("upgrade", "shop", "todo", chart, force=True)
    assert upgrade[-4:] == ["--reset-values", "--history-max", "10", "--force-conflicts"]
