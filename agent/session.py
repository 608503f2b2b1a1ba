"""A session: text in, events out. Every front end is made on this."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from agent.events import Answered, Asked, Errored, Event, Noticed, StepApplied
from agent.guard.execution import as_shown, reported
from agent.guard.grant import Grant
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy.modes import Mode, tools_in
from agent.guard.policy.permitted import about_permission
from agent.guard.recovery import recover
from agent.guard.stopped import CHOICES, Stopped, choice, stopped, taken_back
from agent.guard.undo import journal_of, undo
from agent.loop import propose, take_turn
from agent.minds.mind import Call, Conversation, Mind, Returned, Turn
from agent.settings import Settings
from agent.store.sqlite import Store
from tools.catalog import CATALOG, Effect, Result, Tool, by_name
from tools.change import Change, Cure, Proposal
from tools.context import Context
from tools.errors import Failed, NeedsAnswer, NotFound, ShipmateError, exit_code
from tools.handlers import handler_for
from tools.secrets.said import learn_said

TOOLS: tuple[Tool, ...] = (*CATALOG, Tool("undo", Effect.CHANGE, "agent.guard.undo:undo"))

ROLLED_BACK = 12


class Session:
    """One conversation. `send` takes what a person says; `approve` and `refuse` decide the plan that waits."""

    def __init__(
        self,
        ctx: Context,
        mind: Mind,
        mode: Mode = Mode.ASK,
        id: str | None = None,
        policy: tuple[Path, ...] = (),
    ) -> None:
        self.id = id or token_hex(4)
        self.ctx = ctx
        self.mind = mind
        self.store = Store(ctx.state / "shipmate.db")
        self.guard = Guard(ctx, journal_of(ctx), self.store, mode, policy)
        self.conversation = Conversation(
            turns=self.store.turns(self.id) if id else [], tools=tools_in(mode, TOOLS)
        )  # fmt: skip
        self.pending: Plan | None = None
        self.stopped = self._find_stopped()
        self._recovered = False
        self._told_problem = ""
        self._keep_place()

    @classmethod
    def open(cls, settings: Settings, id: str | None = None) -> Session:
        """A session as the settings say: which cluster, which folder, which mind."""
        ctx = settings.open_context()
        return cls(ctx, choose_mind(settings, ctx), settings.mode, id, settings.policy)

    def recover(self) -> Iterator[Noticed]:
        """Tell what became of plans that were cut off, here or in another process."""
        self._recovered = True
        for line in recover(self.ctx, self.guard.journal, self.store):
            self.conversation.turns.append(Turn(role="mind", text=line, reported=True))
            yield Noticed(text=line)

    def send(self, text: str, roll_back: bool = False) -> Iterator[Event]:
        """Take one message and yield what happens. A plan that was waiting is replaced by this turn."""
        text = text.encode(errors="replace").decode()  # a terminal's broken bytes could not be kept
        if not self._recovered:
            yield from self.recover()
        if aside := about_permission(self.guard, text, getpass.getuser()):
            yield Answered(text=aside)  # a plan that waits goes on waiting
            return
        if self.pending:
            self.store.move_plan(self.pending.id, "pending", "replaced")
            self.pending = None
        yield from self._policy_problem()
        was, self.stopped = self.stopped, None
        if was and (chosen := choice(text)):
            yield from self.choose(was, chosen)
            return
        learn_said(text)
        self.conversation.turns.append(Turn(role="person", text=text))
        try:
            self.pending = yield from take_turn(self.conversation, self.mind, self.guard, roll_back)
            self._keep_place()
            yield from self._unasked()
        except ShipmateError as error:
            yield self._errored(error)
        finally:
            lost = self._keep_turns()
        if lost:
            yield Noticed(text=lost)

    def choose(self, was: Stopped, chosen: str) -> Iterator[Event]:
        """What becomes of a plan that stopped: keep what was done, retry the rest, or take back what was done."""
        self.stopped = None
        self.conversation.turns.append(Turn(role="person", text=chosen))
        if chosen == "retry":
            yield from self.retry(was.plan)
        elif chosen == "take back":
            yield from self.undo(was.plan.id)
        else:
            self.conversation.turns.append(Turn(role="mind", text="Kept as it is."))
            yield Answered(text="Kept as it is.")

    def retry(self, plan: Plan) -> Iterator[Event]:
        """Go on with a plan that stopped: by its own yes where the rest looks as it was shown, else as a new plan."""
        self.stopped = None
        try:
            rest = yield from self._rest_now(plan)
            if rest is None:
                yield from self._apply(plan, lambda: self.guard.go_on(plan, getpass.getuser()))
                return
            roll_back = plan.on_failure == "roll-back"
            proposal = Proposal(changes=rest, notes=(f"The rest of plan {plan.id} no longer looks as it was shown.",))
            reading = f"go on with plan {plan.id}"
            self.pending = yield from propose(self.conversation, self.guard, proposal, reading, roll_back)
        except ShipmateError as error:
            yield self._errored(error)

    def _rest_now(self, plan: Plan) -> Generator[Event, None, tuple[Change, ...] | None]:
        """None when the next step to apply is as it was shown; else all changes that are left."""
        was = stopped(self.guard.journal, plan)
        done = was.stands if was else ()
        wanted = [number for number, step in enumerate(plan.steps, start=1) if not step.preview.noop]
        rest = [number for number in wanted if number not in done]
        if not rest:
            return None
        step = plan.steps[rest[0] - 1]
        now = yield from reported(handler_for(step.change).preview(self.ctx, step.change, ()), rest[0])
        if as_shown(step.preview, now) and not now.blockers:
            return None
        return tuple(plan.steps[number - 1].change for number in rest)

    def _find_stopped(self) -> Stopped | None:
        """The plan that this conversation was left with, where it stopped before its end."""
        turn = next((turn for turn in reversed(self.conversation.turns) if turn.role in ("plan", "person")), None)
        found = self.store.plan(turn.plan_id) if turn and turn.plan_id else None
        return stopped(self.guard.journal, found[0]) if found and found[1] == "failed" else None

    def undo(self, plan_id: str | None = None, **how: Any) -> Iterator[Event]:
        """Propose to take back the last applied plan, or the one named; `how` as the tool `undo` understands it."""
        try:
            proposal = undo(self.ctx, plan=plan_id, **how)
            reading = f"take back plan {', '.join(proposal.undoes)}" if proposal.undoes else "take back what was done"
            self.pending = yield from propose(self.conversation, self.guard, proposal, reading)
            yield from self._unasked()
        except NeedsAnswer as question:
            yield Asked(text=question.message, options=question.options)
        except ShipmateError as error:
            yield self._errored(error)

    def approve(
        self, plan: Plan, digest: str, how: str, by: str = "", typed: str = "", stands: bool = False
    ) -> Iterator[Event]:
        """Apply the plan and yield what happens; the last event says how it ended.

        `stands`: once it is applied and healthy, the same is done without a question for the rest of this session.
        """
        by = by or getpass.getuser()
        healthy = yield from self._apply(plan, lambda: self.guard.approve(plan, digest, by, how, typed))
        if healthy and stands:
            try:
                for given in self.guard.stand(plan, by):
                    yield Noticed(text=f'From now on without a question: {given}. "revoke" ends it.')
            except ShipmateError as error:
                yield Noticed(text=str(error))

    def close(self) -> None:
        """End the session: what was permitted for it is permitted no longer."""
        self.guard.revoke("the end of the session")

    def _unasked(self) -> Iterator[Event]:
        """Apply the plan at once where a rule or a standing grant permits all of it."""
        plan = self.pending
        if plan and (covered := self.guard.cover(plan)):
            yield Noticed(text=f"Applied without a question, by {', '.join(covered)}.")
            yield from self._apply(plan, lambda: self.guard.approve_unasked(plan))

    def _policy_problem(self) -> Iterator[Event]:
        """Say, once, that the policy is broken: reading goes on, changes do not."""
        problem = self.guard.judge.problem()
        if problem and problem != self._told_problem:
            yield Noticed(text=problem)
        self._told_problem = problem

    def _apply(self, plan: Plan, yes: Callable[[], Grant]) -> Generator[Event, None, bool]:
        """Carry out a plan under the grant that `yes` gives; returns whether all of it is healthy."""
        self.pending = None
        healthy, told, failed = False, list[StepApplied](), None
        try:
            work = self.guard.carry_out(plan, yes())
            while True:
                try:
                    event = next(work)
                except StopIteration as end:
                    healthy = end.value
                    break
                if isinstance(event, StepApplied):
                    told.append(event)
                yield event
        except ShipmateError as error:
            failed = error
        except (KeyboardInterrupt, GeneratorExit):
            told.append(StepApplied(plan_id=plan.id, step=0, status="unknown", text="stopped by the person"))
            raise
        finally:
            self._remember(plan, told)
        if failed:
            yield from self._after_error(plan, failed)
        elif plan.cure:
            healthy = yield from self._prove(plan, plan.cure, healthy)
        else:
            yield self._after(plan, healthy)
        return healthy

    def _prove(self, plan: Plan, cure: Cure, healthy: bool) -> Generator[Event, None, bool]:
        """A fix counts only when the same diagnosis, made again, no longer finds what it was for."""
        from agent.proving import proven, safely

        text = self.conversation.turns[-1].text
        ended = yield from safely(proven(self.guard, plan, cure, healthy, text), text)
        self._look_again(cure)
        self.pending = ended.pending
        self.conversation.turns.append(Turn(role="mind", text=ended.answer.text, reported=True))
        self._keep_turns()
        yield ended.answer
        return ended.answer.code == 0

    def _look_again(self, cure: Cure) -> None:
        """Leave the fresh diagnosis in the conversation, so that what follows refers to how things are now."""
        from agent.proving import scope

        asked = [turn.calls for turn in self.conversation.turns if turn.calls]
        before = next((call.arguments for calls in reversed(asked) for call in calls if call.tool == "diagnose"), {})
        number = sum(len(turn.returned) for turn in self.conversation.turns)
        call = Call(id=f"p{number + 1}", tool="diagnose", arguments=scope(cure, before))
        with suppress(ShipmateError):
            found = by_name(TOOLS)[call.tool].run(self.ctx, call.arguments)
            if isinstance(found, Result):
                self.conversation.turns.append(Turn(role="tools", returned=(Returned(call=call, result=found),)))

    def refuse(self, plan: Plan, by: str = "") -> Answered:
        """Drop the plan."""
        self.pending = None
        self.guard.refuse(plan, by or getpass.getuser())
        self.conversation.turns.append(Turn(role="plan", plan_id=plan.id, text="refused"))
        return Answered(text="Refused: nothing was changed.", outcome="refused")

    def stored_plan(self, plan_id: str) -> Plan:
        """A plan that an earlier process proposed."""
        found = self.store.plan(plan_id)
        if not found:
            raise NotFound(f"There is no plan {plan_id!r}.", "`shipmate plan` lists the plans.")
        return found[0]

    def _keep_place(self) -> None:
        """Let bare names mean what the last plan of this conversation dealt with."""
        plan_id = next((turn.plan_id for turn in reversed(self.conversation.turns) if turn.plan_id), "")
        if plan_id and (found := self.store.plan(plan_id)):
            self.ctx.recent = found[0].aim.namespace.split(", ")[0] or None

    def _remember(self, plan: Plan, told: list[StepApplied]) -> None:
        lines = [_line(event) for event in told] or ["nothing was applied"]
        self.conversation.turns.append(Turn(role="plan", plan_id=plan.id, text="\n".join(lines)))
        self._keep_turns()

    def _keep_turns(self) -> str:
        """Save the conversation; says so where that is not possible, which is no reason to withhold an answer."""
        try:
            self.store.save_turns(self.id, self.conversation.turns)
        except Failed as error:
            return f"This conversation cannot be gone on with later. {error}"
        return ""

    def _after(self, plan: Plan, healthy: bool) -> Answered:
        """What is now true, in a sentence or two, from the facts that verification saw."""
        text = self.conversation.turns[-1].text
        if healthy:
            return Answered(text=text, outcome="done")
        if plan.on_failure == "roll-back":
            return Answered(text=text, outcome="rolled-back", code=ROLLED_BACK)
        self.stopped = stopped(self.guard.journal, plan)
        more = f"\n{self.stopped.told}" if self.stopped else ""
        return Answered(text=text + more, outcome="failed", code=13, options=CHOICES if self.stopped else ())

    def _after_error(self, plan: Plan, error: ShipmateError) -> Iterator[Event]:
        """What went wrong, what became of a step whose answer was not seen, and what of the plan stands."""
        yield self._errored(error)
        try:
            if self.store.plan_status(plan.id) == "applying":
                yield from self.recover()
            failed = self.store.plan_status(plan.id) == "failed"
            self.stopped = stopped(self.guard.journal, plan) if failed else None
            rolled_back = plan.on_failure == "roll-back" and taken_back(self.guard.journal, plan)
        except ShipmateError as another:  # such as a full disk, which the first may have been about, too
            if another.message != error.message:
                yield self._errored(another)
            return
        if rolled_back:
            yield Answered(text="What was applied before was taken back.", outcome="rolled-back", code=ROLLED_BACK)
        elif self.stopped:
            yield Answered(text=self.stopped.told, outcome="failed", code=exit_code(error), options=CHOICES)

    def _errored(self, error: ShipmateError) -> Errored:
        self.conversation.turns.append(Turn(role="mind", text=str(error), reported=True))
        return Errored(message=error.message, next_step=error.next_step, code=exit_code(error))


def _line(event: StepApplied) -> str:
    seen = event.verification
    if not seen:
        return event.text
    causes = "".join(f"\n- {finding.summary}" for finding in seen.findings)
    return f"{seen.text}{causes}"


def choose_mind(settings: Settings, ctx: Context) -> Mind:
    """The chat model that the settings name, else the planner."""
    if settings.model:
        from agent.minds.langchain import LangChainMind

        return LangChainMind(settings.model)
    from agent.minds.planner.planner import Planner

    return Planner(ctx)
