"""The guard: the one place where a proposal becomes a plan, a yes becomes a grant, and a grant becomes writes."""

from __future__ import annotations

from collections.abc import Generator

from agent.events import Event, PlanProposed, ProgressMade, StepApplied
from agent.guard.grant import Grant
from agent.guard.hold import Hold
from agent.guard.journal import Journal
from agent.guard.plan import Aim, Plan, Step
from agent.guard.policy import Mode, to_type
from agent.store.sqlite import Store
from tools.change import Change, Json, Proposal
from tools.context import Context
from tools.errors import Conflict, Failed, Refused, ShipmateError
from tools.handlers import combined, handler_for
from tools.permit import Permit
from tools.preview import Applied, Preview, Verification
from tools.progress import Steps, T

_WITHOUT_CLUSTER = {"build-image", "tag-image", "write-file"}


class Guard:
    """Previews, approves, applies, verifies and records; `mode` limits how far it goes."""

    def __init__(self, ctx: Context, journal: Journal, store: Store, mode: Mode = Mode.ASK) -> None:
        self.ctx = ctx
        self.journal = journal
        self.store = store
        self.mode = mode
        self._held: dict[str, Hold] = {}
        self._unknown: set[str] = set()  # plans with a step that may or may not have been applied

    # --- before the yes -------------------------------------------------------------------------------------------

    def propose(
        self, proposal: Proposal, request: str, reading: str, roll_back: bool = False
    ) -> Generator[Event, None, Plan]:
        """Preview every change and seal them into a plan, which then waits for approval."""
        if self.mode is Mode.READ_ONLY:
            raise Refused("Shipmate is in read-only mode and proposes no changes.", "Start it with --mode ask.")
        changes = combined(self.ctx, proposal.changes)
        aim = self.aim(changes)
        steps: list[Step] = []
        for number, change in enumerate(changes, start=1):
            earlier = tuple(step.change for step in steps)
            preview = yield from _reported(handler_for(change).preview(self.ctx, change, earlier), number)
            steps.append(Step(change=change, preview=preview))
        plan = Plan(
            request=request,
            reading=reading,
            aim=aim,
            steps=tuple(steps),
            notes=proposal.notes,
            on_failure="roll-back" if roll_back else "stop",
            confirm=next((word for step in steps if (word := to_type(step.change, aim))), ""),
            undoes=proposal.undoes,
        ).sealed(self.ctx.vault.key)
        self.journal.append("proposed", plan.id, **_outline(plan))
        self.store.save_plan(plan)
        return plan

    def aim(self, changes: tuple[Change, ...]) -> Aim:
        """Which cluster, identity and namespace these changes would go to."""
        if all(change.kind in _WITHOUT_CLUSTER for change in changes):
            return Aim()
        cluster = self.ctx.cluster
        return Aim(
            context=cluster.context,
            server=cluster.server,
            cluster_uid=cluster.uid(),
            user=cluster.user,
            namespace=", ".join(_namespaces(changes)) or cluster.namespace,
        )

    # --- the yes --------------------------------------------------------------------------------------------------

    def approve(self, plan: Plan, digest: str, by: str, how: str, typed: str = "") -> Grant:
        """Turn a yes into a grant; raises Refused when this plan may not be applied."""
        if self.mode is not Mode.ASK:
            raise Refused(
                f"Nothing is applied in {self.mode} mode.", "Approve it in ask mode (`--yes`, or `shipmate`)."
            )
        if digest != plan.digest or plan.sealed(self.ctx.vault.key).digest != plan.digest:
            raise Refused("The approval is for another plan than the one at hand.", "Ask again to see the plan.")
        if plan.blockers:
            raise Refused(f"This plan cannot succeed: {plan.blockers[0]}", "Change the request or remove the obstacle.")
        if plan.confirm and typed != plan.confirm:
            raise Refused(f"This plan needs its name typed: {plan.confirm}.", f"Confirm it with: {plan.confirm}")
        now = self.aim(tuple(step.change for step in plan.steps))
        if now.cluster_uid != plan.aim.cluster_uid or now.context != plan.aim.context:
            raise Refused(
                f"The plan was made for context {plan.aim.context!r}, but this is {now.context!r}.", "Ask again here."
            )
        held = Hold.take(self.ctx.state, plan.id)
        if held is None or not self.store.move_plan(plan.id, "pending", "applying"):
            if held:
                held.release()
            raise Refused(f"Plan {plan.id} was decided already.", "Ask again to get a new one.")
        self._held[plan.id] = held
        grant = Grant(plan_id=plan.id, digest=digest, by=by, how=how)
        self.journal.append("approved", plan.id, grant=grant.model_dump(mode="json"))
        return grant

    def refuse(self, plan: Plan, by: str) -> None:
        """Record the no; the plan can never be applied."""
        if self.store.move_plan(plan.id, "pending", "refused"):
            self.journal.append("refused", plan.id, by=by)

    # --- after the yes --------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan, grant: Grant) -> Generator[Event, None, bool]:
        """Apply and verify the steps in order, stopping at the first that fails; True when all are healthy.

        A grant works once: the plan's status moved from pending to applying when it was given. Where it is cut off
        it stays so, and recovery finds out later what became of it.
        """
        if grant.plan_id != plan.id or grant.digest != plan.digest:
            raise Refused("The grant is for another plan.", "Ask again to see the plan.")
        ended, healthy = True, False
        try:
            healthy = yield from self._steps(plan)
        except BaseException as error:
            ended = isinstance(error, ShipmateError) and plan.id not in self._unknown
            raise
        finally:
            if ended:
                self.store.move_plan(plan.id, "applying", "applied" if healthy else "failed")
            self._held.pop(plan.id).release(settled=ended)
        if healthy and plan.undoes:
            self.journal.append("undone", plan.undoes, by_plan=plan.id)
        return healthy

    def _steps(self, plan: Plan) -> Generator[Event, None, bool]:
        for number, step in enumerate(plan.steps, start=1):
            if step.preview.noop:
                continue
            preview = step.preview
            if preview.provisional:
                preview = yield from self._look_again(plan, number)
                if preview.noop:
                    continue
            applied = yield from self._apply(plan, number, preview)
            seen = yield from self._verify(plan, number, applied)
            self.journal.append("verified", plan.id, number, **seen.model_dump(mode="json"))
            yield StepApplied(plan_id=plan.id, step=number, status="applied", text=applied.summary, verification=seen)
            if not seen.healthy:
                if plan.on_failure == "roll-back":
                    yield from self._roll_back(plan, number, step.change, applied)
                return False
        return True

    def _look_again(self, plan: Plan, number: int) -> Generator[Event, None, Preview]:
        """Preview a step that rested on earlier ones; it goes on only if nothing new came to light."""
        step = plan.steps[number - 1]
        now = yield from _reported(handler_for(step.change).preview(self.ctx, step.change, ()), number)
        if now.blockers:
            raise Failed(f"Step {number} cannot succeed: {now.blockers[0]}", "The steps before it are in place.")
        unseen = [write for write in now.writes if write not in step.preview.writes]
        if unseen or now.digest != step.preview.digest:
            raise Conflict(
                f"Step {number} now looks different from what was shown.", "Ask again to see and approve the rest."
            )
        return now

    def _apply(self, plan: Plan, number: int, preview: Preview) -> Generator[Event, None, Applied]:
        """Journal the intent, write under a permit, journal the outcome; whatever interrupts it leaves *unknown*."""
        change = plan.steps[number - 1].change
        permit = Permit(plan.id, number, preview.writes)
        self.journal.append("intent", plan.id, number, change=change.model_dump(mode="json"))
        try:
            with permit.opened():
                applied = yield from _reported(handler_for(change).apply(self.ctx, change, preview, permit), number)
        except BaseException as error:
            status = "failed" if isinstance(error, ShipmateError) and not permit.used else "unknown"
            text = str(error) if isinstance(error, ShipmateError) else f"stopped ({type(error).__name__})"
            self.journal.append("outcome", plan.id, number, status=status, text=text)
            if status == "unknown":
                self._unknown.add(plan.id)
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
            writes=[write.model_dump() for write in permit.used],
        )
        return applied

    def _verify(self, plan: Plan, number: int, applied: Applied) -> Generator[Event, None, Verification]:
        """Watch the step until it is healthy; who stops watching leaves that in the journal."""
        change = plan.steps[number - 1].change
        try:
            return (yield from _reported(handler_for(change).verify(self.ctx, change, applied), number))
        except (KeyboardInterrupt, GeneratorExit):
            self.journal.append("verified", plan.id, number, healthy=False, text="stopped before it was seen healthy")
            raise

    def _roll_back(self, plan: Plan, number: int, change: Change, applied: Applied) -> Generator[Event, None, None]:
        """Take one unhealthy step back, as the plan said it would."""
        inverse = handler_for(change).invert(self.ctx, change, applied)
        yield ProgressMade(text="not healthy: rolling back", step=number)
        back = yield from self.propose(
            Proposal(changes=inverse.changes, undoes=plan.id), plan.request, f"roll back plan {plan.id}"
        )
        grant = self.approve(
            back, back.digest, by=f"plan {plan.id}", how="roll-back named in the plan", typed=back.confirm
        )
        yield PlanProposed(plan=back, awaits=False)
        yield from self.carry_out(back, grant)


def _namespaces(changes: tuple[Change, ...]) -> list[str]:
    """The namespaces that these changes touch, in order."""
    refs = [getattr(change, "ref", change) for change in changes]
    named = [getattr(ref, "namespace", None) for ref in refs]
    return list(dict.fromkeys(namespace for namespace in named if namespace))


def _reported(steps: Steps[T], number: int) -> Generator[Event, None, T]:
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


def _outline(plan: Plan) -> dict[str, Json]:
    """What the journal keeps of a proposed plan: everything but the previews' bulk."""
    return {
        "request": plan.request,
        "reading": plan.reading,
        "digest": plan.digest,
        "aim": plan.aim.model_dump(),
        "undoes": plan.undoes,
        "steps": [
            {"summary": step.preview.summary, "diff": step.preview.diff, "noop": step.preview.noop}
            for step in plan.steps
        ],
    }
