"""Change tool that mends what a diagnosis found: the best of a finding's fixes, to be proved by looking again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from tools.change import Change, Cure, Proposal, Trouble
from tools.context import Context
from tools.errors import NeedsAnswer, NotFound, Unsolved
from tools.finding import Finding, Fix, Severity
from tools.kubernetes.diagnose.folding import key
from tools.kubernetes.diagnose.remedy import filled, place_in_code, restarts
from tools.kubernetes.diagnose.run import Look, look
from tools.kubernetes.diagnose.unblock import unblocked
from tools.workspace.lasting import lasting
from tools.workspace.together import together, with_it

_LOOKS = (1.0, 2.0, 3.0)  # seconds between looks for something that was told and is not seen any more
_PROOF = "Afterwards I look again: it counts as fixed only if that is gone and nothing new came, else I take it back."


def fix(
    ctx: Context,
    *,
    finding: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    namespace: str | None = None,
    way: int = 1,
    value: str | None = None,
    every: bool = False,
) -> Proposal:
    """Mend what a diagnosis finds: propose the changes of its best fix, which are proved by diagnosing again.

    Without arguments the gravest finding; `finding` is an id (SM-…) with name and kind of its subject, `every` means
    all that changes can mend. `way` 2 is the next best fix, if the first did not help. `value` answers what was asked.
    Says where the cause is when no change mends it, as with a fault in the program's code.
    """
    seen, wanted = _wanted(ctx, finding, name, kind, namespace)
    if not wanted:
        what = f"{finding} of {name} is no longer there" if finding else "Nothing is wrong there"
        return Proposal(notes=(f"{what}: there is nothing to fix.",))
    if every:
        chosen = [(item, _ways(item)[0]) for item in wanted if _ways(item) and not _ways(item)[0].asks]
        if not chosen:
            raise _unsolved(wanted[0], wanted[1:])
        left = [item for item in wanted if item not in [one for one, _ in chosen]]
        notes = tuple(f"Not mended by this: {item.summary}" for item in left)
    else:
        rest = [(item, _ways(item)[0]) for item in wanted[1:] if _ways(item)]
        chosen, notes = with_it((wanted[0], _way(wanted[0], way, wanted[1:])), rest), ()
    proposals = [_carried_out(ctx, seen, item, one, value) for item, one in chosen]
    changes: list[Change] = []
    for one in proposals:  # two fixes may need the same
        changes += [change for change in one.changes if change not in changes]
    told = tuple(dict.fromkeys(note for one in proposals for note in one.notes))
    return Proposal(
        changes=tuple(together(changes)),
        notes=(*told, *notes, _PROOF),
        cure=_cure(seen, [item for item, _ in chosen], way),
    )


def _wanted(
    ctx: Context, id: str | None, name: str | None, kind: str | None, namespace: str | None
) -> tuple[Look, Sequence[Finding]]:
    """What is to be mended, the gravest first; what is merely worth knowing only where it is named."""
    if id is None:
        seen = look(ctx, name, kind, namespace)
        grave = [item for item in seen.findings if item.severity is not Severity.INFO]
        return seen, grave or seen.findings
    pauses = list(_LOOKS)
    while True:  # what keeps ending looks well for a moment each time that it is started
        seen = look(ctx, namespace=namespace)
        found = [item for item, _ in seen.folded if item.id == id.upper() and name in (None, item.subject.name)]
        found = [item for item in found if kind is None or item.subject.kind.lower() == kind.lower()]
        if found or not pauses:
            break
        time.sleep(pauses.pop(0))
    rest = [item for item, _ in seen.folded if item not in found and item.severity is not Severity.INFO]
    return seen, [*found[:1], *rest] if found else []


def _ways(finding: Finding) -> list[Fix]:
    """The fixes that something can be done for; the others are advice."""
    return [one for one in finding.fixes if one.changes]


def _way(finding: Finding, number: int, others: Sequence[Finding]) -> Fix:
    ways = _ways(finding)
    if number > len(ways):
        raise _unsolved(finding, others, tried=bool(ways))
    return ways[max(number, 1) - 1]


def _unsolved(finding: Finding, others: Sequence[Finding], tried: bool = False) -> Unsolved:
    """Why nothing is proposed, where the cause is, and what a person can do."""
    head = "I know no other change that mends this" if tried else "No change to the cluster mends this"
    where = place_in_code(finding)
    cause = f" The cause is in the program: {where}." if where else ""
    advice = " ".join(one.text for one in finding.fixes if not one.changes)
    mendable = next((item for item in others if _ways(item)), None)
    more = f" What can be mended: {mendable.subject} ({mendable.id})." if mendable else ""
    return Unsolved(f"{head}: {finding.summary}{cause}", f"{advice}{more}".strip())


def _carried_out(ctx: Context, seen: Look, finding: Finding, one: Fix, value: str | None) -> Proposal:
    """The changes of one fix, with the person's value, the way that lasts."""
    changes: Iterable[Change] = one.changes
    if one.asks:
        if value is None:
            raise NeedsAnswer(one.asks.question, one.asks.options, slot="value")
        changes = filled(one, value)
    steps = [step for change in changes for step in unblocked(seen.snap, change)]
    proposals = [_lasting(ctx, change) for change in (*steps, *restarts(seen, finding, one.changes))]
    notes = tuple(dict.fromkeys(note for proposal in proposals for note in proposal.notes))
    head = f"{finding.id} of {finding.subject}: {one.text}"
    return Proposal(changes=tuple(change for item in proposals for change in item.changes), notes=(head, *notes))


def _lasting(ctx: Context, change: Change) -> Proposal:
    try:
        return lasting(ctx, change)
    except NotFound:  # what is changed does not exist yet
        return Proposal(changes=(change,))


def _cure(seen: Look, mended: Sequence[Finding], way: int) -> Cure:
    """What must be gone afterwards, symptoms of it included, and what was there before."""
    causes = {(item.id, item.subject) for item, _ in seen.folded}
    suffering = {one for item, keys in seen.folded if item in mended for one in keys}
    symptoms = [
        item.finding
        for item in seen.seen
        if key(item.finding.subject) in suffering and (item.finding.id, item.finding.subject) not in causes
    ]
    known = [item.finding for item in seen.seen]
    return Cure(troubles=_signs([*mended, *symptoms]), known=_signs(known), namespace=seen.snap.namespace, way=way)


def _signs(found: Iterable[Finding]) -> tuple[Trouble, ...]:
    return tuple(dict.fromkeys(Trouble(id=item.id, subject=item.subject) for item in found))
