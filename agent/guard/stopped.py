"""A plan that stopped before its end: what of it stands, what is left, and what can be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from agent.guard.journal import Journal
from agent.guard.ledger import Ledger
from agent.guard.plan import Plan

CHOICES = ("keep", "retry", "take back")

_WORDS = {
    "keep": ("k", "keep", "keep it", "keep that", "keep what was done", "leave it", "leave it as it is"),
    "retry": ("r", "retry", "retry it", "try again", "try it again", "again", "go on", "continue"),
    "take back": ("t", "take back", "take it back", "take that back", "roll back", "roll it back", "undo", "undo it"),
}


def choice(text: str) -> str:
    """Which choice these words are, empty when they are something else."""
    word = " ".join(text.lower().strip(" .!").split())
    return next((one for one, words in _WORDS.items() if word in words), "")


@dataclass(frozen=True)
class Stopped:
    """The numbers of the plan's steps that stand, and of those that are not done or not healthy."""

    plan: Plan
    stands: tuple[int, ...]
    left: tuple[int, ...]

    @property
    def told(self) -> str:
        """What stands, what does not, and how to go on: by a word here, by a command elsewhere."""
        lines: list[str] = []
        if len(self.plan.steps) > 1:
            undone = [number for number in self.left if number not in self.stands]
            lines.append(f"In place: {self._named(self.stands)}.")
            lines += [f"Not done: {self._named(tuple(undone))}."] if undone else []
        lines.append(
            'Say "keep", "retry" or "take back" (also "undo that"); or run '
            f"`shipmate plan retry {self.plan.id}` or `shipmate undo {self.plan.id}`."
        )
        return "\n".join(lines)

    def _named(self, numbers: tuple[int, ...]) -> str:
        return "; ".join(f"step {number} ({self.plan.steps[number - 1].change.summary})" for number in numbers)


def taken_back(journal: Journal, plan: Plan) -> str:
    """The plan that took steps of this one back last, empty when none did."""
    act = Ledger(journal.records()).acts.get(plan.id)
    return act.back[-1] if act and act.back else ""


def stopped(journal: Journal, plan: Plan) -> Stopped | None:
    """How this plan stopped; None when nothing of it stands, or some of it was taken back already."""
    act = Ledger(journal.records()).acts.get(plan.id)
    if act is None or not act.left or act.back:
        return None
    healthy: dict[int, bool] = {}
    for record in journal.of(plan.id):
        if record["type"] == "verified":
            healthy[record["step"]] = bool(record["data"].get("healthy"))
    wanted = [number for number, step in enumerate(plan.steps, start=1) if not step.preview.noop]
    left = tuple(number for number in wanted if number not in act.left or not healthy.get(number))
    return Stopped(plan, tuple(sorted(act.left)), left)
