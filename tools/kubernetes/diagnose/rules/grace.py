"""A container gets less time to stop than its own preStop hook takes, so it is always killed.

Example: preStop sleeps 60 s with a grace period of 30 s. A hook shorter than the grace period is well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Patch
from tools.finding import Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, event, field, latest, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import containers_of, ref_of, template_of

IDS = {"SM-GRACE-SHORT": "the preStop hook takes longer than the pod may take to stop"}
_SLEEP = re.compile(r"\bsleep\s+(\d+)\b")


def check(snap: Snapshot) -> Iterator[Seen]:
    """Workloads whose preStop hook waits as long as the grace period or longer."""
    for item in snap.workloads():
        grace = (template_of(item).get("spec") or {}).get("terminationGracePeriodSeconds", 30)
        for container in containers_of(item):
            takes = _seconds(container)
            if takes and takes >= grace:
                yield _finding(snap, item, container["name"], takes, grace)
                break


def _seconds(container: Object) -> int:
    """How long the hook waits at least, as far as its words tell."""
    hook = (container.get("lifecycle") or {}).get("preStop") or {}
    if sleep := hook.get("sleep"):
        return int(sleep.get("seconds", 0))
    words = " ".join((hook.get("exec") or {}).get("command") or ())
    return sum(int(number) for number in _SLEEP.findall(words))


def _finding(snap: Snapshot, item: Object, name: str, takes: int, grace: int) -> Seen:
    ref = ref_of(item)
    change = Patch(
        summary=f"give the pods of {ref} {takes + 30} s to stop",
        ref=ref,
        verb="set grace period",
        patch={"spec": {"template": {"spec": {"terminationGracePeriodSeconds": takes + 30}}}},
    )
    told = next((found for pod in snap.pods_of(item) if (found := latest(snap, pod, "FailedPreStopHook"))), None)
    return seen(
        "SM-GRACE-SHORT",
        item,
        f"Container {name} of {ref} is killed whenever it stops: its preStop hook waits {takes} s, "
        f"and the pod has {grace} s in all.",
        severity=Severity.WARNING,
        chain=("requests that run are cut off", f"preStop takes {takes} of {grace} s, nothing is left for SIGTERM"),
        evidence=(field("terminationGracePeriodSeconds", grace), event(told)),
        fixes=(change_fix(f"Give it {takes + 30} s.", change),),
    )
