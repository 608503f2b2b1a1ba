"""The guard: the one place where a proposal becomes a plan and a yes a grant; `execution.py` is after the yes."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.events import Event
from agent.guard.execution import Execution, reported
from agent.guard.grant import Grant
from agent.guard.hold import Hold
from agent.guard.journal import Journal
from agent.guard.plan import Aim, Plan, Step
from agent.guard.policy.acts import Act, acts_of
from agent.guard.policy.judge import Judge
from agent.guard.policy.modes import Mode
from agent.guard.policy.ruling import Decision, strictest
from agent.guard.policy.standing import Standing, StandingGrant
from agent.guard.stopped import taken_back
from agent.store.sqlite import PlanStatus, Store
from tools.catalog import Effect, Tool
from tools.change import Change, Json, Proposal
from tools.context import Context
from tools.errors import Refused, ShipmateError
from tools.handlers import combined, handler_for
from tools.secrets.said import redact_said

_WITHOUT_CLUSTER = {"build-image", "tag-image", "write-file"}
_KEEPS = timedelta(hours=24)  # how long a plan may wait for its yes
_CLOCKS_DIFFER = timedelta(minutes=5)


class Guard:
    """Previews, approves, applies, verifies and records; `mode` limits how far it goes, the policy what it may do.

    `policy` are files besides those that are always looked for.
    """

    def __init__(
        self, ctx: Context, journal: Journal, store: Store, mode: Mode = Mode.ASK, policy: tuple[Path, ...] = ()
    ) -> None:
        self.ctx = ctx
        self.journal = journal
        self.store = store
        self.mode = mode
        self.judge = Judge(ctx.root, policy)
        self.standing = Standing(ctx.state)
        # Grants of this guard that were not used yet, and whether they let a plan go on that had stopped.
        self._given: dict[str, tuple[Grant, Hold, bool]] = {}

    # --- before the yes -------------------------------------------------------------------------------------------

    def propose(
        self, proposal: Proposal, request: str, reading: str, roll_back: bool = False
    ) -> Generator[Event, None, Plan]:
        """Preview every change and seal them into a plan, which then waits for approval."""
        if self.mode is Mode.READ_ONLY:
            raise Refused("Shipmate is in read-only mode and proposes no changes.", "Start it with --mode ask.")
        self.judge.sources()  # a broken policy is told before anything is looked at
        changes = combined(self.ctx, proposal.changes)
        aim = self.aim(changes)
        now = self.ctx.at_one_moment()  # one look for all steps
        steps: list[Step] = []
        for number, change in enumerate(changes, start=1):
            earlier = tuple(step.change for step in steps)
            preview = yield from reported(handler_for(change).preview(now, change, earlier), number)
            ruling = self.judge.of_step(self.ctx, change, preview, aim)
            steps.append(Step(change=change, preview=preview, ruling=ruling))
        matters = [step.ruling for step in steps if not step.preview.noop]
        plan = Plan(
            request=redact_said(request),
            reading=reading,
            aim=aim,
            steps=tuple(steps),
            notes=proposal.notes,
            on_failure="roll-back" if roll_back or any(one.roll_back for one in matters) else "stop",
            confirm=",".join(dict.fromkeys(one.word for one in matters if one.word)),
            cure=proposal.cure,
        ).sealed(self.ctx.vault.key)
        self.journal.append("proposed", plan.id, **_outline(plan))
        denied = plan.ruling.decision is Decision.DENY
        self.store.save_plan(plan, "denied" if denied else "pending")
        if denied:
            self.journal.append("refused", plan.id, by=plan.ruling.by, reason=plan.ruling.reason)
        return plan

    def check_call(self, tool: Tool) -> None:
        """Raise Refused unless the policy lets this tool be called; what changes something is decided as a plan."""
        if tool.effect is Effect.CHANGE:
            return
        ruling = self.judge.of_call(tool.effect, tool.name)
        if ruling.decision is Decision.DENY:
            raise Refused(f"{tool.name} is denied by {ruling.told}.")
        if ruling.decision is not Decision.ALLOW:
            raise Refused(f"{tool.name} needs a yes on the terminal ({ruling.told}).")

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
            identity=cluster.identified_as,
            namespace=", ".join(_namespaces(changes)) or cluster.namespace,
        )

    # --- the yes --------------------------------------------------------------------------------------------------

    def approve(self, plan: Plan, digest: str, by: str, how: str, typed: str = "") -> Grant:
        """Turn a yes into a grant; raises Refused when this plan may not be applied."""
        self._check_may_be_applied(plan, digest)
        if plan.confirm and typed != plan.confirm:
            raise Refused(f"This plan needs its name typed: {plan.confirm}.", f"Confirm it with: {plan.confirm}")
        return self._grant(plan, Grant(plan_id=plan.id, digest=digest, by=by, how=how))

    def approve_unasked(self, plan: Plan) -> Grant:
        """Turn what was permitted before (by a rule, or for this session) into a grant for this plan.

        Raises Refused when that does not cover all of it, and for whatever `approve` refuses.
        """
        self._check_may_be_applied(plan, plan.digest)
        covered = self.cover(plan)
        if not covered:
            raise Refused("This plan waits for a yes: nothing that was permitted before covers it.")
        return self._grant(
            plan, Grant(plan_id=plan.id, digest=plan.digest, by=covered[0], how="permitted before", standing=covered)
        )

    def cover(self, plan: Plan) -> tuple[str, ...]:
        """What permits each step of this plan without a question; empty when a person has to be asked."""
        if not self.mode.applies or plan.blockers or plan.confirm:
            return ()
        names: list[str] = []
        for step in plan.steps:
            if step.preview.noop:
                continue
            now = self.judge.of_step(self.ctx, step.change, step.preview, plan.aim)
            decided = strictest((now, step.ruling))
            given = None if decided.each_time else self.standing.covering(self._act(plan, step))
            if decided.decision is Decision.ALLOW and self.mode is Mode.AUTO:
                names.append(f"rule {decided.by}")
            elif decided.decision in (Decision.ALLOW, Decision.ASK) and given:
                names.append(f"standing grant {given.id}")
            else:
                return ()
        return tuple(dict.fromkeys(names))

    def stand(self, plan: Plan, by: str) -> tuple[StandingGrant, ...]:
        """Let the same be done without a question for this session; `why_each_time` says when that cannot be."""
        if why := self.why_each_time(plan):
            raise Refused(f"This is asked about each time: {why}.", "Approve this plan alone.")
        given: list[StandingGrant] = []
        for step in plan.steps:
            act = self._act(plan, step)
            if step.preview.noop or self.standing.covering(act):
                continue
            grant = self.standing.give(act, by, plan.id)
            try:
                self.journal.append("granted", plan.id, grant=grant.model_dump(mode="json"))
            except BaseException:
                self.standing.end([grant.id])  # what the journal does not know does not count
                raise
            given.append(grant)
        return tuple(given)

    def why_each_time(self, plan: Plan) -> str:
        """Why a yes to this plan cannot stand for the session, empty when it can."""
        if plan.ruling.decision in (Decision.CONFIRM, Decision.DENY) or plan.ruling.each_time:
            return plan.ruling.told
        return "it takes something back" if plan.undoes else ""

    def revoke(self, by: str, ids: list[str] | None = None) -> list[str]:
        """End standing grants of this session (None: all); returns the ids of those that counted until now."""
        ended = self.standing.end(ids)
        for grant_id in ended:
            self.journal.append("revoked", "", grant=grant_id, by=by)
        return ended

    def _act(self, plan: Plan, step: Step) -> Act:
        return acts_of(self.ctx, step.change, step.preview, plan.aim)[0]

    def _check_may_be_applied(self, plan: Plan, digest: str, wanted: PlanStatus = "pending") -> None:
        """Raise Refused for what no yes makes good: the mode, the policy, a wrong digest, age, blockers, the aim."""
        if not self.mode.applies:
            raise Refused(
                f"Nothing is applied in {self.mode} mode.", "Approve it in ask mode (`--yes`, or `shipmate`)."
            )
        if not self._is_of(plan, digest):
            raise Refused("The approval is for another plan than the one at hand.", "Ask again to see the plan.")
        self._check_status(plan, wanted)
        if plan.blockers:
            raise Refused(f"This plan cannot succeed: {plan.blockers[0]}", "Change the request or remove the obstacle.")
        self._check_aim(plan)
        self._check_policy(plan)

    def _check_status(self, plan: Plan, wanted: PlanStatus) -> None:
        status = self.store.plan_status(plan.id)
        if status == "denied":
            raise Refused(f"Plan {plan.id} was denied by {plan.ruling.told}.", "Nothing was changed.")
        if status != wanted:
            raise Refused(f"Plan {plan.id} was decided already ({status}).", "Ask again to get a new one.")
        age = datetime.now(UTC) - plan.created
        if age > _KEEPS:
            self.store.move_plan(plan.id, "pending", "expired")
            raise Refused(f"Plan {plan.id} is older than a day and has expired.", "Ask again to see it as it is now.")
        if age < -_CLOCKS_DIFFER:
            raise Refused(f"Plan {plan.id} was made at a time that is still to come.", "Set the clock, and ask again.")

    def _check_policy(self, plan: Plan) -> None:
        """Raise Refused where the policy denies it, or has become stricter than what the plan showed."""
        for number, step in enumerate(plan.steps, start=1):
            if step.preview.noop:
                continue
            now = self.judge.of_step(self.ctx, step.change, step.preview, plan.aim)
            if Decision.DENY in (now.decision, step.ruling.decision):
                denied = now if now.decision is Decision.DENY else step.ruling
                raise Refused(f"Step {number} is denied by {denied.told}.", "Nothing was changed.")
            if now.decision is Decision.CONFIRM and step.ruling.decision is not Decision.CONFIRM:
                raise Refused(
                    f"The policy has become stricter since this plan was shown ({now.told}).", "Ask again to see it."
                )

    def _grant(self, plan: Plan, grant: Grant, before: PlanStatus = "pending") -> Grant:
        """Take the plan for this process and write the grant down; each plan can be taken once from `before`."""
        self.journal.check()  # on one that was tampered with no promise could rest
        records = self.journal.of(plan.id)
        if not any(one["type"] == "proposed" and one["data"].get("digest") == plan.digest for one in records):
            raise Refused(f"The journal knows nothing of plan {plan.id}.", "Ask again to see the plan.")
        held = Hold.take(self.ctx.state, plan.id)
        # Whatever the store has come to say of it; asked once nobody else can decide it any more.
        decided = before == "pending" and self._was_decided(plan)
        if held is None or decided or not self.store.move_plan(plan.id, before, "applying"):
            if held:
                held.release(settled=self.store.plan_status(plan.id) != "applying")
            raise Refused(f"Plan {plan.id} was decided already.", "Ask again to get a new one.")
        try:
            self.journal.append("approved", plan.id, grant=grant.model_dump(mode="json"))
        except BaseException:
            held.release(settled=self.store.move_plan(plan.id, "applying", before))
            raise
        self._given[plan.id] = (grant, held, before == "failed")
        return grant

    def go_on(self, plan: Plan, by: str) -> Grant:
        """Let a plan that stopped go on under the yes that it got: its other steps are previewed again and go on only
        where they look as they were shown. Raises Refused for whatever `approve` refuses, and without that yes."""
        self._check_may_be_applied(plan, plan.digest, "failed")
        if not any(record["type"] == "approved" for record in self.journal.of(plan.id)):
            raise Refused(f"Plan {plan.id} was never approved.", "Ask again to see the plan.")
        if by_plan := taken_back(self.journal, plan):
            raise Refused(f"Plan {plan.id} was taken back since, by plan {by_plan}.", "Ask again for the change.")
        grant = Grant(plan_id=plan.id, digest=plan.digest, by=by, how="retry of what was approved")
        return self._grant(plan, grant, "failed")

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
        given, held, again = self._given.get(plan.id) or (None, None, False)
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
        return (yield from Execution(self, plan, held, again=again).run())

    # --- what both rest on ----------------------------------------------------------------------------------------

    def _was_decided(self, plan: Plan) -> bool:
        """Whether the journal knows a yes or a no to this plan."""
        return any(record["type"] in ("approved", "refused") for record in self.journal.of(plan.id))

    def _is_of(self, plan: Plan, digest: str) -> bool:
        """Whether the digest is that of everything in this plan, not merely the one written on it."""
        return digest == plan.digest == plan.sealed(self.ctx.vault.key).digest

    def _check_aim(self, plan: Plan) -> None:
        """Raise Refused unless cluster, context and identity at hand are those that the plan was made for."""
        now = self.aim(tuple(step.change for step in plan.steps))
        if now.cluster_uid != plan.aim.cluster_uid or now.context != plan.aim.context:
            raise Refused(
                f"The plan was made for context {plan.aim.context!r}, but this is {now.context!r}.", "Ask again here."
            )
        if (now.user, now.identity) != (plan.aim.user, plan.aim.identity):
            raise Refused(
                f"The plan was made as {_who(plan.aim)}, but you are {_who(now)} now.", "Ask again to see it as that."
            )


def _who(aim: Aim) -> str:
    """The user of the kubeconfig, and whom the server takes it for."""
    return f"{aim.user} ({aim.identity})" if aim.identity not in ("", aim.user) else aim.user


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
            {
                "summary": step.preview.summary,
                "diff": step.preview.diff,
                "noop": step.preview.noop,
                "decision": step.ruling.decision,
                "decided_by": step.ruling.by,
            }
            for step in plan.steps
        ],
    }
