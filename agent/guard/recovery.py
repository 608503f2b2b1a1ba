"""What became of plans that were cut off while they were applied: by a crash, a broken connection or Ctrl-C.

A plan in the state *applying* that no process holds was cut off. Where its journal has an intent without a known
outcome, nobody knows whether that step was written; so its change is previewed again: what would change nothing any
more was applied, the rest was not. The finding goes into the journal as *resolved*. Nothing is written elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.guard.hold import Hold
from agent.guard.journal import Journal, Record
from agent.guard.plan import Plan
from agent.store.sqlite import Store
from tools.context import Context
from tools.errors import Refused, ShipmateError
from tools.handlers import handler_for
from tools.progress import finish


def recover(ctx: Context, journal: Journal, store: Store) -> Iterator[str]:
    """Look after each plan that was cut off; yields one line about each."""
    for plan in store.unfinished():
        hold = Hold.take(ctx.state, plan.id)
        if hold is None:
            continue  # another process is applying it right now
        settled = False
        try:
            if store.plan_status(plan.id) == "applying":  # it may have ended before we held it
                yield _settle(ctx, journal, store, plan)
            settled = store.plan_status(plan.id) != "applying"
        finally:
            hold.release(settled=settled)


def _settle(ctx: Context, journal: Journal, store: Store, plan: Plan) -> str:
    """Find out what is so, record it, and say it."""
    records = [record for record in journal.records() if record["plan"] == plan.id]
    applied = {record["step"] for record in records if _is_applied(record)}
    step = _open_step(records)
    told = f"Plan {plan.id} ({plan.request or plan.reading}) was cut off"
    if step:
        try:
            in_place = _looks_applied(ctx, plan, step)
        except ShipmateError as error:
            return f"{told} in step {step}, and whether that was applied is unknown: {error.message}"
        status = "applied" if in_place else "not applied"
        told += f" in step {step}; looked at again, that step {'is in place' if in_place else 'is not in place'}"
        applied |= {step} if in_place else set()
        journal.append("resolved", plan.id, step, status=status, text=plan.steps[step - 1].preview.summary)
    else:
        told += f" after step {max(applied)} was applied" if applied else " before anything was applied"
        journal.append("resolved", plan.id, 0, status="applied" if applied else "not applied", text=told)
    wanted = {number for number, each in enumerate(plan.steps, start=1) if not each.preview.noop}
    store.move_plan(plan.id, "applying", "applied" if wanted <= applied else "failed")
    return f"{told}{_rest(len(wanted - applied), bool(applied))}"


def _rest(left: int, some: bool) -> str:
    """What follows for the person."""
    if not some:
        return ": nothing was changed."
    more = f", {left} more {'was' if left == 1 else 'were'} not." if left else "."
    return f"{more} Whether it became healthy was not seen; `shipmate status` looks, `shipmate undo` takes it back."


def _is_applied(record: Record) -> bool:
    return record["type"] in ("outcome", "resolved") and record["data"].get("status") == "applied"


def _open_step(records: list[Record]) -> int:
    """The step whose outcome is not known, 0 when there is none; steps run one after the other, so it is the last."""
    step = 0
    for record in records:
        if record["type"] == "intent":
            step = record["step"]
        elif record["type"] == "resolved" or (record["type"] == "outcome" and record["data"]["status"] != "unknown"):
            step = 0
    return step


def _looks_applied(ctx: Context, plan: Plan, step: int) -> bool:
    """Whether the step's change would change nothing any more; raises where that cannot be seen."""
    if plan.aim.cluster_uid and ctx.cluster.uid() != plan.aim.cluster_uid:
        raise Refused(f"it belongs to context {plan.aim.context}; start Shipmate with --context {plan.aim.context}.")
    change = plan.steps[step - 1].change
    preview = finish(handler_for(change).preview(ctx, change, ()))
    return preview.noop
