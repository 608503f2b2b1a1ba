"""Take back what plans did: the inverse of their applied steps, as a proposal like any other; and do it again."""

from __future__ import annotations

from typing import Literal

from agent.guard.journal import Journal, Record
from agent.guard.ledger import Act, Ledger, step_id
from tools.change import (
    ApplyManifest,
    BuildImage,
    Change,
    Delete,
    DeliverImage,
    HelmRelease,
    HelmRollback,
    HelmUninstall,
    HelperJob,
    Patch,
    Proposal,
    RemoveImage,
    RolloutUndo,
    Scale,
    TagImage,
    WriteFile,
)
from tools.context import Context
from tools.errors import NeedsAnswer, NotFound, Refused
from tools.handlers import handler_for
from tools.preview import Applied, Done, Undo

Step = tuple[str, Done]  # how it is named in the ledger, and what was done


def journal_of(ctx: Context) -> Journal:
    """The journal of this user."""
    return Journal(ctx.state / "journal.jsonl")


def undo(
    ctx: Context,
    *,
    plan: str | None = None,
    plans: list[str] | None = None,
    last: int = 1,
    redo: bool = False,
    others: Literal["ask", "keep", "overwrite"] = "ask",
) -> Proposal:
    """Take back what Shipmate did last, the `last` so many plans, the plan of that id, or what is left of several
    `plans`; `redo`: do again what was last taken back. What others changed since stays; where they changed the same
    field, `others` says what becomes of it."""
    ledger = Ledger(journal_of(ctx).records())
    if plan:
        acts = [_undone(ledger, plan) if redo else _named(ledger, plan)]
    elif plans is not None:
        acts = _latest(ledger, len(plans), redo, plans)
    else:
        acts = _latest(ledger, last, redo)
    for act in acts:
        _check_place(ctx, act)
    steps = [(step_id(act.plan, number), act.steps[number]) for act in acts for number in sorted(act.left)]
    return _inverse(ctx, steps, others)


def applied_steps(records: list[Record], plan: str) -> dict[int, tuple[Change, Applied]]:
    """Step → what was applied, in the order of the plan; steps that turned out to be applied after a crash included."""
    act = Ledger(record for record in records if record["plan"] == plan).acts.get(plan)
    return {number: (done.change, done.applied) for number, done in act.steps.items()} if act else {}


# --- which --------------------------------------------------------------------------------------------------------


def _latest(ledger: Ledger, last: int, redo: bool, among: list[str] | None = None) -> list[Act]:
    """The latest plans in effect, oldest first; `among` leaves only these, or what stands for them now."""
    acts = ledger.in_effect(undos=redo)
    if among is not None:
        standing = {ledger.standing(ledger.acts[plan]).plan for plan in among if plan in ledger.acts}
        acts = [act for act in acts if act.plan in standing]
    if not acts:
        what = "redo: nothing was taken back" if redo else "undo: no applied change is left"
        raise NotFound(f"There is nothing to {what}.", "`shipmate journal` shows what was done.")
    return acts[-max(last, 1) :]


def _found(ledger: Ledger, wanted: str) -> Act:
    """The plan of that id, or of the id that begins so."""
    matches = [act for name, act in ledger.acts.items() if name.startswith(wanted.lower())]
    if not matches:
        raise NotFound(f"There is no applied plan {wanted!r} to undo.", "`shipmate journal` lists them.")
    if len(matches) > 1:
        told = tuple(act.plan for act in matches)
        raise NeedsAnswer(f"Several plans begin with {wanted!r}. Which one?", told, slot="plan")
    return matches[0]


def _named(ledger: Ledger, wanted: str) -> Act:
    """The plan to undo, or the one that did the same again after it had been undone."""
    act = ledger.standing(_found(ledger, wanted))
    if not act.left and not act.back:
        raise Refused(f"Plan {act.plan} only looked, and what it needed for that is removed: nothing is left to undo.")
    if not act.left:
        raise Refused(
            f"Plan {act.plan} was undone already{_by(act)}.", f"`shipmate undo --redo {act.plan}` brings it back."
        )
    return act


def _undone(ledger: Ledger, wanted: str) -> Act:
    """The undo to take back, named by itself or by the plan that it took back."""
    act = _found(ledger, wanted)
    if not ledger.is_undo(act):
        back = next((ledger.acts[name] for name in reversed(act.back) if name in ledger.acts), None)
        if act.left or back is None:
            raise Refused(f"Plan {act.plan} is in effect, so there is nothing to do again.")
        act = back
    if not act.left:
        raise Refused(f"What plan {act.plan} took back was done again already{_by(act)}.")
    return act


def _by(act: Act) -> str:
    return f", by plan {act.back[-1]}" if act.back else ""


def _check_place(ctx: Context, act: Act) -> None:
    """A plan can be taken back only in the cluster where it was applied."""
    uid, context = str(act.aim.get("cluster_uid") or ""), str(act.aim.get("context") or "")
    if uid and ctx.cluster.uid() != uid:
        raise Refused(
            f"Plan {act.plan} was applied to the cluster of context {context!r}, but this is {ctx.cluster.context!r}.",
            f"Take it back with: shipmate --context {context} undo {act.plan}",
        )


# --- how ----------------------------------------------------------------------------------------------------------


def _inverse(ctx: Context, steps: list[Step], how: Literal["ask", "keep", "overwrite"]) -> Proposal:
    """One change back for each thing that was changed; what was made last goes first."""
    changes: list[Change] = []
    notes: list[str] = []
    questions: list[NeedsAnswer] = []
    refused: list[Refused] = []
    settled: list[str] = []
    groups = _by_target(steps)
    for group in reversed(groups):
        names = tuple(name for name, _ in group)
        try:
            back = _back(ctx, [done for _, done in group], how)
        except NeedsAnswer as asked:
            questions.append(asked)
        except Refused as no:
            refused.append(no)
            settled += names  # told, and not in the way of the next undo
        else:
            notes += back.notes
            settled += names if not back.changes else ()
            changes += [change.model_copy(update={"undoes": names}) for change in back.changes]
    if questions:
        raise NeedsAnswer(" ".join(one.message for one in questions), questions[0].options, questions[0].slot)
    if refused and not changes:
        raise refused[0] if len(refused) == 1 else Refused(" ".join(str(one) for one in refused))
    changes.sort(key=_first_of_all)
    if changes and settled:  # nothing is left to do about these, so they are taken back with the rest
        changes[0] = changes[0].model_copy(update={"undoes": (*changes[0].undoes, *settled)})
    notes += [f"This stays as it is: {one}" for one in refused]
    return Proposal(changes=tuple(changes), notes=tuple(notes))


def _back(ctx: Context, group: list[Done], how: Literal["ask", "keep", "overwrite"]) -> Undo:
    first, *since = group
    return handler_for(first.change).invert(ctx, first.change, first.applied, tuple(since), how)


def _by_target(steps: list[Step]) -> list[list[Step]]:
    """Steps on the same thing belong together: one change leads from what is there now to what was there before."""
    groups: dict[object, list[Step]] = {}
    for name, done in steps:
        groups.setdefault(_target(name, done.change), []).append((name, done))
    return list(groups.values())


def _target(name: str, change: Change) -> object:
    match change:
        case HelmRelease() | HelmRollback() | HelmUninstall():
            return "release", change.namespace, change.release
        case BuildImage() | TagImage() | RemoveImage():
            return "image", change.image
        case DeliverImage():
            return name  # nothing takes it back, so nothing is joined with it
        case WriteFile():
            return "file", change.path
        case ApplyManifest() | Patch() | Scale() | Delete() | RolloutUndo() | HelperJob():
            ref = change.ref
            return ref.api_version.rpartition("/")[0], ref.kind, ref.namespace, ref.name


_FIRST = ("Namespace", "CustomResourceDefinition", "StorageClass", "ServiceAccount", "ConfigMap", "Secret")


def _first_of_all(change: Change) -> int:
    """What others need is made again before them."""
    if isinstance(change, ApplyManifest) and change.ref.kind in _FIRST:
        return _FIRST.index(change.ref.kind)
    return len(_FIRST)
