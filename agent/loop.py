"""The whole agent: mind ⇄ tools ⇄ guard. No input or output of its own; it yields events."""

from __future__ import annotations

from collections.abc import Generator

from agent.events import Answered, Asked, Event, PlanProposed, Token, ToolFinished, ToolStarted
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy.ruling import Decision
from agent.minds.mind import Ask, Call, Calls, Conversation, Mind, Move, Returned, Say, Turn, Writing
from tools.catalog import Result, Tool, by_name
from tools.change import Change, Cure, Proposal
from tools.errors import BadRequest, Failed, NeedsAnswer, NotFound, Refused, Unsolved, exit_code
from tools.secrets.redact import redact_object

MAX_ROUNDS = 25


def take_turn(
    conversation: Conversation, mind: Mind, guard: Guard, roll_back: bool = False
) -> Generator[Event, None, Plan | None]:
    """Let the mind act until it answers, asks, or has a plan to show; returns the plan that waits, if any."""
    for _ in range(MAX_ROUNDS):
        move = yield from _next_move(conversation, mind)
        match move:
            case Say(text=text):
                conversation.turns.append(Turn(role="mind", text=text))
                yield _answer(conversation, move)
                return None
            case Ask(text=text, options=options):
                conversation.turns.append(Turn(role="mind", text=text, options=options))
                yield Asked(text=text, options=options)
                return None
            case Calls():
                conversation.turns.append(Turn(role="mind", text=move.text, calls=move.calls))
                returned = yield from _call_tools(conversation, guard, move.calls)
                conversation.turns.append(Turn(role="tools", returned=returned))
                if question := next((r for r in returned if r.error_kind == NeedsAnswer.__name__), None):
                    asked = Turn(role="mind", text=question.error, options=question.options, reported=True)
                    conversation.turns.append(asked)
                    yield Asked(text=question.error, options=question.options)
                    return None
                proposal = _together(returned)
                if proposal.changes and not any(r.error for r in returned):
                    return (yield from propose(conversation, guard, proposal, move.reading, roll_back))
    raise Failed(f"The request took more than {MAX_ROUNDS} steps and was stopped.", "Ask for less at once.")


def _next_move(conversation: Conversation, mind: Mind) -> Generator[Event, None, Move]:
    for said in mind.next(conversation):
        if isinstance(said, Writing):
            yield Token(text=said.text)
        else:
            return said
    raise Failed("The mind ended without a move.")


def _call_tools(
    conversation: Conversation, guard: Guard, calls: tuple[Call, ...]
) -> Generator[Event, None, tuple[Returned, ...]]:
    """Call in order and gather what comes back."""
    tools = by_name(conversation.tools)
    returned: list[Returned] = []
    for call in calls:
        yield ToolStarted(call_id=call.id, tool=call.tool, arguments=redact_object(call.arguments))
        entry = _call(tools, guard, call)
        text = entry.error or (entry.result.text if entry.result else "")
        yield ToolFinished(call_id=call.id, tool=call.tool, ok=not entry.error, text=text)
        returned.append(entry)
    return tuple(returned)


def _call(tools: dict[str, Tool], guard: Guard, call: Call) -> Returned:
    """One call; an error that the mind or the person can react to comes back as a result, the rest end the turn."""
    try:
        if call.tool not in tools:
            raise NotFound(f"There is no tool {call.tool!r} in {guard.mode} mode.")
        guard.check_call(tools[call.tool])
        result = tools[call.tool].run(guard.ctx, call.arguments)
    except NeedsAnswer as asked:
        kind = NeedsAnswer.__name__
        return Returned(call=call, error=asked.message, error_kind=kind, options=asked.options, slot=asked.slot)
    except (BadRequest, Refused) as error:
        return Returned(call=call, error=str(error), error_kind=type(error).__name__)
    if isinstance(result, Result):
        return Returned(call=call, result=result)
    return Returned(call=call, proposal=result)


def _together(returned: tuple[Returned, ...]) -> Proposal:
    """All proposals of one turn as one: what is approved together is applied together."""
    proposals = [entry.proposal for entry in returned if entry.proposal]
    changes: list[Change] = []
    for proposal in proposals:  # several calls may need the same thing first, such as their namespace
        changes += [change for change in proposal.changes if change not in changes]
    cures = [proposal.cure for proposal in proposals if proposal.cure]
    return Proposal(
        changes=tuple(changes),
        notes=tuple(dict.fromkeys(note for proposal in proposals for note in proposal.notes)),
        cure=_one_cure(cures) if cures else None,
    )


def _one_cure(cures: list[Cure]) -> Cure:
    """Several fixes of one request are proved together, where all of them can be seen."""
    places = {cure.namespace for cure in cures}
    return Cure(
        troubles=tuple(dict.fromkeys(trouble for cure in cures for trouble in cure.troubles)),
        known=tuple(dict.fromkeys(trouble for cure in cures for trouble in cure.known)),
        namespace=places.pop() if len(places) == 1 else None,
    )


def propose(
    conversation: Conversation, guard: Guard, proposal: Proposal, reading: str, roll_back: bool = False
) -> Generator[Event, None, Plan | None]:
    """Make a plan of the proposal and show it; returns the plan if it can be applied, by a yes or without one."""
    request = next((turn.text for turn in reversed(conversation.turns) if turn.role == "person"), "")
    plan = yield from guard.propose(proposal, request, reading, roll_back)
    if all(step.preview.noop for step in plan.steps):
        guard.store.move_plan(plan.id, "pending", "replaced")
        text = "\n".join(("Nothing to do: it is already so.", *plan.notes))
        conversation.turns.append(Turn(role="mind", text=text))
        yield Answered(text=text, outcome="nothing")
        return None
    denied = plan.ruling.decision is Decision.DENY
    stands = guard.mode.applies and not plan.blockers and not denied
    conversation.turns.append(Turn(role="plan", plan_id=plan.id, text="denied" if denied else "proposed"))
    yield PlanProposed(plan=plan, awaits=stands and not guard.cover(plan))
    if stands:
        return plan
    if denied:
        text = f"Denied by {plan.ruling.told}. Nothing was changed."
        yield Answered(text=text, outcome="refused", code=exit_code(Refused("")))
    elif plan.blockers:
        text = "This would not succeed, so nothing can be approved:\n" + "\n".join(f"- {b}" for b in plan.blockers)
        yield Answered(text=text, outcome="failed", code=exit_code(Failed("")))
    else:
        yield Answered(text="Dry run: nothing was changed.", outcome="dry-run")
    return None


def _answer(conversation: Conversation, move: Say) -> Answered:
    """The answer, with the exit code of what went wrong on the way to it."""
    if not move.understood:
        return Answered(text=move.text, outcome="unknown-request", code=exit_code(BadRequest("")))
    if move.refused:
        return Answered(text=move.text, outcome="refused", code=exit_code(Refused("")))
    results = next((turn.returned for turn in reversed(conversation.turns) if turn.role in ("tools", "person")), ())
    errors = [entry.error_kind for entry in results if entry.error]
    withheld = any(entry.proposal for entry in results)  # one call failed, so nothing of the others was planned
    if errors and (withheld or len(errors) == len(results)):
        kinds = {cls.__name__: cls for cls in (BadRequest, NotFound, Refused, Unsolved)}
        return Answered(text=move.text, outcome="failed", code=exit_code(kinds[errors[0]]("")))
    nothing = any(entry.proposal and not entry.proposal.changes for entry in results)
    data = [entry.result.data for entry in results if entry.result]
    return Answered(
        text=move.text, outcome="nothing" if nothing else "done", data=data[0] if len(data) == 1 else data or None
    )
