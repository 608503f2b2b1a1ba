"""Taking back what Shipmate itself did, and doing it again."""

from __future__ import annotations

import re

from agent.minds.planner.meaning import Step, Unknown
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.reading.subjects import Built, per_target
from agent.minds.planner.talk.says import say

_PLAN_ID = re.compile(r"[0-9a-f]{8}")
_NO_PLAN = ("was", "is", "that", "you", "again", "please", "and", "now", "then", "for", "of", "in")


def undo(clause: Clause, spoken: Spoken) -> Built:
    """Shipmate's own plans, unless a workload is named: the last one, the last few, all of this conversation."""
    text = clause.text.lower()
    named = [target for target in spoken.targets if not target.app and not _PLAN_ID.fullmatch(target.name)]
    if named and not clause.says("plan") and clause.concept in ("undo", "rollback"):
        return per_target(spoken, "rollback", "roll back", {}, " to its revision before")
    if isinstance(plan := _plan(text), Unknown):
        return plan
    if plan:
        return [Step("undo", {"plan": plan}, f"undo plan {plan}", True)]
    if re.search(r"\b(?:everything|all)\b", text) and clause.memory.plans:
        done = list(clause.memory.plans)
        return [Step("undo", {"plans": done}, "undo all that was done in this conversation", True)]
    counts = (clause.parts.tail, clause.parts.count, *clause.parts.numbers[:1])
    last = next((number for number in counts if number is not None and number > 1), None)
    if last:
        return [Step("undo", {"plan": None, "last": last}, f"undo the last {last} plans", True)]
    return [Step("undo", {"plan": None}, "undo what Shipmate did last", True)]


def _plan(text: str) -> str | Unknown:
    """The id of a plan that is named, empty where none is."""
    plan = re.search(r"\bplan ([0-9a-z]+)\b", text) or re.search(r"\b(?=[a-f]*[0-9])([0-9a-f]{8})\b", text)
    if not plan or plan[1] in _NO_PLAN:
        return ""
    return plan[1] if re.fullmatch(r"[0-9a-f]{2,8}", plan[1]) else Unknown(say("undo-which", plan=plan[1]))


def redo(clause: Clause, spoken: Spoken) -> Built:
    """What was taken back last, or the plan that is named, done again."""
    plan = _plan(clause.text.lower())
    if isinstance(plan, Unknown):
        return plan
    named = {"plan": plan} if plan else {}
    return [
        Step("undo", {**named, "redo": True}, f"do again {f'plan {plan}' if plan else 'what was taken back'}", True)
    ]
