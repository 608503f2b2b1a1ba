"""An edit of a release's workload goes through the chart's values where the chart has them, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from tools.errors import NotFound
from tools.workspace.editing import chart_settings

VALUES = {"web": {"tolerations": [], "livenessProbe": {"tcpSocket": {"port": 80}}, "readinessProbe": {"enabled": True}}}
LIVE = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "web"}, {"name": "log"}]}}}}


def body(**pods: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": pods}}}


def test_what_the_chart_has_settings_for_is_set_there() -> None:
    probe = {"httpGet": {"path": "/", "port": 80}, "tcpSocket": None}
    patch = body(tolerations=[{"key": "gpu"}], containers=[{"name": "web", "livenessProbe": probe}])
    assert chart_settings(VALUES, "web", LIVE, patch) == {
        "web": {"tolerations": [{"key": "gpu"}], "livenessProbe": probe}
    }


@pytest.mark.parametrize("patch", [
    {"spec": {"paused": True}},
    body(hostNetwork=True),
    body(priorityClassName="high"),
    body(containers=[{"name": "web", "readinessProbe": {"exec": {"command": ["true"]}}}]),
    body(containers=[{"name": "log", "livenessProbe": {"exec": {"command": ["true"]}}}]),
    body(tolerations=[{"key": "gpu"}], hostNetwork=True),
])  # fmt: skip
def test_what_it_has_no_setting_for_is_said(patch: dict[str, Any]) -> None:
    with pytest.raises(NotFound, match="no setting"):
        chart_settings(VALUES, "web", LIVE, patch)
