"""What is after the yes: the steps of one plan, applied and verified in order, each written down before and after."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from agent.events import Event, PlanProposed, ProgressMade, StepApplied
from agent.guard.hold import Hold
from agent.guard.plan import Plan
from tools.change import Change, Json, Proposal
from tools.errors import Conflict, Failed, ShipmateError
from tools.handlers import handler_for
from tools.permit import Permit
from tools.preview import Applied, Preview, Verification
from tools.progress import Steps, T

if TYPE_CHECKING:
    from agent.guard.guard import Guard


class Execution:
    """One approved plan while it is carried out; `held` keeps other processes from it until the end."""

    def __init__(self, guard: Guard, plan: Plan, held: Hold) -> None:
        self.guard = guard
        self.ctx = guard.ctx
        self.journal = guard.journal
        self.plan = plan
        self._held = held
        self._unknown = False  # a step may or may not have been applied

    def run(self) -> Generator[Event, None, bool]:
        """Apply and verify the steps; True when all are healthy.

        Where it is cut off the plan stays *applying*, and recovery finds out later what became of it.
        """
        ended, healthy = True, False
        try:
            healthy = yield from self._steps()
        except BaseException as error:
            ended = isinstance(error, ShipmateError) and not self._unknown
            raise
        finally:
            if ended:
                self.guard.store.move_plan(self.plan.id, "applying", "applied" if healthy else "failed")
            self._held.release(settled=ended)
        if healthy and self.plan.undoes:
            self.journal.append("undone", self.plan.undoes, by_plan=self.plan.id)
        return healthy

    def _steps(self) -> Generator[Event, None, bool]:
        plan = self.plan
        for number, step in enumerate(plan.steps, start=1):
            if step.preview.noop:
                continue
            preview = step.preview
            if preview.provisional:
                preview = yield from self._look_again(number)
                if preview.noop:
                    continue
            applied = yield from self._apply(number, preview)
            seen = yield from self._verify(number, applied)
            self.journal.append("verified", plan.id, number, **seen.model_dump(mode="json"))
            yield StepApplied(plan_id=plan.id, step=number, status="applied", text=applied.summary, verification=seen)
            if not seen.healthy:
                if plan.on_failure == "roll-back":
                    yield from self._roll_back(number, step.change, applied)
                return False
        return True

    def _look_again(self, number: int) -> Generator[Event, None, Preview]:
        """Preview a step that rested on earlier ones; it goes on only if nothing new came to light."""
        step = self.plan.steps[number - 1]
        now = yield from reported(handler_for(step.change).preview(self.ctx, step.change, ()), number)
        if now.blockers:
            raise Failed(f"Step {number} cannot succeed: {now.blockers[0]}", "The steps before it are in place.")
        unseen = [write for write in now.writes if write not in step.preview.writes]
        if unseen or now.digest != step.preview.digest:
            raise Conflict(
                f"Step {number} now looks different from what was shown.", "Ask again to see and approve the rest."
            )
        return now

    def _apply(self, number: int, preview: Preview) -> Generator[Event, None, Applied]:
        """Journal the intent, write under a permit, journal the outcome; whatever interrupts it leaves *unknown*."""
        plan = self.plan
        change = plan.steps[number - 1].change
        permit = Permit(plan.id, number, preview.writes, journal=self.journal.id)
        allowed = [write.model_dump() for write in preview.writes]
        self.journal.append("intent", plan.id, number, change=change.model_dump(mode="json"), writes=allowed)
        try:
            with permit.opened():
                applied = yield from reported(handler_for(change).apply(self.ctx, change, preview, permit), number)
        except BaseException as error:
            status = "failed" if isinstance(error, ShipmateError) and not permit.used else "unknown"
            text = str(error) if isinstance(error, ShipmateError) else f"stopped ({type(error).__name__})"
            self.journal.append("outcome", plan.id, number, status=status, text=text, **_writes(permit))
            self._unknown = status == "unknown"
            if isinstance(error, GeneratorExit | KeyboardInterrupt):
                raise
            yield StepApplied(plan_id=plan.id, step=number, status=status, text=text)
            raise
        self.journal.append(
            "outcome",
            plan.id,
            number,
            status="applied",
            applied=applied.model_dump(mode="json"),
            **_writes(permit),
        )
        return applied

    def _verify(self, number: int, applied: Applied) -> Generator[Event, None, Verification]:
        """Watch the step until it is healthy; who stops watching leaves that in the journal."""
        change = self.plan.steps[number - 1].change
        try:
            return (yield from reported(handler_for(change).verify(self.ctx, change, applied), number))
        except (KeyboardInterrupt, GeneratorExit):
            self.journal.append(
                "verified", self.plan.id, number, healthy=False, text="stopped before it was seen healthy"
            )
            raise

    def _roll_back(self, number: int, change: Change, applied: Applied) -> Generator[Event, None, None]:
        """Take one unhealthy step back, as the plan said it would."""
        inverse = handler_for(change).invert(self.ctx, change, applied)
        yield ProgressMade(text="not healthy: rolling back", step=number)
        back = yield from self.guard.propose(
            Proposal(changes=inverse.changes, undoes=self.plan.id),
            self.plan.request,
            f"roll back plan {self.plan.id}",
        )
        grant = self.guard.approve(
            back,
            back.digest,
            by=f"plan {self.plan.id}",
            how="roll-back named in the plan",
            typed=back.confirm,
        )
        yield PlanProposed(plan=back, awaits=False)
        yield from self.guard.carry_out(back, grant)


def _writes(permit: Permit) -> dict[str, Json]:
    """What the journal keeps of a step's writes: those that were answered, and those that nobody answered for."""
    answered = list(permit.used)
    for write in permit.unsure:
        answered.remove(write)
    return {
        "writes": [write.model_dump() for write in answered],
        "unsure": [write.model_dump() for write in permit.unsure],
    }


def reported(steps: Steps[T], number: int) -> Generator[Event, None, T]:
    """Run long work, turning its progress into events of that step."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value
        try:
            yield ProgressMade(text=progress.text, fraction=progress.fraction, step=number)
        except GeneratorExit:
            steps.close()
            raise
