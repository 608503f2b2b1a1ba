"""After a fix: look again, and say openly whether it is fixed; what did not help is taken back."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.events import Answered, Event, PlanProposed
from agent.guard.execution import reported
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.undo import undo
from tools.change import Cure, HelmRollback, RolloutUndo, Trouble
from tools.context import Context
from tools.errors import Refused, ShipmateError
from tools.finding import Finding, Severity
from tools.kubernetes.diagnose.proof import Proof, prove

FIXED, ROLLED_BACK, FAILED = 0, 12, 13
_PATIENCE = 45.0  # seconds for a cluster to notice what was changed, once the rollout is through
_LITTLE = 5.0  # where the rollout did not become healthy, and so most likely nothing else will
_BACK = 15.0  # a state that was not healthy need not be watched until it is
_MOST_NAMED = 4


@dataclass
class Proven:
    """How a fix ended: what is told, and the plan that would take it back where that waits for a yes."""

    answer: Answered
    pending: Plan | None = None


def proven(guard: Guard, plan: Plan, cure: Cure, healthy: bool, text: str) -> Generator[Event, None, Proven]:
    """Diagnose again what the plan was to mend. `text` is what the steps' own verification saw."""
    gone_back = not healthy and plan.on_failure == "roll-back"
    patience = _PATIENCE if healthy else 0.0 if gone_back else _LITTLE
    proof = yield from reported(prove(guard.ctx, cure, patience), 0)
    fixed = healthy and proof.cured and not _blind(proof)
    told = "\n".join(filter(None, (_verdict(proof, cure, healthy), *_named(proof))))
    guard.journal.append("verified", plan.id, healthy=fixed, text=told)
    if fixed:
        return Proven(Answered(text=f"{text}\n{told}{_rest(proof)}"))
    if gone_back:
        return Proven(_failed(f"{text}\n{told}\nIt was taken back.{_next(proof, cure)}", ROLLED_BACK))
    if _worth_keeping(plan, proof, cure):
        kept = 'What helped is kept; "undo that" takes it back.'
        return Proven(_failed(f"{text}\n{told}\n{kept}{_rest(proof)}", FAILED))
    return (yield from _taken_back(guard, plan, f"{text}\n{told}", _next(proof, cure)))


def _taken_back(guard: Guard, plan: Plan, told: str, more: str) -> Generator[Event, None, Proven]:
    """Undo the plan by itself, as it said it would; where the policy wants more than that, propose it."""
    proposal = undo(guard.ctx, plan=plan.id, others="keep")
    back = yield from guard.propose(proposal, plan.request, f"take back plan {plan.id}, which did not help")
    try:
        grant = guard.approve(back, back.digest, by=f"plan {plan.id}", how="taking back what did not help")
    except Refused as no:
        yield PlanProposed(plan=back, awaits=not back.blockers)
        text = f"{told}\nTaking it back is not covered by your yes ({no.message.rstrip('.')}), so it waits for one."
        return Proven(_failed(text, FAILED), pending=None if back.blockers else back)
    yield PlanProposed(plan=back, awaits=False)
    with _soon(guard.ctx):
        yield from guard.carry_out(back, grant)
    return Proven(_failed(f"{told}\nI took it back.{more}", ROLLED_BACK))


@contextmanager
def _soon(ctx: Context) -> Generator[None]:
    before, ctx.patience = ctx.patience, _BACK
    try:
        yield
    finally:
        ctx.patience = before


def _failed(text: str, code: int) -> Answered:
    return Answered(text=text, outcome="rolled-back" if code == ROLLED_BACK else "failed", code=code)


def _worth_keeping(plan: Plan, proof: Proof, cure: Cure) -> bool:
    """Some of it is gone, and what is new is only what the fault had hidden: a later fault of the same object."""
    left = {_sign(item) for item in proof.left}
    helped = any((trouble.id, str(trouble.subject)) not in left for trouble in cure.troubles)
    hidden = {str(trouble.subject) for trouble in cure.troubles}
    elsewhere = any(str(item.subject) not in hidden for item in proof.new)
    other_version = any(isinstance(step.change, RolloutUndo | HelmRollback) for step in plan.steps)
    return helped and not elsewhere and not (proof.new and other_version)


def _verdict(proof: Proof, cure: Cure, healthy: bool) -> str:
    what = _what(cure.troubles[:1])
    if proof.left:
        gone = len(cure.troubles) - len(proof.left)
        return f"Not fixed: {_what(proof.left)} is still there{f', {gone} other gone' if gone > 0 else ''}."
    if proof.new:
        return f"Not fixed yet: {what} is gone, but something else came to light."
    if not healthy:
        return f"Not fixed yet: {what} is gone, but it did not become healthy."
    if _blind(proof):
        return f"Most likely fixed: {what} is no longer seen, but not everything could be checked."
    return f"Fixed: I looked again, {what} is gone, and nothing new came."


def _blind(proof: Proof) -> bool:
    """Whether this look could have missed it."""
    return any(kind.startswith(("rule ", "pods", "logs", "events")) for kind in proof.seen.snap.unchecked)


def _named(proof: Proof) -> list[str]:
    return [f"- {item.summary} [{item.id}]" for item in (*proof.left, *proof.new)[:_MOST_NAMED]]


def _rest(proof: Proof) -> str:
    """What is wrong besides, and how to go on."""
    rest = [item for item, _ in proof.seen.folded if item.severity is not Severity.INFO]
    if not rest:
        return ""
    named = ", ".join(f"{item.subject} ({item.id})" for item in rest[:_MOST_NAMED])
    more = f" and {len(rest) - _MOST_NAMED} more" if len(rest) > _MOST_NAMED else ""
    return f'\nStill wrong: {named}{more}. "fix it" goes on with the first.'


def _next(proof: Proof, cure: Cure) -> str:
    """The next best fix of what is left."""
    for item in proof.left[:1]:
        ways = [fix for fix in item.fixes if fix.changes]
        if len(ways) > cure.way:
            return f' Next I would try: {ways[cure.way].text} Say "fix it" for that.'
        advice = next((fix.text for fix in item.fixes if not fix.changes), "")
        return f" I know no other change that mends it. {advice}".rstrip()
    return ""


def _what(found: Iterable[Finding | Trouble]) -> str:
    return ", ".join(f"{item.id} of {item.subject}" for item in found)


def _sign(item: Finding) -> tuple[str, str]:
    return item.id, str(item.subject)


def scope(cure: Cure, arguments: dict[str, Any]) -> dict[str, Any]:
    """What to diagnose for the conversation: what it was about, else where the fault was."""
    kept = {name: value for name, value in arguments.items() if name in ("name", "kind", "namespace") and value}
    return kept or {"namespace": cure.namespace or "*"}


def safely(work: Generator[Event, None, Proven], text: str) -> Generator[Event, None, Proven]:
    """A proof that cannot be had is told; what was applied stays."""
    try:
        return (yield from work)
    except ShipmateError as error:
        return Proven(_failed(f"{text}\nIt was applied, but whether it is fixed could not be seen. {error}", FAILED))
