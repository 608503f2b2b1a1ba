"""The way back of what was done to one Helm release, over as many steps as are taken back together."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tools.change import HelmRelease, HelmRollback, HelmUninstall
from tools.context import Context
from tools.errors import NeedsAnswer, NotFound, Refused
from tools.helm import charts, store
from tools.preview import ANSWERS, Done, Others, Undo


def take_back(ctx: Context, steps: Sequence[Done], how: Others) -> Undo:
    """From the release as it is to what it was before the first of these steps."""
    first, last = steps[0], steps[-1]
    change = first.change
    if not isinstance(change, HelmRelease | HelmRollback | HelmUninstall):
        raise TypeError(f"{change.kind} is not a change of a release")
    history = store.history(ctx, change.release, change.namespace)
    if isinstance(change, HelmUninstall):
        return _back_from_uninstall(ctx, change, steps, history, how)
    if isinstance(last.change, HelmUninstall):
        return _back_over_uninstall(ctx, first, last, history, how)
    if not history:
        return Undo(notes=(f"The release {change.release} is gone already.",))
    notes = _moved_since(history, last, how)
    if first.applied.before is None:
        if isinstance(change, HelmRollback):
            raise Refused("There was no healthy revision before it to return to.", "Name the revision to roll back to.")
        summary = f"uninstall release {change.release} in {change.namespace}"
        back = HelmUninstall(summary=summary, why="undo", release=change.release, namespace=change.namespace)
        return Undo(changes=(back,), notes=notes)
    return Undo(changes=(_rollback_to(change, history, int(first.applied.before["revision"])),), notes=notes)


def _back_from_uninstall(
    ctx: Context, change: HelmUninstall, steps: Sequence[Done], history: list[store.Revision], how: Others
) -> Undo:
    """What was uninstalled comes back: installed anew, or over what was installed in its place since."""
    made_since = len(steps) > 1 and not isinstance(steps[-1].change, HelmUninstall)
    if history and not made_since:
        raise Refused(f"A release {change.release} is in {change.namespace} again.", "Upgrade or roll back that one.")
    notes = _moved_since(history, steps[-1], how) if history else ()
    before = steps[0].applied.before
    try:
        chart = charts.from_release(json.loads(ctx.vault.get(before["chart"])), ctx.helm.charts)
    except NotFound as error:
        raise Refused(error.message, "Install it again from its chart.") from error
    verb = "put release" if history else "install release"
    tail = "back to" if history else "again:"
    again = HelmRelease(
        summary=f"{verb} {change.release} in {change.namespace} {tail} {chart.name} {chart.version}",
        why="undo",
        action="upgrade" if history else "install",
        release=change.release,
        namespace=change.namespace,
        chart=str(chart.path),
        values=before["values"],
        create_namespace=not history,
        chart_digest=chart.digest,
    )
    return Undo(changes=(again,), notes=(*notes, "Volumes that were deleted come back empty."))


def _back_over_uninstall(ctx: Context, first: Done, last: Done, history: list[store.Revision], how: Others) -> Undo:
    """The revisions of a release go with it, so only the uninstall itself can be taken back."""
    if not isinstance(last.change, HelmUninstall):
        raise TypeError(f"{last.change.kind} does not end a release")
    if first.applied.before is None and isinstance(first.change, HelmRelease):
        if not history:
            return Undo(notes=(f"The release {last.change.release} is gone already, as it was before.",))
        raise Refused(
            f"A release {last.change.release} was installed by somebody else since.", "Uninstall that one if need be."
        )
    back = _back_from_uninstall(ctx, last.change, (last,), history, how)
    lost = "It comes back as it was when it was uninstalled: the revisions before went with it."
    return Undo(changes=back.changes, notes=(*back.notes, lost))


def _moved_since(history: list[store.Revision], last: Done, how: Others) -> tuple[str, ...]:
    """What is said where somebody else changed the release since; raises where that is not to be taken back."""
    now, facts = history[-1], last.applied.facts
    same = now.revision == facts.get("revision") and facts.get("updated", now.updated) == now.updated
    if same:
        return ()
    what = f"The release {now.name} was changed by somebody else since (revision {now.revision}, {now.description})"
    if how == "ask":
        raise NeedsAnswer(f"{what}. Keep that, or overwrite it with what was before?", ANSWERS, slot="others")
    if how == "keep":
        raise Refused(f"{what}; it is left as it is.", "Roll it back to a revision of your choice.")
    return (f"{what}; that is taken back as well.",)


def _rollback_to(change: HelmRelease | HelmRollback, history: list[store.Revision], revision: int) -> HelmRollback:
    if not any(one.revision == revision for one in history):
        raise Refused(
            f"Revision {revision} of {change.release} is no longer kept.", "Upgrade it to the values you want."
        )
    return HelmRollback(
        summary=f"roll back release {change.release} in {change.namespace} "
        f"from revision {history[-1].revision} to {revision}",
        why="undo",
        release=change.release,
        namespace=change.namespace,
        revision=revision,
    )
