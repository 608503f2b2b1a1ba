"""An init container waits for something that does not come, so the program itself is never started.

Example: `until nc -z ledger 80; do sleep 1; done`, and there is no service ledger. One that works for long is well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Fix
from tools.kubernetes.diagnose.logscan import Clue, scan
from tools.kubernetes.diagnose.rule import Seen, log, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Snapshot, Unit
from tools.kubernetes.diagnose.unreached import unreached
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-INIT-WAITS": "an init container waits for something that does not come"}
_PATIENCE = 30.0  # seconds; what it waits for may just be starting


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each init container that says again and again that it cannot reach something."""
    for unit, count in snap.one_each(unit for unit in snap.units() if _long(snap, unit)):
        clue = scan(snap.log(unit.pod, unit.spec["name"]))
        if clue and clue.kind in ("name", "connection"):
            yield _finding(snap, unit, count, clue)


def _long(snap: Snapshot, unit: Unit) -> bool:
    running = (unit.status.get("state") or {}).get("running")
    waits = bool(running and unit.init and unit.spec.get("restartPolicy") != "Always")
    return waits and snap.seconds_since((running or {}).get("startedAt")) > _PATIENCE


def _finding(snap: Snapshot, unit: Unit, count: int, clue: Clue) -> Seen:
    story = unreached(snap, unit, clue)
    what = clue.about or "something"
    return seen(
        "SM-INIT-WAITS",
        unit.owner,
        f"Init container {unit.spec['name']} of {ref_of(unit.owner)} waits in vain for {what}.",
        chain=(f"{pods_text(count, unit.owner)} cannot start", f"it cannot reach {what}", *story.chain),
        evidence=(log(clue.lines), story.evidence),
        fixes=(story.fix, Fix(text=f"Make or mend what it waits for ({what}), or correct the name.")),
        symptom_of=story.causes,
    )
