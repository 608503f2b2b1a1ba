"""Containers without a probe have to run for a moment before they count as healthy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tools.kubernetes.rollout.steady import SECONDS, Steadiness, watched

CLOCK = datetime(2026, 1, 1, tzinfo=UTC)


def pod(ran: float, restarts: int = 0, probe: str = "", state: str = "running") -> dict[str, Any]:
    started = (CLOCK - timedelta(seconds=ran)).isoformat()
    container = {"name": "main", **({probe: {"exec": {}}} if probe else {})}
    status = {"name": "main", "restartCount": restarts, "state": {state: {"startedAt": started}}}
    return {
        "metadata": {"uid": "u"}, "spec": {"containers": [container]}, "status": {"containerStatuses": [status]}
    }  # fmt: skip


@pytest.mark.parametrize(("ran", "waits"), [(0, True), (SECONDS - 1, True), (SECONDS, False), (3600, False)])
def test_a_container_has_to_run_for_a_moment(ran: float, waits: bool) -> None:
    assert bool(Steadiness().unsteady([pod(ran)], 0, CLOCK)) is waits


def test_a_restart_begins_anew() -> None:
    steadiness = Steadiness()
    assert steadiness.unsteady([pod(0)], 0, CLOCK) == "main"
    assert steadiness.unsteady([pod(0, restarts=1)], SECONDS, CLOCK) == "main"
    assert steadiness.unsteady([pod(0, restarts=1)], 2 * SECONDS, CLOCK) == ""


def test_a_clock_that_is_behind_does_not_wait_for_ever() -> None:
    steadiness = Steadiness()
    assert steadiness.unsteady([pod(-3600)], 0, CLOCK) == "main"
    assert steadiness.unsteady([pod(-3600)], SECONDS, CLOCK) == ""


@pytest.mark.parametrize("state", ["waiting", "terminated"])
def test_what_does_not_run_is_not_steady(state: str) -> None:
    assert Steadiness().unsteady([pod(3600, state=state)], 100, CLOCK) == "main"


@pytest.mark.parametrize("probe", ["readinessProbe", "startupProbe"])
def test_nothing_is_added_to_a_probe(probe: str) -> None:
    one = pod(0, probe=probe)
    assert Steadiness().unsteady([one], 0, CLOCK) == ""
    assert not watched({"spec": {"template": {"spec": one["spec"]}}})
    assert not watched({"spec": {"minReadySeconds": 3, "template": {"spec": pod(0)["spec"]}}})
    assert watched({"spec": {"template": {"spec": pod(0)["spec"]}}})


def test_pods_that_stop_do_not_count() -> None:
    leaving = pod(0)
    leaving["metadata"]["deletionTimestamp"] = CLOCK.isoformat()
    assert Steadiness().unsteady([leaving], 0, CLOCK) == ""
