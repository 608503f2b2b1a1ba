"""Take back what a plan did: the inverse of its applied steps, as a proposal like any other."""

from typing import Any

from pydantic import TypeAdapter

from agent.guard.journal import Journal, Record
from tools.change import Change, Proposal
from tools.context import Context
from tools.errors import NotFound, Refused
from tools.handlers import handler_for
from tools.preview import Applied

_CHANGE: TypeAdapter[Any] = TypeAdapter(Change)


def journal_of(ctx: Context) -> Journal:
    """The journal of this user."""
    return Journal(ctx.state / "journal.jsonl")


def undo(ctx: Context, *, plan: str | None = None) -> Proposal:
    """Take back what Shipmate did last, or the plan of that id. Only plans that were applied can be undone."""
    records = list(journal_of(ctx).records())
    target = _target(records, plan)
    return inverse(ctx, target, list(applied_steps(records, target).values()))


def inverse(ctx: Context, plan: str, steps: list[tuple[Change, Applied]]) -> Proposal:
    """The changes that take these applied steps of a plan back, the last one first."""
    changes: list[Change] = []
    notes: list[str] = []
    for change, applied in reversed(steps):
        try:
            inverse = handler_for(change).invert(ctx, change, applied)
        except Refused as refused:
            if len(steps) == 1:
                raise
            notes.append(str(refused))
            continue
        changes.extend(inverse.changes)
        notes.extend(inverse.notes)
    return Proposal(changes=tuple(changes), notes=tuple(notes), undoes=plan)


def _target(records: list[Record], wanted: str | None) -> str:
    """The plan to undo: the wanted one, else the latest applied one that is neither undone nor an undo itself."""
    undone = {record["plan"] for record in records if record["type"] == "undone"}
    undoing = {record["plan"] for record in records if record["type"] == "proposed" and record["data"].get("undoes")}
    applied = [
        record["plan"]
        for record in records
        if _tells_applied(record)
    ]
    if wanted:
        matches = sorted({plan for plan in applied if plan.startswith(wanted)})
        if len(matches) != 1:
            raise NotFound(f"There is no applied plan {wanted!r} to undo.", "`shipmate journal` lists them.")
        if matches[0] in undone:
            raise Refused(f"Plan {matches[0]} was undone already.", "Ask for the change again to redo it.")
        return matches[0]
    for plan in reversed(applied):
        if plan not in undone and plan not in undoing:
            return plan
    raise NotFound("There is nothing to undo: no applied change is left.", "`shipmate journal` shows what was done.")


def applied_steps(records: list[Record], plan: str) -> dict[int, tuple[Change, Applied]]:
    """Step → what was applied, in the order of the plan; steps that turned out to be applied after a crash included."""
    changes: dict[int, Change] = {}
    steps: dict[int, tuple[Change, Applied]] = {}
    for record in records:
        if record["plan"] != plan:
            continue
        if record["type"] == "intent":
            changes[record["step"]] = _CHANGE.validate_python(record["data"]["change"])
        if _tells_applied(record):
            steps[record["step"]] = changes[record["step"]], Applied.model_validate(record["data"]["applied"])
    return steps


def _tells_applied(record: Record) -> bool:
    """Whether the record says that a step was applied, and how: on its own answer, or as it was found later."""
    return record["type"] in ("outcome", "resolved") and bool(record["data"].get("applied"))
