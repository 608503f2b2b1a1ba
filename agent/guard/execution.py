"""What is after the yes: the steps of one plan, applied and verified in order, each written down before and after."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from agent.events import Event, PlanProposed, ProgressMade, StepApplied
from agent.guard.hold import Hold
from agent.guard.journal import Record
from agent.guard.plan import Plan
from agent.guard.undo import applied_steps, undo
from tools.change import Json
from tools.errors import Conflict, Failed, ShipmateError
from tools.handlers import handler_for
from tools.permit import Permit
from tools.preview import Applied, Preview, Verification
from tools.progress import Steps, T
from tools.secrets.sealing import references

if TYPE_CHECKING:
    from agent.guard.guard import Guard


class Execution:
    """One approved plan while it is carried out; `held` keeps other processes from it until the end.

    A plan that stopped is gone on with by a new Execution: what the journal knows as applied is not written again.
    """

    def __init__(self, guard: Guard, plan: Plan, held: Hold, *, again: bool = False) -> None:
        self.guard = guard
        self.ctx = guard.ctx
        self.journal = guard.journal
        self.plan = plan
        self._held = held
        self._again = again
        self._open = False  # something was written, and how that ended is not on disk yet
        self._records = guard.journal.of(plan.id) if again else []

    def run(self) -> Generator[Event, None, bool]:
        """Apply and verify the steps, stopping at the first that fails; True when all are healthy.

        Where it is cut off the plan stays *applying*, and recovery finds out later what became of it.
        """
        ended, healthy = False, False
        try:
            healthy = yield from self._steps()
            ended = True
        except ShipmateError:
            ended = not self._open
            raise
        finally:
            try:
                if ended:
                    self.guard.store.move_plan(self.plan.id, "applying", "applied" if healthy else "failed")
            except ShipmateError:
                ended = False  # recovery ends it, once there is room to write
                raise
            finally:
                self._held.release(settled=ended)
        if healthy:
            for undone in self.plan.undoes:
                self.journal.append("undone", undone, by_plan=self.plan.id)
        return healthy

    def _steps(self) -> Generator[Event, None, bool]:
        done = applied_steps(self._records, self.plan.id)
        for number, step in enumerate(self.plan.steps, start=1):
            if step.preview.noop or (number in done and _was_healthy(self._records, number)):
                continue
            try:
                healthy = yield from self._step(number, done[number][1] if number in done else None)
            except ShipmateError:
                yield from self._roll_back(number)
                raise
            if not healthy:
                yield from self._roll_back(number)
                return False
        return True

    def _step(self, number: int, applied: Applied | None) -> Generator[Event, None, bool]:
        """Apply one step, unless it was applied before, and watch it; whether it is healthy."""
        plan, preview = self.plan, self.plan.steps[number - 1].preview
        if applied is None and (self._again or preview.provisional):
            preview = yield from self._look_again(number)
            if preview.noop:
                return True
        applied = applied or (yield from self._apply(number, preview))
        seen = yield from self._verify(number, applied)
        self.journal.append("verified", plan.id, number, **seen.model_dump(mode="json"))
        yield StepApplied(plan_id=plan.id, step=number, status="applied", text=applied.summary, verification=seen)
        return seen.healthy

    def _look_again(self, number: int) -> Generator[Event, None, Preview]:
        """Preview a step that rested on earlier ones, or that failed; it goes on only if nothing new came to light."""
        step = self.plan.steps[number - 1]
        now = yield from reported(handler_for(step.change).preview(self.ctx, step.change, ()), number)
        if now.blockers:
            raise Failed(f"Step {number} cannot succeed: {now.blockers[0]}", "The steps before it are in place.")
        if not as_shown(step.preview, now):
            raise Conflict(
                f"Step {number} now looks different from what was shown.", "Ask again to see and approve the rest."
            )
        return now

    def _apply(self, number: int, preview: Preview) -> Generator[Event, None, Applied]:
        """Journal the intent, write under a permit, journal the outcome; whatever interrupts it leaves *unknown*."""
        plan = self.plan
        change = plan.steps[number - 1].change
        kept: list[Applied] = []

        def intend(former: Applied | None) -> None:
            """On disk before the first write leaves: what is about to be done, and what it would take to undo it."""
            allowed = [write.model_dump() for write in preview.writes]
            told = former.model_dump(mode="json") if former else None
            change_ = change.model_dump(mode="json")
            self.journal.append("intent", plan.id, number, change=change_, writes=allowed, kept=told)
            self._open = True
            kept.extend([former] if former else [])

        permit = Permit(plan.id, number, preview.writes, before_first=intend, journal=self.journal.id)
        try:
            with permit.opened():
                applied = yield from reported(handler_for(change).apply(self.ctx, change, preview, permit), number)
        except BaseException as error:
            status = "failed" if isinstance(error, ShipmateError) and not permit.used else "unknown"
            if status == "unknown" and not self._open:
                status = "failed"  # stopped before anything left
            text = str(error) if isinstance(error, ShipmateError) else f"stopped ({type(error).__name__})"
            self.journal.append("outcome", plan.id, number, status=status, text=text, **_writes(permit))
            self._open = status == "unknown"
            if isinstance(error, GeneratorExit | KeyboardInterrupt):
                raise
            yield StepApplied(plan_id=plan.id, step=number, status=status, text=text)
            raise
        told = applied.model_dump(mode="json")
        self.journal.append("outcome", plan.id, number, status="applied", applied=told, **_writes(permit))
        self._open = False
        for reference in references([former.before for former in kept]) - references(applied.before):
            self.ctx.vault.forget(reference)
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

    def _roll_back(self, number: int) -> Generator[Event, None, None]:
        """Take all that the plan applied back, where it said so; not while nobody knows what that is."""
        plan = self.plan
        if plan.on_failure != "roll-back" or self._open or not applied_steps(self.journal.of(plan.id), plan.id):
            return
        yield ProgressMade(text="not healthy: rolling back", step=number)
        try:
            proposal = undo(self.ctx, plan=plan.id, others="keep")
            back = yield from self.guard.propose(proposal, plan.request, f"roll back plan {plan.id}")
            how = "roll-back named in the plan"
            grant = self.guard.approve(back, back.digest, by=f"plan {plan.id}", how=how, typed=back.confirm)
            yield PlanProposed(plan=back, awaits=False)
            healthy = yield from self.guard.carry_out(back, grant)
        except ShipmateError as error:
            raise Failed(
                f"Rolling back did not work: {error.message}", f"`shipmate undo {plan.id}` takes back what is left."
            ) from error
        if not healthy:
            raise Failed("It was rolled back, and what was there before is not healthy either.", "Ask what is wrong.")


def as_shown(shown: Preview, now: Preview) -> bool:
    """Whether a step, previewed again, is no more than what was shown; a provisional one could not be shown whole."""
    unseen = [write for write in now.writes if write not in shown.writes]
    same = shown.provisional or (now.uid, now.diff, now.shown) == (shown.uid, shown.diff, shown.shown)
    return now.noop or (not unseen and now.digest == shown.digest and same)


def _was_healthy(records: list[Record], number: int) -> bool:
    """What was seen last of this step."""
    seen = [record for record in records if record["type"] == "verified" and record["step"] == number]
    return bool(seen) and bool(seen[-1]["data"].get("healthy"))


def _writes(permit: Permit) -> dict[str, Json]:
    """What the journal keeps of a step's writes: those that were answered, and those that nobody answered for."""
    return {
        "writes": [write.model_dump() for write in permit.answered],
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
