"""A job has failed: what its last pod said."""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Evidence, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.rules.crash import explain
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-JOB-FAILED": "a job has used up its tries or its time"}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Failed jobs, the latest of each CronJob only."""
    for job in snap.all("jobs.batch"):
        failure = condition(job, "Failed")
        if failure.get("status") != "True" or _succeeded_since(snap, job):
            continue
        ref, reason = ref_of(job), str(failure.get("reason", ""))
        why = {
            "DeadlineExceeded": "it ran longer than its deadline",
            "BackoffLimitExceeded": "its pods failed too often",
        }.get(reason, str(failure.get("message") or reason))
        units = [
            unit for unit in snap.units() if unit.owner["metadata"]["uid"] == job["metadata"]["uid"] and _failed(unit)
        ]
        story = explain(snap, units[-1]) if units else None
        more = story.chain[1:] if story else ()
        evidence = story.evidence if story else (field("status.conditions.Failed", failure.get("message")),)
        yield seen(
            "SM-JOB-FAILED",
            job,
            f"{ref} has failed: {why}{f' ({more[0]})' if more else ''}.",
            severity=Severity.WARNING,
            chain=(f"{ref} has failed", why, *more),
            evidence=(*evidence, _tries(job)),
        )


def _failed(unit: Unit) -> bool:
    return bool(unit.terminated) and unit.terminated.get("exitCode") != 0


def _tries(job: Object) -> Evidence:
    return field("status.failed", f"{(job.get('status') or {}).get('failed', 0)} pods")


def _succeeded_since(snap: Snapshot, job: Object) -> bool:
    """Whether a later run of the same CronJob went well."""
    above = {own["uid"] for own in job["metadata"].get("ownerReferences") or ()}
    return any(
        above & {own["uid"] for own in other["metadata"].get("ownerReferences") or ()}
        and other["metadata"]["creationTimestamp"] > job["metadata"]["creationTimestamp"]
        and condition(other, "Complete").get("status") == "True"
        for other in snap.all("jobs.batch")
    )
