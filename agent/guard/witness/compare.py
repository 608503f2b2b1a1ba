"""The witness: an API server's audit log held against the journal, both ways.

`witness(events, records)` takes audit events (audit.k8s.io/v1, as `audit_log.read_events` yields them) and all records
of one journal, oldest first, and returns a `Report`; its `findings` are empty where each write that Shipmate made is
in the journal and each applied change is in the log. Requests are led back to a step by the mark in their user agent
(`Permit.mark`) and held against that step's intent, its outcome, and the rule of its kind (`write_rules`).

    report = witness(read_events([path]), journal.records(), others=("stage",), namespaces={namespace})
    assert report.findings == (), report.text()

What it can't see: a write that hides both Shipmate's user agent and field manager. Where Shipmate has an identity of
its own, name it in `users`: then each write of that identity must be a step's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from agent.guard.journal import Record, chain_problems, journal_id
from agent.guard.witness.audit_log import Event, Request, identity_of, moment, request_of
from agent.guard.witness.write_rules import Rule, rule_for
from tools.change import Frozen

SKEW = timedelta(seconds=5)  # how far the clocks of this machine and of the API server may lie apart
_ALWAYS = datetime.min.replace(tzinfo=UTC)

Code = Literal[
    "stray-write",  # in the log, and no step of the journal explains it
    "replayed-write",  # more often in the log than the step wrote it
    "unexplained-approval",  # applied by the journal, and the log does not show it
    "outcome-differs",  # the journal says that nothing was written, and the server did write
    "other-identity",  # written by another user than the plan was aimed at
    "other-cluster",  # written to another cluster than the plan was aimed at
    "journal-broken",  # the journal's chain does not hold
]
_Key = tuple[str, str, int]  # journal, plan, step
_Write = tuple[str, str]  # method, path


class AuditFinding(Frozen):
    """One thing that log and journal do not agree on; `plan` and `step` are empty where it belongs to none."""

    code: Code
    summary: str
    plan: str = ""
    step: int = 0
    at: datetime | None = None


class Report(Frozen):
    """What was compared. `steps` were found as the journal tells, `unjudged` lie (partly) outside of the log's time.

    `writes` are Shipmate's marked requests that the server carried out, or may have; `refused` those that it did not,
    `pretended` dry runs and questions about rights; `others` counts writes by journals that were not compared.
    """

    findings: tuple[AuditFinding, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    steps: int = 0
    unjudged: int = 0
    writes: int = 0
    refused: int = 0
    pretended: int = 0
    others: dict[str, int] = Field(default_factory=dict[str, int])

    def text(self) -> str:
        """For people."""
        reach = f"{self.since:%Y-%m-%d %H:%M:%S} to {self.until:%Y-%m-%d %H:%M:%S} UTC" if self.since else "no time"
        lines = [
            f"The log covers {reach}.",
            f"Compared: {_count(self.writes, 'write')} with {_count(self.steps, 'applied step')}.",
            f"Set apart: {_count(self.pretended, 'dry run or review', 'dry runs and reviews')}, "
            f"{_count(self.refused, 'refused request')}.",
        ]
        if self.unjudged:
            lines.append(f"Not judged: {_count(self.unjudged, 'step')} outside of what the log covers.")
        for journal, number in sorted(self.others.items()):
            lines.append(f"Not judged: {_count(number, 'write')} under journal {journal}, which was not compared.")
        lines += [f"{one.code}: {one.summary}" for one in self.findings] or ["Log and journal agree."]
        if any(one.code == "unexplained-approval" for one in self.findings):
            lines.append("A log can only tell what its audit policy keeps: every write, at level Metadata or above.")
        return "\n".join(lines)


@dataclass
class _Attempt:
    """One time that a step was carried out, as the journal tells it."""

    intent: Record
    outcome: Record | None = None
    resolved: bool = False

    def writes(self, name: Literal["writes", "unsure"]) -> Counter[_Write]:
        return _kubernetes(self.outcome["data"].get(name)) if self.outcome else Counter()

    @property
    def status(self) -> str:
        return str(self.outcome["data"]["status"]) if self.outcome else "unknown"

    @property
    def open(self) -> bool:
        """Whether the journal does not know what was written: cut off, or written before it kept that."""
        return self.outcome is None or (self.status == "unknown" and "writes" not in self.outcome["data"])


@dataclass
class _Plan:
    aim: dict[str, Any] = field(default_factory=dict[str, Any])
    approved: bool = False
    steps: dict[int, list[_Attempt]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class _Log:
    """Shipmate's requests, sorted."""

    marked: dict[_Key, list[Request]] = field(default_factory=lambda: defaultdict(list))
    unmarked: list[Request] = field(default_factory=list[Request])
    pretended: int = 0
    since: datetime | None = None
    until: datetime | None = None


def witness(
    events: Iterable[Event],
    *journals: Iterable[Record],
    since: datetime | None = None,
    until: datetime | None = None,
    skew: timedelta = SKEW,
    cluster_uid: str = "",
    namespaces: Collection[str] | None = None,
    users: Collection[str] = (),
    others: Collection[str] | None = (),
    problems: Iterable[str] | None = None,
) -> Report:
    """Compare an audit log with one or more journals.

    since, until  the time that the log is known to cover; without them, that of its first and last event. What
                  lies before `since` is left out
    skew          how far the clocks may lie apart: steps that near to either end are not missed in the log
    cluster_uid   the cluster that the log is of; plans for another one are not looked for in it
    namespaces    where writes without a known mark are looked for (None: everywhere); marked ones always are
    users         identities that belong to Shipmate alone
    others        ids of journals that need not be compared (None: all)
    problems      what `Journal.verify` found; without it, the chain of the records is checked here
    """
    plans: dict[tuple[str, str], _Plan] = {}
    known: set[str] = set()
    found = [AuditFinding(code="journal-broken", summary=text) for text in problems or ()]
    for journal in journals:
        records = list(journal)
        if problems is None:
            found += [AuditFinding(code="journal-broken", summary=text) for text in chain_problems(records)]
        if records:
            known.add(journal_id(records[0]))
            plans |= {(journal_id(records[0]), name): plan for name, plan in _plans(records).items()}
    log = _sorted(events, since, until, frozenset(users))
    let_be = {key for key in log.marked if key[0] not in known and (others is None or key[0] in others)}
    stray = [
        *log.unmarked,
        *(one for key, requests in log.marked.items() if key[0] not in known and key not in let_be for one in requests),
    ]
    found += [_stray(one, "") for one in stray if namespaces is None or one.namespace in namespaces]
    judge = _Judge(log, plans, cluster_uid, skew)
    ours = {key: requests for key, requests in log.marked.items() if key[0] in known}
    found += judge.all(ours)
    every = [one for requests in ours.values() for one in requests]
    return Report(
        findings=tuple(sorted(found, key=lambda one: one.at or _ALWAYS)),
        since=log.since,
        until=log.until,
        steps=judge.steps,
        unjudged=judge.unjudged,
        writes=sum(not one.refused for one in every),
        refused=sum(one.refused for one in every),
        pretended=log.pretended,
        others=dict(Counter(key[0] for key in let_be for _ in log.marked[key])),
    )


def _sorted(events: Iterable[Event], since: datetime | None, until: datetime | None, users: frozenset[str]) -> _Log:
    """One pass over the log, keeping only what is Shipmate's."""
    log = _Log()
    seen: set[tuple[str, str]] = set()
    for event in events:
        at = moment(event)
        log.since, log.until = min(log.since or at, at), max(log.until or at, at)
        request = request_of(event)
        if not request or not (request.of_shipmate or request.user in users) or (since and at < since):
            continue
        if identity_of(event) in seen:  # another stage of the same request, or the same file twice
            continue
        seen.add(identity_of(event))
        if request.pretends:
            log.pretended += 1
        elif request.mark:
            log.marked[request.mark].append(request)
        else:
            log.unmarked.append(request)
    log.since, log.until = since or log.since, until or log.until
    return log


def _plans(records: list[Record]) -> dict[str, _Plan]:
    """What the journal tells of each plan."""
    plans: dict[str, _Plan] = defaultdict(_Plan)
    for record in records:
        plan, data = plans[record["plan"]], record["data"]
        attempts = plan.steps[record["step"]] if record["step"] else []
        match record["type"]:
            case "proposed":
                plan.aim = data.get("aim") or {}
            case "approved":
                plan.approved = True
            case "intent":
                attempts.append(_Attempt(record))
            case "outcome" if attempts and not attempts[-1].outcome and not attempts[-1].resolved:
                attempts[-1].outcome = record  # what ended before an intent was written down has nothing to compare
            case "resolved" if attempts:
                attempts[-1].resolved = True
            case _:
                pass
    return plans


class _Judge:
    """Goes through the steps and tells what does not agree."""

    def __init__(self, log: _Log, plans: dict[tuple[str, str], _Plan], cluster_uid: str, skew: timedelta) -> None:
        self.log = log
        self.plans = plans
        self.cluster_uid = cluster_uid
        self.skew = skew
        self.steps = 0
        self.unjudged = 0

    def all(self, ours: dict[_Key, list[Request]]) -> Iterator[AuditFinding]:
        in_journal = {(*key, step) for key, plan in self.plans.items() for step in plan.steps}
        for key in sorted(in_journal | ours.keys()):
            plan, requests = self.plans.get(key[:2]), ours.get(key, [])
            attempts = plan.steps.get(key[2], []) if plan else []
            if not plan or not attempts or not plan.approved:
                why = "its plan has no approval in the journal" if attempts else "the journal has no such step"
                yield from (_stray(one, why) for one in requests)
                if attempts:
                    yield AuditFinding(
                        code="journal-broken", summary=f"Step {key[2]} of plan {key[1]} was begun without an approval.",
                        plan=key[1], step=key[2],
                    )  # fmt: skip
                continue
            yield from self._aim(key, plan, requests)
            yield from self._step(key, plan, attempts, requests)

    def _aim(self, key: _Key, plan: _Plan, requests: list[Request]) -> Iterator[AuditFinding]:
        """Whether the writes went where, and as whom, the plan was aimed."""
        uid, identity = plan.aim.get("cluster_uid") or "", plan.aim.get("identity") or ""
        for one in (one for one in requests if not one.refused):
            if self.cluster_uid and uid and uid != self.cluster_uid:
                yield _about(one, key, "other-cluster", f"its plan was aimed at cluster {uid}")
            if identity and one.user != identity:
                yield _about(one, key, "other-identity", f"by {one.user}, but its plan was aimed at as {identity}")

    def _step(
        self, key: _Key, plan: _Plan, attempts: list[_Attempt], requests: list[Request]
    ) -> Iterator[AuditFinding]:
        change = attempts[-1].intent["data"].get("change") or {}
        rule = rule_for(change)
        allowed = Counter[_Write]()
        for attempt in attempts:
            allowed |= _kubernetes(attempt.intent["data"].get("writes"))
        told = any("writes" in attempt.intent["data"] for attempt in attempts)
        fitting: list[Request] = []
        for one in requests:
            if not rule.fits(change, one.method, one.path) or (told and not _covered(allowed, one)):
                yield _stray(one, f"step {key[2]} of plan {key[1]} ({change.get('summary')}) does not include it")
            else:
                fitting.append(one)
        yield from self._too_many(key, rule, attempts, fitting)
        if plan.aim.get("cluster_uid") in ("", self.cluster_uid) or not self.cluster_uid:
            yield from self._missing(key, rule, attempts, fitting)

    def _too_many(
        self, key: _Key, rule: Rule, attempts: list[_Attempt], requests: list[Request]
    ) -> Iterator[AuditFinding]:
        """What the server did and the journal does not account for."""
        left = Counter[_Write]()
        for attempt in attempts:
            left += attempt.writes("writes") + attempt.writes("unsure")
        spare = sum(attempt.open for attempt in attempts) if rule.once else len(requests)
        spare = spare if any(attempt.open for attempt in attempts) else 0
        for one in (one for one in requests if one.done):
            write = one.method, one.path
            if left[write]:
                left[write] -= 1
            elif spare:
                spare -= 1
            elif all(attempt.status == "failed" for attempt in attempts):
                yield _about(one, key, "outcome-differs", "the journal says that the step failed with nothing written")
            else:
                yield _about(one, key, "replayed-write", "the step wrote this fewer times")

    def _missing(
        self, key: _Key, rule: Rule, attempts: list[_Attempt], requests: list[Request]
    ) -> Iterator[AuditFinding]:
        """What the journal calls written and the log does not show."""
        wanted = Counter[_Write]()
        applied = [attempt for attempt in attempts if attempt.status == "applied"]
        for attempt in attempts:
            wanted += attempt.writes("writes")
        if not wanted and not applied:
            return
        if not all(self._covers(attempt) for attempt in attempts):
            self.unjudged += 1
            return
        change = attempts[-1].intent["data"].get("change") or {}
        odd = [write for write in wanted if not rule.fits(change, *write)]
        made = [(attempt.writes("writes") + attempt.writes("unsure")).total() for attempt in applied]
        lacking = rule.once and any(number != 1 for number in made)
        lacking |= rule.needs is not None and bool(applied) and not any(rule.needs(change, *write) for write in wanted)
        missing = wanted - Counter((one.method, one.path) for one in requests if not one.refused)
        at = datetime.fromisoformat(attempts[-1].intent["at"])
        told = f"Step {key[2]} of plan {key[1]} ({change.get('summary')})"
        if odd or lacking:
            what = f"records {' '.join(odd[0])}" if odd else "does not record the writes that such a change makes"
            yield AuditFinding(code="unexplained-approval", summary=f"{told} {what}.", plan=key[1], step=key[2], at=at)
        for (method, path), number in missing.items():
            times = f" {number} times" if number > 1 else ""
            summary = f"{told} wrote {method} {path} by the journal; the log lacks it{times}."
            yield AuditFinding(code="unexplained-approval", summary=summary, plan=key[1], step=key[2], at=at)
        self.steps += bool(wanted)

    def _covers(self, attempt: _Attempt) -> bool:
        """Whether the log reaches over the whole attempt."""
        if not self.log.since or not self.log.until:
            return False
        start = datetime.fromisoformat(attempt.intent["at"])
        end = datetime.fromisoformat((attempt.outcome or attempt.intent)["at"])
        return self.log.since + self.skew <= start and end <= self.log.until - self.skew


def _covered(allowed: Counter[_Write], request: Request) -> bool:
    return any(
        method == request.method
        and (request.path == path or (path.endswith("*") and request.path.startswith(path[:-1])))
        for method, path in allowed
    )


def _kubernetes(writes: Any) -> Counter[_Write]:
    """The writes to the cluster among those that a record names."""
    return Counter((one["method"], one["path"]) for one in writes or () if one["door"] == "kubernetes")


def _stray(request: Request, why: str) -> AuditFinding:
    if not why and request.mark:
        why = f"marked by journal {request.mark[0]}, which was not compared"
    elif not why and request.of_shipmate:
        agent = request.agent if request.agent.startswith("shipmate/") else f"field manager of {request.agent}"
        why = f"without a mark ({agent})"
    plan, step = (request.mark[1], request.mark[2]) if request.mark else ("", 0)
    summary = f"{_said(request)}: {why or 'by an identity that is only for Shipmate'}."
    return AuditFinding(code="stray-write", summary=summary, plan=plan, step=step, at=request.at)


def _about(request: Request, key: _Key, code: Code, why: str) -> AuditFinding:
    summary = f"{_said(request)}, step {key[2]} of plan {key[1]}: {why}."
    return AuditFinding(code=code, summary=summary, plan=key[1], step=key[2], at=request.at)


def _said(request: Request) -> str:
    return f"{request.method} {request.path} at {request.at:%Y-%m-%d %H:%M:%S} (HTTP {request.code or 'unknown'})"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
