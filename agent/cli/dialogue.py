"""The question under a plan card: y, n, show, edit, or something else entirely; and carrying out what was approved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

from agent.cli.interrupts import interrupts
from agent.cli.render import Screen
from agent.events import Errored, Event
from agent.guard.plan import Plan
from agent.guard.stopped import choice
from agent.session import Session
from tools.errors import Refused, exit_code

Read = Callable[[str, str], str]  # (prompt, text to start from) → what the person typed

ANSWERS = frozenset({"y", "yes", "n", "no", "s", "show", "e", "edit", "a", "always"})


def decide(session: Session, screen: Screen, read: Read | None = None, first: str = "", lasting: bool = False) -> str:
    """Settle the plan that waits; returns a new request when the person typed one instead of an answer.

    `first` is an answer that was given already; `lasting`: the session goes on, so that a yes can stand for the same
    later. Ctrl-C at the question leaves the plan waiting.
    """
    plan = session.pending
    if plan is None:
        return ""
    read = read or _plain
    each_time = session.guard.why_each_time(plan) if lasting else "the session ends with it"
    keys = "y/n/show/edit" if each_time else "y/n/always/show/edit"
    question = f"Type {plan.confirm} to apply it (n refuses): " if plan.confirm else f"Apply it? [{keys}] "
    while True:
        try:
            answer, first = first or read(question, "").strip(), ""
        except (KeyboardInterrupt, EOFError):
            screen.hint(f"Plan {plan.id} still waits: y, n or show here, or `shipmate plan approve {plan.id}`.")
            screen.code = 130
            return ""
        word = answer.lower()
        if word in ("s", "show"):
            screen.card(plan, whole=True)
        elif word in ("e", "edit"):
            return read("› ", plan.request).strip()
        elif word in ("n", "no"):
            screen.show(session.refuse(plan))
            return ""
        elif answer and (answer == plan.confirm if plan.confirm else word in ("y", "yes")):
            how = "name typed on a terminal" if plan.confirm else "yes on a terminal"
            watch(session, screen, session.approve(plan, plan.digest, how, typed=plan.confirm and answer))
            return what_now(session, screen, read)
        elif word in ("a", "always") and not plan.confirm:
            if each_time:
                screen.hint(f"A yes to this cannot stand for later: {each_time}.")
                continue
            how = "yes on a terminal, for this session"
            watch(session, screen, session.approve(plan, plan.digest, how, stands=True))
            return what_now(session, screen, read)
        elif plan.confirm and answer and " " not in answer:
            screen.hint(f"That is not {plan.confirm!r}, so nothing was done.")
        elif answer:
            return answer


def what_now(session: Session, screen: Screen, read: Read) -> str:
    """Where a plan stopped before its end: keep, retry or take back; returns what was typed instead of an answer."""
    while session.stopped and not session.pending:
        try:
            answer = read("Keep it, retry, or take it back? [k/r/t] ", "").strip()
        except (KeyboardInterrupt, EOFError):
            screen.hint(f"It stays as it is: plan {session.stopped.plan.id}.")
            return ""
        chosen = choice(answer)
        if answer and not chosen:
            return answer
        if chosen:
            watch(session, screen, session.choose(session.stopped, chosen))
    return decide(session, screen, read)


def leave_waiting(screen: Screen, plan: Plan) -> None:
    """Nobody is there to be asked: say how the plan can be approved."""
    screen.code = 10
    screen.hint(f"It waits for a yes: shipmate plan approve {plan.id}")


def approve_now(session: Session, how: str, typed: str) -> Iterator[Event]:
    """Approve the plan that waits without asking; one that wants a name typed wants it here, too."""
    plan = session.pending
    if plan is None:
        return
    if plan.confirm and typed != plan.confirm:
        yield unconfirmed(plan)
        return
    yield from session.approve(plan, plan.digest, how, typed=typed)


def unconfirmed(plan: Plan) -> Errored:
    """Why a plan with a name to type was not applied, and how it can be."""
    return Errored(
        message=f"This plan is not applied by a yes alone, since what it does to {plan.confirm} may not come back.",
        next_step=f"Add --confirm {plan.confirm} (or run `shipmate plan approve {plan.id} --confirm {plan.confirm}`).",
        code=exit_code(Refused("")),
    )


def watch(session: Session, screen: Screen, events: Iterable[Event]) -> None:
    """Show what happens; Ctrl-C stops it, and then says what was done by then."""
    try:
        with interrupts() as check, closing(iter(events)) as running:  # pyright: ignore[reportArgumentType]
            for event in running:
                check()
                screen.show(event)
    except KeyboardInterrupt:
        screen.stopped()
        screen.code = 130
        for notice in session.recover():
            screen.show(notice)


def _plain(prompt: str, start: str) -> str:
    """A line of input without an editor; what there is to start from is shown, and an empty line keeps it."""
    return input(f"{prompt}{f'[{start}] ' if start else ''}") or start
