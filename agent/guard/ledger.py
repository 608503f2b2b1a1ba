"""What is in effect of all that was ever applied: the journal read as steps that were done and steps taken back.

A change that takes steps back names them (`undoes`), so each record of it being applied settles those, also where the
rest of its plan failed. A plan that takes back an undo is a doing again, and stands for the plan of old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from agent.guard.journal import Record
from tools.change import Change, HelperJob, Json
from tools.preview import Applied, Done

_CHANGE: TypeAdapter[Any] = TypeAdapter(Change)


def step_id(plan: str, step: int) -> str:
    """How a change names a step that it takes back."""
    return f"{plan}/{step}"


def plan_of(step: str) -> str:
    """The plan of a step so named."""
    return step.partition("/")[0]


@dataclass
class Act:
    """What one plan did, step by step, in the order in which it was applied.

    left      steps that are in effect
    undoes    plans that it takes back
    back      the plans that took steps of this one back
    """

    plan: str
    request: str = ""
    aim: dict[str, Json] = field(default_factory=dict[str, Json])
    steps: dict[int, Done] = field(default_factory=dict[int, Done])
    left: set[int] = field(default_factory=set[int])
    undoes: set[str] = field(default_factory=set[str])
    back: list[str] = field(default_factory=list[str])


class Ledger:
    """The acts of a journal, in the order in which they were last applied."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.acts: dict[str, Act] = {}
        self._told: dict[str, dict[str, Json]] = {}
        self._intents: dict[str, dict[int, Json]] = {}
        for record in records:
            self._take(record)

    def _take(self, record: Record) -> None:
        plan, step, data = record["plan"], record["step"], record["data"]
        if record["type"] == "proposed":
            self._told[plan] = data
        elif record["type"] == "intent":
            self._intents.setdefault(plan, {})[step] = data["change"]
        elif record["type"] in ("outcome", "resolved") and data.get("applied"):
            change = _CHANGE.validate_python(self._intents[plan][step])
            self._applied(plan, step, Done(change=change, applied=Applied.model_validate(data["applied"])))

    def _applied(self, plan: str, step: int, done: Done) -> None:
        told = self._told.get(plan, {})
        act = self.acts.pop(plan, None) or Act(plan, str(told.get("request") or told.get("reading") or ""))
        act.aim = told.get("aim") or {}
        act.steps[step] = done
        if not (isinstance(done.change, HelperJob) and not done.change.keeps):  # what only looked left nothing
            act.left.add(step)
        self.acts[plan] = act
        for taken in done.change.undoes:
            of = self.acts.get(plan_of(taken))
            act.undoes.add(plan_of(taken))
            if of is not None:
                of.left.discard(int(taken.partition("/")[2]))
                of.back = [*(name for name in of.back if name != plan), plan]

    def is_undo(self, act: Act) -> bool:
        """Whether it took something back; taking an undo back is a doing again."""
        return any(of in self.acts and not self.is_undo(self.acts[of]) for of in act.undoes)

    def in_effect(self, *, undos: bool = False) -> list[Act]:
        """Plans of which something is in effect, oldest first: those that did something, or those that took it back."""
        return [act for act in self.acts.values() if act.left and self.is_undo(act) is undos]

    def standing(self, act: Act) -> Act:
        """The act that stands for this one now: itself, or the one that did it again after it was taken back."""
        seen: set[str] = set()
        while not act.left and act.plan not in seen:
            seen.add(act.plan)
            undo = next((self.acts[name] for name in reversed(act.back) if name in self.acts), None)
            if undo is None or undo.left or not undo.back:
                break
            act = self.acts[undo.back[-1]]
        return act
