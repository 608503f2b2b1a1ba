"""CronJobs, and the schedules that they are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.tools.kubernetes.diagnose_rules.made import JUST_NOW, NOW, found, ids, made, snapshot
from tools.kubernetes.diagnose.schedule import parse


def cron(schedule: str = "*/5 * * * *", last: str = "2026-03-10T12:00:00Z", active: int = 0, **spec) -> dict:
    runs = [{"name": f"job-{number}"} for number in range(active)]
    meta = spec.pop("metadata", {})
    body = {"schedule": schedule, "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}, **spec}
    return made(
        "CronJob", "report", "batch/v1", spec=body, metadata=meta, status={"lastScheduleTime": last, "active": runs}
    )


@pytest.mark.parametrize(
    ("text", "after", "before"),
    [
        ("*/15 * * * *", "2026-03-10T12:15", "2026-03-10T12:00"),
        ("0 3 * * mon-fri", "2026-03-11T03:00", "2026-03-10T03:00"),
        ("30 6 1 jan *", "2027-01-01T06:30", "2026-01-01T06:30"),
        ("0 0 29 2 *", "2028-02-29T00:00", "2024-02-29T00:00"),
        ("0 12 13 * 5", "2026-03-13T12:00", "2026-03-06T12:00"),
        ("0 0 * * 7", "2026-03-15T00:00", "2026-03-08T00:00"),
        ("@daily", "2026-03-11T00:00", "2026-03-10T00:00"),
        ("5-10/5 22 * * *", "2026-03-10T22:05", "2026-03-09T22:10"),
    ],
)
def test_due_times(text, after, before):
    schedule = parse(text)
    assert schedule.after(NOW) == datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert schedule.before(NOW) == datetime.fromisoformat(before).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "* 24 * * *", "a * * * *", "*/0 * * * *", "5-1 * * * *"])
def test_schedules_that_cannot_be_read(text):
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize(
    ("item", "id"),
    [
        (cron("0 0 31 2 *"), "SM-CRON-SCHEDULE"),
        (cron(timeZone="Mars/North"), "SM-CRON-SCHEDULE"),
        (cron(last="2026-03-10T11:00:00Z", schedule="50 * * * *"), "SM-CRON-MISSED"),
        (cron(last="2026-03-10T11:00:00Z", schedule="50 * * * *", active=1, concurrencyPolicy="Forbid"),
         "SM-CRON-OVERLAP"),
        (cron(active=4), "SM-CRON-OVERLAP"),
    ],
)  # fmt: skip
def test_faults(item, id):
    (one,) = found(snapshot(item))
    assert (one.id, one.severity) == (id, "warning")


def test_suspended_is_worth_knowing_only():
    (one,) = found(snapshot(cron("0 0 31 2 *", suspend=True)))
    assert (one.id, one.severity) == ("SM-CRON-SUSPENDED", "info")
    assert one.fixes[0].changes[0].patch == {"spec": {"suspend": False}}


@pytest.mark.parametrize(
    "item",
    [
        cron(),
        cron("0 3 * * *", last="2026-03-10T03:00:00Z", active=1, concurrencyPolicy="Forbid"),
        cron("58 11 * * *", last="2026-03-09T11:58:00Z"),
        cron(
            "0 9 * * *", last="2026-03-10T07:00:00Z", timeZone="Europe/Berlin", metadata={"creationTimestamp": JUST_NOW}
        ),
    ],
)
def test_cron_jobs_that_are_well(item):
    assert ids(snapshot(item)) == []
