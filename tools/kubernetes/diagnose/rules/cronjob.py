"""A CronJob that never runs, misses its runs, or runs over itself; that it is suspended is only worth knowing.

Example: schedule "0 0 31 2 *" names a day that no year has. A CronJob younger than its first run is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from tools.change import Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, event, field, latest, seen
from tools.kubernetes.diagnose.schedule import Schedule, parse
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.quantity import format_age
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-CRON-SCHEDULE": "the schedule cannot be read, or never comes",
    "SM-CRON-MISSED": "runs that were due did not begin",
    "SM-CRON-OVERLAP": "a run takes longer than the time until the next one",
    "SM-CRON-SUSPENDED": "the CronJob is suspended, so it does not run",
}
_PATIENCE = 120.0  # seconds after a due time in which a run may begin
_PILE = 3  # runs at once that are more than chance


def check(snap: Snapshot) -> Iterator[Seen]:
    """CronJobs that do not run as their schedule says."""
    for item in snap.all("cronjobs.batch"):
        if item["spec"].get("suspend"):
            yield _suspended(item)
            continue
        try:
            schedule, zone = parse(str(item["spec"]["schedule"])), ZoneInfo(item["spec"].get("timeZone") or "UTC")
            why = "" if schedule.after(snap.now) else "no such day ever comes"
        except (ValueError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
            schedule, zone, why = None, None, str(error).strip("'")
        if schedule is None or zone is None or why:
            yield _unreadable(item, why)
        else:
            yield from _late(snap, item, schedule, zone)


def _suspended(item: Object) -> Seen:
    ref = ref_of(item)
    change = Patch(summary=f"resume {ref}", ref=ref, verb="resume", type="merge", patch={"spec": {"suspend": False}})
    return seen(
        "SM-CRON-SUSPENDED",
        item,
        f"{ref} is suspended, so it does not run.",
        severity=Severity.INFO,
        evidence=(field("status.lastScheduleTime", (item.get("status") or {}).get("lastScheduleTime") or "never"),),
        fixes=(change_fix("Resume it, if that was not on purpose.", change),),
    )


def _unreadable(item: Object, why: str) -> Seen:
    return seen(
        "SM-CRON-SCHEDULE",
        item,
        f"{ref_of(item)} never runs: {why}.",
        severity=Severity.WARNING,
        evidence=(field("spec.schedule", item["spec"]["schedule"]), field("timeZone", item["spec"].get("timeZone"))),
        fixes=(Fix(text="Correct the schedule: minute, hour, day of month, month, day of week."),),
    )


def _late(snap: Snapshot, item: Object, schedule: Schedule, zone: ZoneInfo) -> Iterator[Seen]:
    status, spec, ref = item.get("status") or {}, item["spec"], ref_of(item)
    active: list[Object] = status.get("active") or []
    policy = spec.get("concurrencyPolicy", "Allow")
    due = schedule.before(snap.now.astimezone(zone))
    born = datetime.fromisoformat(item["metadata"]["creationTimestamp"])
    last = datetime.fromisoformat(status.get("lastScheduleTime") or item["metadata"]["creationTimestamp"])
    late = due and (snap.now - due).total_seconds() > _PATIENCE and last < due and born < due
    told = latest(snap, item, "JobAlreadyActive", "TooManyMissedTimes", "FailedNeedsStart", "MissSchedule",
                  "FailedCreate")  # fmt: skip
    if (policy == "Allow" and len(active) >= _PILE) or (policy == "Forbid" and active and late):
        why = (
            f"{len(active)} runs at once, as each takes longer than the time until the next"
            if policy == "Allow"
            else f"the run {active[0].get('name')} still goes on, so the next one is left out"
        )
        yield seen(
            "SM-CRON-OVERLAP",
            item,
            f"{ref} runs over itself: {why}.",
            severity=Severity.WARNING,
            evidence=(field("spec.schedule", spec["schedule"]), field("spec.concurrencyPolicy", policy), event(told)),
            fixes=(Fix(text="Give the job a deadline (activeDeadlineSeconds), or let it run less often."),),
        )
    elif late and due:
        deadline = spec.get("startingDeadlineSeconds")
        why = f"a deadline of {deadline} s to begin" if deadline is not None and deadline < 60 else ""
        yield seen(
            "SM-CRON-MISSED",
            item,
            f"{ref} was due {format_age((snap.now - due).total_seconds())} ago and did not run"
            f"{f': {why} is too short' if why else ''}.",
            severity=Severity.WARNING,
            chain=(f"{ref} does not run", why or "its controller has not made a job"),
            evidence=(
                field("spec.schedule", f"{spec['schedule']} ({spec.get('timeZone') or 'UTC'})"),
                field("status.lastScheduleTime", status.get("lastScheduleTime") or "never"),
                event(told),
            ),
            fixes=(Fix(text="Raise startingDeadlineSeconds above 60." if why else "Look at the controller manager."),),
        )
