"""Conditions on the rows of a table, and aspects of a description."""

from __future__ import annotations

import pytest

from tools.errors import BadRequest
from tools.kubernetes.look.aspects import aspect_of
from tools.kubernetes.look.conditions import keep, read_condition
from tools.kubernetes.look.tables import Row, Table

PODS = ["Name", "Ready", "Status", "Restarts", "Age"]


def pods() -> Table:
    rows = [
        ("web-1", "1/1", "Running", "0", "3m"),
        ("web-2", "0/1", "CrashLoopBackOff", "12 (4m ago)", "3m"),
        ("job-1", "0/1", "Completed", "0", "3m"),
        ("api-1", "1/2", "Running", "1", "3m"),
    ]
    return Table(list(PODS), [Row(cells[0], "shop", cells) for cells in rows])


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("not ready", ["web-2", "api-1"]),
        ("ready", ["web-1", "job-1"]),
        ("restarts>0", ["web-2", "api-1"]),
        ("restarts>=12", ["web-2"]),
        ("status=running", ["web-1", "api-1"]),
        ("status!=Running", ["web-2", "job-1"]),
    ],
)
def test_keeps_the_rows_that_are_meant(where: str, left: list[str]) -> None:
    table = pods()
    keep(table, read_condition(where))
    assert [row.name for row in table.rows] == left


def test_replicas_are_those_that_are_wanted() -> None:
    table = Table(["Name", "Ready"], [Row("a", "s", ("a", "0/3")), Row("b", "s", ("b", "1/1"))])
    keep(table, read_condition("replicas>2"))
    assert [row.name for row in table.rows] == ["a"]


@pytest.mark.parametrize("where", ["", "pretty", "restarts >", "> 3"])
def test_refuses_what_is_no_condition(where: str) -> None:
    with pytest.raises(BadRequest):
        read_condition(where)


def test_names_the_columns_when_there_is_no_such() -> None:
    with pytest.raises(BadRequest, match="restarts"):
        keep(pods(), read_condition("colour=blue"))


def test_says_it_in_words() -> None:
    condition = read_condition("not ready")
    assert condition.none(3, "pods") == "All 3 pods are ready."
    assert condition.some(1, 3, "pods") == "1 of 3 pods is not ready"
    assert read_condition("restarts>0").some(2, 3, "pods") == "2 of 3 pods have restarts > 0"
    assert read_condition("endpoints=<none>").none(2, "services") == "None of the 2 services has no endpoints."


DESCRIPTION = """Deployment web in namespace shop (apps/v1), 3m old
Labels: app=web
Container web:
  Image: nginx:1.27
  Resources: no requests, no limits
Container side:
  Image: proxy:2
Pods (1):
  NAME  READY
  web-1  1/1"""


def test_an_aspect_keeps_its_lines_and_their_titles() -> None:
    assert aspect_of(DESCRIPTION, "image").splitlines() == [
        "Deployment web in namespace shop (apps/v1), 3m old",
        "Container web:",
        "  Image: nginx:1.27",
        "Container side:",
        "  Image: proxy:2",
    ]
    assert "web-1" in aspect_of(DESCRIPTION, "pods")
    assert "no environment" in aspect_of(DESCRIPTION, "environment")
    assert aspect_of(DESCRIPTION, "age").count("\n") == 0
