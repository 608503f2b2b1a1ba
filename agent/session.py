"""A session: text in, events out. Every front end is made on this."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from secrets import token_hex

from agent.events import Answered, Errored, Event, Noticed, StepApplied
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy import Mode, tools_in
from agent.guard.recovery import recover
from agent.guard.undo import journal_of, undo
from agent.loop import propose, take_turn
from agent.minds.mind import Conversation, Mind, Turn
from agent.settings import Settings
from agent.store.sqlite import Store
from tools.catalog import CATALOG, Effect, Tool
from tools.context import Context
from tools.errors import Failed, NotFound, ShipmateError, exit_code

TOOLS: tuple[Tool, ...] = (*CATALOG, Tool("undo", Effect.CHANGE, "agent.guard.undo:undo"))

ROLLED_BACK = 12


class Session:
    """One conversation. `send` takes what a person says; `approve` and `refuse` decide the plan that waits."""

    def __init__(self, ctx: Context, mind: Mind, mode: Mode = Mode.ASK, id: str | None = None) -> None:
        self.id = id or token_hex(4)
        self.ctx = ctx
        self.mind = mind
        self.store = Store(ctx.state / "shipmate.db")
        self.guard = Guard(ctx, journal_of(ctx), self.store, mode)
        self.conversation = Conversation(
            turns=self.store.turns(self.id) if id else [], tools=tools_in(mode, TOOLS)
        )  # fmt: skip
        self.pending: Plan | None = None
        self._recovered = False
        self._keep_place()

    @classmethod
    def open(cls, settings: Settings, id: str | None = None) -> Session:
        """A session as the settings say: which cluster, which folder, which mind."""
        ctx = settings.open_context()
        return cls(ctx, choose_mind(settings, ctx), settings.mode, id)

    def recover(self) -> Iterator[Noticed]:
        """Tell what became of plans that were cut off, here or in another process."""
        self._recovered = True
        for line in recover(self.ctx, self.guard.journal, self.store):
            self.conversation.turns.append(Turn(role="mind", text=line))
            yield Noticed(text=line)

    def send(self, text: str, roll_back: bool = False) -> Iterator[Event]:
        """Take one message and yield what happens. A plan that was waiting is replaced by this turn."""
        if not self._recovered:
            yield from self.recover()
        if self.pending:
            self.store.move_plan(self.pending.id, "pending", "replaced")
            self.pending = None
        self.conversation.turns.append(Turn(role="person", text=text))
        try:
            self.pending = yield from take_turn(self.conversation, self.mind, self.guard, roll_back)
            self._keep_place()
        except ShipmateError as error:
            yield self._errored(error)
        finally:
            lost = self._keep_turns()
        if lost:
            yield Noticed(text=lost)

    def undo(self, plan_id: str | None = None) -> Iterator[Event]:
        """Propose to take back the last applied plan, or the one named."""
        try:
            proposal = undo(self.ctx, plan=plan_id)
            reading = f"take back plan {proposal.undoes}"
            self.pending = yield from propose(self.conversation, self.guard, proposal, reading)
        except ShipmateError as error:
            yield self._errored(error)

    def approve(self, plan: Plan, digest: str, how: str, by: str = "", typed: str = "") -> Iterator[Event]:
        """Apply the plan and yield what happens; the last event says how it ended."""
        self.pending = None
        healthy, told = False, list[StepApplied]()
        try:
            grant = self.guard.approve(plan, digest, by or getpass.getuser(), how, typed)
            work = self.guard.carry_out(plan, grant)
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
            yield self._errored(error)
            return
        except (KeyboardInterrupt, GeneratorExit):
            told.append(StepApplied(plan_id=plan.id, step=0, status="unknown", text="stopped by the person"))
            raise
        finally:
            self._remember(plan, told)
        yield self._after(plan, healthy)

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
        text += f'\nTo take it back, say "undo that" (or run `shipmate undo {plan.id}`).'
        return Answered(text=text, outcome="failed", code=13)

    def _errored(self, error: ShipmateError) -> Errored:
        self.conversation.turns.append(Turn(role="mind", text=str(error)))
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
