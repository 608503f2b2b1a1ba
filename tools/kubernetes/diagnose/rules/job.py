"""A job has failed, or was left suspended: what its last pod said, told of the CronJob where it comes from one.

Example: the pods of job migrate have failed seven times with a traceback. A failed run of a CronJob that has run well
since is history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Asks, Evidence, Fix, Severity
from tools.kubernetes.diagnose.again import made_again
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.rules.crash import explain
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-JOB-FAILED": "a job has used up its tries or its time",
    "SM-JOB-SUSPENDED": "a job is suspended, so it does not begin",
}
_SAID = re.compile(r"^Container .*? (?:keeps ending|cannot run|was killed): ")
_QUEUE = "kueue.x-k8s.io/queue-name"  # such a job waits for its turn


def check(snap: Snapshot) -> Iterator[Seen]:
    """Failed jobs, the latest of each CronJob only, and suspended ones."""
    told: set[str] = set()
    for job in sorted(snap.all("jobs.batch"), key=lambda item: item["metadata"]["creationTimestamp"], reverse=True):
        if condition(job, "Failed").get("status") == "True" and not _succeeded_since(snap, job):
            origin = _origin(snap, job)
            if origin["metadata"]["uid"] not in told:
                told.add(origin["metadata"]["uid"])
                yield _failed(snap, job, origin)
        elif job["spec"].get("suspend") and _QUEUE not in (job["metadata"].get("labels") or {}):
            yield _suspended(job)


def _origin(snap: Snapshot, job: Object) -> Object:
    """The CronJob that made a job, else the job itself."""
    above = {own["uid"] for own in job["metadata"].get("ownerReferences") or () if own.get("kind") == "CronJob"}
    crons = snap.all("cronjobs.batch") if above else ()
    return next((item for item in crons if item["metadata"]["uid"] in above), job)


def _failed(snap: Snapshot, job: Object, origin: Object) -> Seen:
    failure, ref = condition(job, "Failed"), ref_of(job)
    reason, limit = str(failure.get("reason", "")), job["spec"].get("activeDeadlineSeconds")
    why = {
        "DeadlineExceeded": f"it ran longer than its deadline of {limit} s",
        "BackoffLimitExceeded": "its pods failed too often",
    }.get(reason, str(failure.get("message") or reason))
    units = [unit for unit in snap.units() if unit.owner["metadata"]["uid"] == job["metadata"]["uid"] and _ended(unit)]
    story = explain(snap, units[-1]) if units and reason != "DeadlineExceeded" else None
    ended = _SAID.sub("", story.summary).rstrip(".") if story else ""
    more = (ended, *story.chain[2:]) if story else ()
    evidence = story.evidence if story else (field("status.conditions.Failed", failure.get("message")),)
    return seen(
        "SM-JOB-FAILED",
        origin,
        f"{ref} has failed: {why}{f' ({more[0]})' if more else ''}.",
        severity=Severity.WARNING,
        chain=(f"{ref} has failed", why, *more),
        evidence=(*evidence, _tries(job)),
        fixes=_fixes(job, origin, reason),
    )


def _fixes(job: Object, origin: Object, reason: str) -> list[Fix]:
    if reason != "DeadlineExceeded":
        return [Fix(text="Mend what it says; a job that has failed is not tried again, so make it again then.")]
    ref, limit = ref_of(origin), job["spec"].get("activeDeadlineSeconds")
    asks = Asks(question=f"How many seconds may {ref} take? It was stopped after {limit}.", form="number")
    if origin is job:
        changes = made_again(job, {"activeDeadlineSeconds": "{value}"}, "with a deadline of {value} s")
        return [Fix(text="Make it again with a longer deadline.", changes=changes, asks=asks)]
    change = Patch(
        summary=f"set the deadline of the jobs of {ref} to {{value}} s",
        ref=ref,
        verb="set deadline",
        type="merge",
        patch={"spec": {"jobTemplate": {"spec": {"activeDeadlineSeconds": "{value}"}}}},
    )
    return [Fix(text="Give its jobs a longer deadline.", changes=(change,), asks=asks)]


def _suspended(job: Object) -> Seen:
    ref = ref_of(job)
    change = Patch(summary=f"resume {ref}", ref=ref, verb="resume", type="merge", patch={"spec": {"suspend": False}})
    return seen(
        "SM-JOB-SUSPENDED",
        job,
        f"{ref} is suspended, so it does not run.",
        severity=Severity.INFO,
        evidence=(field("spec.suspend", "true"),),
        fixes=(change_fix("Resume it, if that was not on purpose.", change),),
    )


def _ended(unit: Unit) -> bool:
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
