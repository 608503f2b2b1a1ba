"""Who may talk to whom, by the rules of NetworkPolicy applied to the chart's own pods."""

from __future__ import annotations

from typing import Any

import pytest
from rendering import PASSWORD, Rendered, render

FRONTEND, BACKEND, DATABASE = "frontend", "backend", "database"
STRANGER = {"app": "stranger"}
PORTS = {FRONTEND: 3000, BACKEND: 8000, DATABASE: 5432}


def labels(chart: Rendered, component: str) -> dict[str, str]:
    if component == "test":
        return chart["Pod/todo-chatbot-backend-test"]["metadata"]["labels"]
    return chart.pod(component)["metadata"]["labels"]


def matches(selector: dict[str, Any], pod: dict[str, str]) -> bool:
    if not selector.get("matchLabels", {}).items() <= pod.items():
        return False
    return all(
        expression["operator"] == "In" and pod.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
    )


def open_for(rule: dict[str, Any], side: str, peer: dict[str, str] | None, port: int) -> bool:
    """Whether a rule lets a pod of the namespace (None: the world outside) through on a TCP port."""
    if "ports" in rule and not any(p["port"] == port and p.get("protocol", "TCP") == "TCP" for p in rule["ports"]):
        return False
    if side not in rule:
        return True
    return peer is not None and any(matches(choice["podSelector"], peer) for choice in rule[side])


def direction_open(
    chart: Rendered, pod: dict[str, str], direction: str, peer: dict[str, str] | None, port: int
) -> bool:
    specs = [chart[f"NetworkPolicy/{name}"]["spec"] for name in chart.kind("NetworkPolicy")]
    applying = [s for s in specs if matches(s["podSelector"], pod) and direction.capitalize() in s["policyTypes"]]
    side = "from" if direction == "ingress" else "to"
    return not applying or any(open_for(r, side, peer, port) for s in applying for r in s.get(direction, []))


def reaches(chart: Rendered, source: dict[str, str] | None, target: dict[str, str] | None, port: int) -> bool:
    leaves = source is None or direction_open(chart, source, "egress", target, port)
    return leaves and (target is None or direction_open(chart, target, "ingress", source, port))


def test_only_what_is_needed_is_open() -> None:
    chart = render()
    pods = {name: labels(chart, name) for name in (FRONTEND, BACKEND, DATABASE, "test")} | {"stranger": STRANGER}
    open_ways = {
        (source, target)
        for source in pods
        for target, port in PORTS.items()
        if source != target and reaches(chart, pods[source], pods[target], port)
    }
    assert open_ways == {
        (FRONTEND, BACKEND),
        (BACKEND, DATABASE),
        ("test", FRONTEND),
        ("test", BACKEND),
        ("stranger", FRONTEND),
    }


@pytest.mark.parametrize("component", [FRONTEND, BACKEND, "test"])
def test_names_can_be_resolved(component: str) -> None:
    chart = render()
    assert reaches(chart, labels(chart, component), None, 53)


def test_the_database_reaches_nothing_and_nothing_else_leaves_the_release() -> None:
    chart = render()
    for component in (FRONTEND, BACKEND, DATABASE):
        assert not reaches(chart, labels(chart, component), None, 443)
    assert not reaches(chart, labels(chart, DATABASE), None, 53)


def test_the_outside_reaches_the_frontend_alone() -> None:
    chart = render()
    assert [name for name, port in PORTS.items() if reaches(chart, None, labels(chart, name), port)] == [FRONTEND]


def test_a_database_elsewhere_is_reached_on_its_port() -> None:
    external = (
        "database.enabled=false",
        "database.external.existingSecret=rds",
        "database.external.port=6432",
    )
    chart = render(*external)
    assert reaches(chart, labels(chart, BACKEND), None, 6432)
    assert not reaches(chart, labels(chart, BACKEND), None, 5432)


def test_without_the_frontend_the_namespace_may_call_the_backend() -> None:
    chart = render("frontend.enabled=false")
    assert reaches(chart, STRANGER, labels(chart, BACKEND), 8000)
    assert not reaches(chart, STRANGER, labels(chart, DATABASE), 5432)


def test_exceptions_can_be_named() -> None:
    peer = '[{"podSelector": {"matchLabels": {"app": "stranger"}}}]'
    chart = render(f"networkPolicy.backend.from:={peer}")
    assert reaches(chart, STRANGER, labels(chart, BACKEND), 8000)
    chart = render('networkPolicy.backend.extraEgress:=[{"ports": [{"port": 4318}]}]')
    assert reaches(chart, labels(chart, BACKEND), None, 4318)
    chart = render(f"networkPolicy.frontend.from:={peer}")
    assert reaches(chart, STRANGER, labels(chart, FRONTEND), 3000)
    assert not reaches(chart, {"app": "other"}, labels(chart, FRONTEND), 3000)
    assert reaches(chart, labels(chart, "test"), labels(chart, FRONTEND), 3000)


def test_policies_can_be_left_out() -> None:
    assert not render(PASSWORD, "networkPolicy.enabled=false").kind("NetworkPolicy")
