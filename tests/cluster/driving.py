"""Drive a change through its handler as the guard would, without the guard."""

from __future__ import annotations

from typing import NamedTuple

from tools.change import Change, Proposal
from tools.context import Context
from tools.handlers import handler_for
from tools.permit import Permit
from tools.preview import Applied, Preview, Undo, Verification
from tools.progress import finish


class Done(NamedTuple):
    preview: Preview
    applied: Applied
    verified: Verification


def preview(ctx: Context, change: Change, *earlier: Change) -> Preview:
    return finish(handler_for(change).preview(ctx, change, earlier))


def apply(ctx: Context, change: Change, seen: Preview) -> Applied:
    assert not seen.blockers, seen.blockers
    permit = Permit("test", 1, seen.writes)
    with permit.opened():
        return finish(handler_for(change).apply(ctx, change, seen, permit))


def verify(ctx: Context, change: Change, applied: Applied) -> Verification:
    return finish(handler_for(change).verify(ctx, change, applied))


def carry_out(ctx: Context, change: Change) -> Done:
    """Preview, apply and verify one change."""
    seen = preview(ctx, change)
    applied = apply(ctx, change, seen)
    return Done(seen, applied, verify(ctx, change, applied))


def invert(ctx: Context, change: Change, applied: Applied) -> Undo:
    return handler_for(change).invert(ctx, change, applied)


def only(proposal: object) -> Change:
    """The one change of a proposal."""
    assert isinstance(proposal, Proposal)
    (change,) = proposal.changes
    return change
