"""Revealing one value of a Secret to the person at the terminal: asked for, confirmed, journalled, never kept."""

from __future__ import annotations

from agent.guard.guard import Guard
from agent.guard.policy.acts import Act, revealing
from agent.guard.policy.modes import Mode
from agent.guard.policy.ruling import Decision
from tools.catalog import Effect
from tools.errors import Refused
from tools.kubernetes.look.reveal import Hidden, read_hidden


def check_may_reveal(guard: Guard, hidden: Hidden | None = None) -> None:
    """Raise Refused where the mode or the policy says no: to revealing at all, or to this value."""
    if guard.mode is Mode.READ_ONLY:
        raise Refused("Nothing is revealed in read-only mode.", "Start Shipmate with --mode ask.")
    act = revealing(guard.ctx, hidden.ref) if hidden else Act(("reveal",), effect=Effect.REVEAL)
    ruling = guard.judge.of_acts((act,))
    if ruling.decision is Decision.DENY:
        raise Refused(f"Revealing values of Secrets is denied by {ruling.told}.")


def reveal(guard: Guard, hidden: Hidden, typed: str, by: str) -> str:
    """The value, for the eyes of the person who typed the Secret's name; what is kept is that it was revealed.

    Raises Refused, and Failed where the journal cannot be written: then nothing is read.
    """
    check_may_reveal(guard, hidden)
    if typed != hidden.ref.name:
        raise Refused(f"That is not {hidden.ref.name!r}, so nothing was revealed.")
    cluster = guard.ctx.cluster
    guard.journal.append(
        "revealed",
        "",
        secret=hidden.ref.model_dump(),
        key=hidden.key,
        by=by,
        context=cluster.context,
        cluster_uid=cluster.uid(),
    )
    return read_hidden(guard.ctx, hidden)
