"""A CronJob that never runs, misses its runs, or runs over itself; that it is suspended is only worth knowing.

Example: schedule "0 0 31 2 *" names a day that no year has. A CronJob younger than its first run is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from tools.change import Delete, Patch
from tools.finding import Asks, Evidence, Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, event, field, latest, seen
from tools.kubernetes.diagnose.schedule import Schedule, parse
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.refusals import plain_text
from tools.kubernetes.quantity import format_age
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-CRON-SCHEDULE": "the schedule cannot be read, or never comes",
    "SM-CRON-MISSED": "runs that were due did not begin",
    "SM-CRON-OVERLAP": "a run takes longer than the time until the next one",
    "SM-CRON-SUSPENDED": "the CronJob is suspended, so it does not run",
}
_PATIENCE = 120.0  # seconds after a due time in which a run may begin
_MEMORY = 3600.0  # seconds that an event counts
_PILE = 3  # runs at once that are more than chance
_STOPPED = 2  # runs stopped by the next one that are more than chance
_SHORT, _LONG = 10, 200  # seconds of a deadline to begin: the controller may need 10
_TOLD = ("JobAlreadyActive", "TooManyMissedTimes", "FailedNeedsStart", "MissSchedule", "FailedCreate")


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
        fixes=(_scheduled(item),),
    )


def _scheduled(item: Object) -> Fix:
    ref = ref_of(item)
    change = Patch(
        summary=f"set the schedule of {ref} to {{value}}",
        ref=ref,
        verb="set schedule",
        type="merge",
        patch={"spec": {"schedule": "{value}"}},
    )
    question = f"Which schedule shall {ref} have (minute, hour, day of month, month, day of week)?"
    return Fix(text="Correct the schedule.", changes=(change,), asks=Asks(question=question))


def _late(snap: Snapshot, item: Object, schedule: Schedule, zone: ZoneInfo) -> Iterator[Seen]:
    """Runs that get in each other's way, and runs that did not begin."""
    status, policy = item.get("status") or {}, item["spec"].get("concurrencyPolicy", "Allow")
    last = max(_time(item), _time(item, status.get("lastScheduleTime")))
    active = status.get("active") or []
    runs = [run for entry in active if (run := _run(snap, item, entry))]
    begun = min([_time(run) for run in runs], default=last if active else snap.now)
    outlived = _late_by(schedule, zone, begun, snap.now) > _PATIENCE
    told = latest(snap, item, *_TOLD)
    stopped = [found for found in snap.events(item, "SuccessfulDelete") if _recent(snap, found)]
    late = _late_by(schedule, zone, last, snap.now)
    refused = told and told.get("reason") == "FailedCreate" and _time(told, told.get("lastTimestamp")) > last
    if policy == "Allow" and len(active) >= _PILE:
        yield _overlap(item, f"{len(active)} runs at once, as each takes longer than the time until the next", runs[1:])
    elif policy == "Forbid" and outlived:
        name = active[0].get("name")
        yield _overlap(item, f"the run {name} still goes on, so the next ones are left out", runs, event(told))
    elif policy == "Replace" and _replaced(stopped) and _time(item, status.get("lastSuccessfulTime")) < _first(stopped):
        yield _overlap(item, "each run is stopped by the next one, so none comes to its end", [], event(stopped[-1]))
    elif (late > _PATIENCE and not active) or (refused and late > 0):
        yield _missed(item, late, told if refused else None, told)


def _run(snap: Snapshot, item: Object, entry: Object) -> Object | None:
    return snap.find("jobs.batch", str(entry.get("name")), item["metadata"].get("namespace"))


def _time(obj: Object, told: str | None = None) -> datetime:
    return datetime.fromisoformat(told or obj["metadata"]["creationTimestamp"])


def _recent(snap: Snapshot, found: Object) -> bool:
    return snap.seconds_since(found.get("lastTimestamp")) < _MEMORY


def _replaced(stopped: list[Object]) -> bool:
    return sum(found.get("count") or 1 for found in stopped) >= _STOPPED


def _first(stopped: list[Object]) -> datetime:
    return min(_time(found, found.get("firstTimestamp")) for found in stopped)


def _late_by(schedule: Schedule, zone: ZoneInfo, since: datetime, now: datetime) -> float:
    """Seconds that the first run due since then is late; negative where it is still to come."""
    due = schedule.after(since.astimezone(zone))
    return (now - due).total_seconds() if due else -1.0


def _overlap(item: Object, why: str, slow: list[Object], *evidence: Evidence | None) -> Seen:
    ref, policy = ref_of(item), item["spec"].get("concurrencyPolicy", "Allow")
    return seen(
        "SM-CRON-OVERLAP",
        item,
        f"{ref} runs over itself: {why}.",
        severity=Severity.WARNING,
        evidence=(
            field("spec.schedule", item["spec"]["schedule"]),
            field("spec.concurrencyPolicy", policy),
            *evidence,
        ),
        fixes=(_one_by_one(item) if policy == "Replace" else _deadline(item, slow),),
    )


def _one_by_one(item: Object) -> Fix:
    ref, patch = ref_of(item), {"spec": {"concurrencyPolicy": "Forbid"}}
    change = Patch(
        summary=f"let {ref} end a run before the next", ref=ref, verb="set policy", type="merge", patch=patch
    )
    return change_fix("Let a run come to its end: leave the next one out meanwhile, or run less often.", change)


def _deadline(item: Object, slow: list[Object]) -> Fix:
    """Stop the runs that take too long, and limit those to come."""
    ref = ref_of(item)
    change = Patch(
        summary=f"give the runs of {ref} {{value}} s",
        ref=ref,
        verb="set deadline",
        type="merge",
        patch={"spec": {"jobTemplate": {"spec": {"activeDeadlineSeconds": "{value}"}}}},
    )
    ends = [Delete(summary=f"stop {ref_of(run)}", ref=ref_of(run)) for run in slow]
    asks = Asks(question=f"How many seconds may a run of {ref} take? What takes longer is stopped.", form="number")
    return Fix(text="Stop what takes too long and give the runs a deadline.", changes=(change, *ends), asks=asks)


def _missed(item: Object, late: float, refusal: Object | None, told: Object | None) -> Seen:
    ref, spec, deadline = ref_of(item), item["spec"], item["spec"].get("startingDeadlineSeconds")
    short = deadline is not None and deadline < _SHORT
    why = f"a deadline of {deadline} s to begin is too short" if short else "its controller has not made a job"
    fix = Fix(text="Look at the controller manager.")
    if refusal:
        why = f"its job is refused: {plain_text(str(refusal.get('message', ''))).rstrip('.')}"
        fix = Fix(text="Do what the refusal asks for: raise the quota, for one, or change the job.")
    elif short:
        longer = Patch(
            summary=f"let runs of {ref} begin up to {_LONG} s late",
            ref=ref,
            verb="set deadline",
            type="merge",
            patch={"spec": {"startingDeadlineSeconds": _LONG}},
        )
        fix = change_fix("Let a run begin later than that.", longer)
    return seen(
        "SM-CRON-MISSED",
        item,
        f"{ref} was due {format_age(late)} ago and did not run: {why}.",
        severity=Severity.WARNING,
        chain=(f"{ref} does not run", why),
        evidence=(
            field("spec.schedule", f"{spec['schedule']} ({spec.get('timeZone') or 'UTC'})"),
            field("status.lastScheduleTime", (item.get("status") or {}).get("lastScheduleTime") or "never"),
            event(told),
        ),
        fixes=(fix,),
    )
