"""The question under a plan card: y, n, show, edit, or something else entirely."""

from __future__ import annotations

from collections.abc import Callable

from agent.cli.render import Screen, plan_card
from agent.session import Session
from tools.errors import Refused

Read = Callable[[str, str], str]  # (prompt, text to start from) → what the person typed


def decide(session: Session, screen: Screen, *, yes: bool = False, typed: str = "", read: Read | None = None) -> str:
    """Settle the plan that waits; returns a new request when the person typed one instead of an answer."""
    plan = session.pending
    if plan is None:
        return ""
    if yes:
        _apply(session, screen, "--yes", typed)
        return ""
    read = read or _plain
    wanted = f"Type {plan.confirm} to apply it" if plan.confirm else "Apply it? [y]es / [n]o / [s]how all / [e]dit"
    while True:
        answer = read(f"{wanted}: ", "").strip()
        match answer.lower():
            case "s" | "show":
                screen.console.print(plan_card(plan, whole=True))
            case "e" | "edit":
                return read("> ", plan.request).strip()
            case "n" | "no" | "":
                screen.show(session.refuse(plan))
                return ""
            case "y" | "yes" if not plan.confirm:
                _apply(session, screen, "yes on a terminal", "")
                return ""
            case _ if plan.confirm and answer == plan.confirm:
                _apply(session, screen, "name typed on a terminal", answer)
                return ""
            case "y" | "yes":
                continue
            case _:
                return answer


def _apply(session: Session, screen: Screen, how: str, typed: str) -> None:
    plan = session.pending
    if plan is None:
        raise Refused("There is no plan to approve.", "Ask for a change first.")
    for event in session.approve(plan, plan.digest, how, typed=typed):
        screen.show(event)


def _plain(prompt: str, start: str) -> str:
    try:
        return input(f"{prompt}{start}")
    except EOFError:
        return "n"
