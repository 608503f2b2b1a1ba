"""The postStart hook of a container fails, so the kubelet ends the container although its program is well.

Example: postStart calls /usr/bin/register, which the image does not have.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Fix
from tools.kubernetes.diagnose.rule import Seen, back_fix, event, field, latest, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-HOOK-START": "the postStart hook of a container fails"}


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each container of a workload that its own hook ends."""
    for unit, count in snap.one_each(unit for unit in snap.units() if hook_trouble(snap, unit)):
        hook = (unit.spec.get("lifecycle") or {})["postStart"]
        name, what = unit.spec["name"], _what(hook)
        yield seen(
            "SM-HOOK-START",
            unit.owner,
            f"Container {name} of {ref_of(unit.owner)} is ended at once: its postStart hook fails ({what}).",
            chain=(f"{pods_text(count, unit.owner)} cannot start", f"the postStart hook {what} fails"),
            evidence=(event(hook_trouble(snap, unit)), field("lifecycle.postStart", what)),
            fixes=(
                back_fix(snap, unit.owner),
                Fix(text=f"Correct the hook ({what}), or do that in an init container."),
            ),
        )


def hook_trouble(snap: Snapshot, unit: Unit) -> Object | None:
    """The event that tells of the failing hook, of a container that is not running."""
    if not (unit.spec.get("lifecycle") or {}).get("postStart") or (unit.status.get("state") or {}).get("running"):
        return None
    return latest(snap, unit.pod, "FailedPostStartHook")


def _what(hook: Object) -> str:
    if call := hook.get("httpGet"):
        return f"GET {call.get('path', '/')} on port {call['port']}"
    return " ".join((hook.get("exec") or {}).get("command") or ()) or "the hook"
