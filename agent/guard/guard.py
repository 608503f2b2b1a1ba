"""The guard: the one place where a proposal becomes a plan and a yes a grant; `execution.py` is after the yes."""

from __future__ import annotations

from collections.abc import Generator

from agent.events import Event
from agent.guard.execution import Execution, reported
from agent.guard.grant import Grant
from agent.guard.hold import Hold
from agent.guard.journal import Journal
from agent.guard.plan import Aim, Plan, Step
from agent.guard.policy import Mode, to_type
from agent.store.sqlite import Store
from tools.change import Change, Json, Proposal
from tools.context import Context
from tools.errors import Refused, ShipmateError
from tools.handlers import combined, handler_for

_WITHOUT_CLUSTER = {"build-image", "tag-image", "write-file"}


class Guard:
    """Previews, approves, applies, verifies and records; `mode` limits how far it goes."""

    def __init__(self, ctx: Context, journal: Journal, store: Store, mode: Mode = Mode.ASK) -> None:
        self.ctx = ctx
        self.journal = journal
        self.store = store
        self.mode = mode
        self._given: dict[str, tuple[Grant, Hold]] = {}  # grants of this guard that were not used yet

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
            preview = yield from reported(handler_for(change).preview(self.ctx, change, earlier), number)
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
        if not self._is_of(plan, digest):
            raise Refused("The approval is for another plan than the one at hand.", "Ask again to see the plan.")
        if plan.blockers:
            raise Refused(f"This plan cannot succeed: {plan.blockers[0]}", "Change the request or remove the obstacle.")
        if plan.confirm and typed != plan.confirm:
            raise Refused(f"This plan needs its name typed: {plan.confirm}.", f"Confirm it with: {plan.confirm}")
        self._check_aim(plan)
        held = Hold.take(self.ctx.state, plan.id)
        if held is None or self._was_decided(plan) or not self.store.move_plan(plan.id, "pending", "applying"):
            if held:
                held.release()
            raise Refused(f"Plan {plan.id} was decided already.", "Ask again to get a new one.")
        grant = Grant(plan_id=plan.id, digest=digest, by=by, how=how)
        self.journal.append("approved", plan.id, grant=grant.model_dump(mode="json"))
        self._given[plan.id] = (grant, held)
        return grant

    def refuse(self, plan: Plan, by: str) -> None:
        """Record the no; the plan can never be applied."""
        if self.store.move_plan(plan.id, "pending", "refused"):
            self.journal.append("refused", plan.id, by=by)

    # --- after the yes --------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan, grant: Grant) -> Generator[Event, None, bool]:
        """Apply and verify the steps in order, stopping at the first that fails; True when all are healthy.

        A grant works once, in the guard that gave it, for the very plan and place that it was given for: the yes
        and the writes may lie apart, and what is asked here may have changed hands in between.
        """
        given, held = self._given.get(plan.id) or (None, None)
        if held is None or given != grant:
            raise Refused("This grant was used already, or was never given here.", "Ask again to see the plan.")
        del self._given[plan.id]
        try:
            if not self._is_of(plan, grant.digest):
                raise Refused("The grant is for another plan.", "Ask again to see the plan.")
            self._check_aim(plan)
        except ShipmateError:
            self.store.move_plan(plan.id, "applying", "failed")
            held.release()
            raise
        return (yield from Execution(self, plan, held).run())

    # --- what both rest on ----------------------------------------------------------------------------------------

    def _was_decided(self, plan: Plan) -> bool:
        """Whether the journal knows a yes or a no to this plan, whatever the store has come to say of it."""
        return any(record["type"] in ("approved", "refused") for record in self.journal.of(plan.id))

    def _is_of(self, plan: Plan, digest: str) -> bool:
        """Whether the digest is that of everything in this plan, not merely the one written on it."""
        return digest == plan.digest == plan.sealed(self.ctx.vault.key).digest

    def _check_aim(self, plan: Plan) -> None:
        """Raise Refused unless the cluster and context at hand are those that the plan was made for."""
        now = self.aim(tuple(step.change for step in plan.steps))
        if now.cluster_uid != plan.aim.cluster_uid or now.context != plan.aim.context:
            raise Refused(
                f"The plan was made for context {plan.aim.context!r}, but this is {now.context!r}.", "Ask again here."
            )


def _namespaces(changes: tuple[Change, ...]) -> list[str]:
    """The namespaces that these changes touch, in order."""
    refs = [getattr(change, "ref", change) for change in changes]
    named = [getattr(ref, "namespace", None) for ref in refs]
    return list(dict.fromkeys(namespace for namespace in named if namespace))


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
