"""What became of plans that were cut off while they were applied: by a crash, a broken connection or Ctrl-C.

A plan in the state *applying* that no process holds was cut off. Where its journal has an intent without a known
outcome, nobody knows whether that step was written; so it is looked at again (`tools/aftermath.py`). The finding goes
into the journal as *resolved*, with what undo needs. Nothing is written elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from agent.guard.hold import Hold, left
from agent.guard.journal import Journal, Record
from agent.guard.plan import Plan
from agent.store.sqlite import Store
from tools.aftermath import Aftermath, aftermath
from tools.context import Context
from tools.errors import Refused, ShipmateError
from tools.preview import Applied

_ON_ITS_WAY = 2.0  # seconds after which a request that nobody waits for any more has arrived or never will


def recover(ctx: Context, journal: Journal, store: Store) -> Iterator[str]:
    """Look after each plan that was cut off; yields one line about each."""
    unfinished = store.unfinished()
    for plan_id in {*left(ctx.state)}.difference(plan.id for plan in unfinished):
        if hold := Hold.take(ctx.state, plan_id):  # cut off before or after everything, but for the mark
            hold.release(settled=store.plan_status(plan_id) != "applying")
    for plan in unfinished:
        hold = Hold.take(ctx.state, plan.id)
        if hold is None:
            continue  # another process is applying it right now
        settled = False
        try:
            if store.plan_status(plan.id) == "applying":  # it may have ended before we held it
                yield _settled(ctx, journal, store, plan)
            settled = store.plan_status(plan.id) != "applying"
        finally:
            hold.release(settled=settled)


def _settled(ctx: Context, journal: Journal, store: Store, plan: Plan) -> str:
    """One line; a journal that cannot be read or written settles nothing, and stops nobody from looking."""
    try:
        return _settle(ctx, journal, store, plan)
    except ShipmateError as error:
        return f"Plan {plan.id} ({plan.request or plan.reading}) was cut off; what became of it is not known: {error}"


def _settle(ctx: Context, journal: Journal, store: Store, plan: Plan) -> str:
    """Find out what is so, record it, and say it."""
    records = journal.of(plan.id)
    applied = {record["step"] for record in records if _is_applied(record)}
    intent, certain = _open_intent(records), True
    told = f"Plan {plan.id} ({plan.request or plan.reading}) was cut off"
    if intent:
        step = intent["step"]
        try:
            found = _found(ctx, plan, intent)
        except ShipmateError as error:
            return f"{told} in step {step}, and whether that was applied is unknown: {error.message}"
        told += f" in step {step}; looked at again, {_SAID[found.state]}"
        certain = found.state in ("applied", "not applied")
        applied |= {step} if found.state != "not applied" else set()
        summary = plan.steps[step - 1].preview.summary
        kept = found.applied.model_dump(mode="json") if found.applied else None
        journal.append("resolved", plan.id, step, status=found.state, text=summary, applied=kept)
    else:
        told += f" after step {max(applied)} was applied" if applied else " before anything was applied"
        journal.append("resolved", plan.id, 0, status="applied" if applied else "not applied", text=told)
    wanted = {number for number, each in enumerate(plan.steps, start=1) if not each.preview.noop}
    store.move_plan(plan.id, "applying", "applied" if wanted <= applied and certain else "failed")
    return f"{told}{_rest(len(wanted - applied), bool(applied))}"


_SAID = {
    "applied": "that step is in place",
    "partly applied": "that step was begun, and is in place only in part",
    "not applied": "that step is not in place",
    "moved on": "that step may have been applied, but somebody else has changed the same since",
}


def _rest(left: int, some: bool) -> str:
    """What follows for the person."""
    if not some:
        return ": nothing was changed."
    more = f", {left} more {'was' if left == 1 else 'were'} not." if left else "."
    return f"{more} Whether it became healthy was not seen; `shipmate status` looks, `shipmate undo` takes it back."


def _is_applied(record: Record) -> bool:
    status = record["data"].get("status")
    return bool(record["step"]) and record["type"] in ("outcome", "resolved") and status in _DONE


_DONE = ("applied", "partly applied", "moved on")


def _open_intent(records: list[Record]) -> Record | None:
    """The intent whose outcome is not known, if there is one; steps run one after the other, so it is the last."""
    intent: Record | None = None
    for record in records:
        if record["type"] == "intent":
            intent = record
        elif record["type"] == "resolved" or (record["type"] == "outcome" and record["data"]["status"] != "unknown"):
            intent = None
    return intent


def _found(ctx: Context, plan: Plan, intent: Record) -> Aftermath:
    """What became of the step that was intended; raises where that cannot be seen."""
    if plan.aim.cluster_uid and ctx.cluster.uid() != plan.aim.cluster_uid:
        raise Refused(f"it belongs to context {plan.aim.context}; start Shipmate with --context {plan.aim.context}.")
    step = plan.steps[intent["step"] - 1]
    kept = Applied.model_validate(intent["data"]["kept"]) if intent["data"].get("kept") else None
    found = aftermath(ctx, step.change, step.preview, kept)
    on_its_way = _ON_ITS_WAY - (datetime.now(UTC) - datetime.fromisoformat(intent["at"])).total_seconds()
    if found.state == "not applied" and on_its_way > 0:  # what broke off may yet arrive
        time.sleep(min(on_its_way, _ON_ITS_WAY))
        found = aftermath(ctx, step.change, step.preview, kept)
    return found
