"""A container ends again and again: out of memory, wrong command, missing things, a dependency that is down, a bug."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools.finding import Evidence, Finding, Fix
from tools.kubernetes.diagnose.crash_fixes import Mend, by_shell, doubled, executable, mend
from tools.kubernetes.diagnose.endings import meaning
from tools.kubernetes.diagnose.logscan import Clue, scan
from tools.kubernetes.diagnose.pod_dns import own_dns
from tools.kubernetes.diagnose.rule import (
    Seen,
    back_fix,
    change_fix,
    cut,
    event,
    field,
    latest,
    log,
    pods_text,
    seen,
)
from tools.kubernetes.diagnose.rules.config import mount_trouble
from tools.kubernetes.diagnose.rules.hook import hook_trouble
from tools.kubernetes.diagnose.rules.probes import unseen_killer
from tools.kubernetes.diagnose.rules.rights import denied
from tools.kubernetes.diagnose.snapshot import Snapshot, Unit
from tools.kubernetes.diagnose.unreached import Story, unreached
from tools.kubernetes.workload_changes import ref_of, resources_change

IDS = {
    "SM-OOM": "the container needs more memory than its limit",
    "SM-CRASH-COMMAND": "the command of the container does not exist or cannot be executed",
    "SM-CRASH-DEPENDENCY": "what the program connects to is not there or refuses it",
    "SM-CRASH-DNS": "the pod asks a name server that does not know the services of the cluster",
    "SM-CRASH-LOGIN": "what the program connects to does not accept its password",
    "SM-CRASH-VARIABLE": "an environment variable that the program needs is missing",
    "SM-CRASH-FILE": "a file that the program needs is missing",
    "SM-CRASH-MODULE": "a module is missing in the image",
    "SM-CRASH-LIBRARY": "a shared library is missing in the image",
    "SM-CRASH-PROGRAM": "a program that a script calls is missing in the image",
    "SM-CRASH-ARCHITECTURE": "the program was built for another processor architecture",
    "SM-CRASH-CERTIFICATE": "the program does not trust a certificate, or it has expired",
    "SM-CRASH-CLOCK": "two clocks disagree",
    "SM-CRASH-LOCK": "somebody else holds a lock that the program waits for",
    "SM-CRASH-SCHEMA": "the database lacks a table, a column or a migration",
    "SM-CRASH-SETTINGS": "the program does not understand its settings",
    "SM-CRASH-PERMISSION": "the program may not do what it tries",
    "SM-CRASH-READ-ONLY": "the program writes where the file system is read-only",
    "SM-CRASH-PORT": "the port that the program wants is taken",
    "SM-CRASH-DISK": "the disk is full",
    "SM-CRASH-EXCEPTION": "the program ends with an exception",
    "SM-CRASH-FINISHED": "the program finishes though it should keep running",
    "SM-CRASH": "the program ends with an error",
}
_RECENT = 600  # seconds; an ending longer ago, with a ready container now, is history
_CALM = 60  # seconds; one that runs longer than this, and than before, has recovered

_CLUES = {
    "connection": ("SM-CRASH-DEPENDENCY", "it cannot connect to {about}"),
    "name": ("SM-CRASH-DEPENDENCY", "it cannot find the host {about}"),
    "login": ("SM-CRASH-LOGIN", "its login is refused"),
    "variable": ("SM-CRASH-VARIABLE", "the environment variable {about} is missing"),
    "file": ("SM-CRASH-FILE", "a file is missing: {about}"),
    "module": ("SM-CRASH-MODULE", "the module {about} is missing in the image"),
    "library": ("SM-CRASH-LIBRARY", "the shared library {about} is missing in the image"),
    "command": ("SM-CRASH-PROGRAM", "the program {about} is missing in the image"),
    "architecture": ("SM-CRASH-ARCHITECTURE", "the program was built for another processor architecture"),
    "certificate": ("SM-CRASH-CERTIFICATE", "it refuses a certificate"),
    "clock": ("SM-CRASH-CLOCK", "its clock and that of another machine disagree"),
    "lock": ("SM-CRASH-LOCK", "somebody else holds the lock that it needs"),
    "schema": ("SM-CRASH-SCHEMA", "its database lacks a table, a column or a migration"),
    "settings": ("SM-CRASH-SETTINGS", "it does not understand its settings"),
    "permission": ("SM-CRASH-PERMISSION", "it may not do what it tries"),
    "read-only": ("SM-CRASH-READ-ONLY", "it writes to a read-only file system"),
    "port": ("SM-CRASH-PORT", "its port is taken already"),
    "disk": ("SM-CRASH-DISK", "no space is left on the disk"),
    "memory": ("SM-OOM", "it runs out of memory"),
    "exception": ("SM-CRASH-EXCEPTION", "it ends with an exception"),
    "error": ("SM-CRASH", "it ends with an error"),
}
_HEAP = re.compile(r"--max-old-space-size[= ]\d+|-Xmx\w+|-XX:MaxRAMPercentage=[\d.]+|\bGOMEMLIMIT\b")
_ADVICE = {
    "SM-OOM": "Give it more memory, or let it use less: a heap of its own may be set too small.",
    "SM-CRASH": "Read its log from the start and make it say more: nobody but its maker knows what this ending means.",
    "SM-CRASH-COMMAND": "Correct command and args, or build the image with that program.",
    "SM-CRASH-DEPENDENCY": "Make or mend what it connects to, or correct the name or port that it uses.",
    "SM-CRASH-DNS": "Let the pod use the cluster's name server (dnsPolicy ClusterFirst).",
    "SM-CRASH-LOGIN": "Compare the user and password in the pod's Secret with those of the server.",
    "SM-CRASH-VARIABLE": "Set the variable, or mount the Secret or ConfigMap that holds it.",
    "SM-CRASH-FILE": "Put the file into the image, or mount it.",
    "SM-CRASH-MODULE": "Add the dependency and build the image again.",
    "SM-CRASH-LIBRARY": "Install the library in the image, or build on the base image it was compiled for.",
    "SM-CRASH-PROGRAM": "Install the program in the image, or correct its name.",
    "SM-CRASH-ARCHITECTURE": "Build the image for the nodes' architecture, or for several.",
    "SM-CRASH-CERTIFICATE": "Renew the certificate, or mount the authority that signed it.",
    "SM-CRASH-CLOCK": "Synchronize the clocks of the nodes (NTP); a certificate may also start in the future.",
    "SM-CRASH-LOCK": "Let only one instance run (strategy Recreate), or free the lock that a dead one left.",
    "SM-CRASH-SCHEMA": "Run the migrations of this version, in a Job or an init container before it starts.",
    "SM-CRASH-SETTINGS": "Correct the place in its configuration or arguments that the log names.",
    "SM-CRASH-PERMISSION": "Give the path or port to the user that the container runs as, or run as another user.",
    "SM-CRASH-READ-ONLY": "Mount a volume (emptyDir) where it writes.",
    "SM-CRASH-PORT": "Let the program listen on another port; containers of one pod share theirs.",
    "SM-CRASH-DISK": "Free space, or give it a larger volume.",
    "SM-CRASH-FINISHED": "Let the command keep running in the foreground, or make it a Job.",
    "SM-CRASH-EXCEPTION": "The cause is in the code or its data; the log names the place.",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each container of a workload that keeps ending."""
    for unit, count in snap.one_each(unit for unit in snap.units() if _crashes(snap, unit)):
        if denied(snap, unit):
            continue  # a missing right is told with the rule that gives it; once it is given, the next start does it
        yield _finding(snap, unit, count)


def _crashes(snap: Snapshot, unit: Unit) -> bool:
    if unit.owner["kind"] in ("Job", "CronJob"):
        return False
    if (unit.pod.get("status") or {}).get("reason"):
        return False  # evicted, or its node was shut down: another story
    reason = unit.waiting.get("reason", "")
    if reason in ("CrashLoopBackOff", "RunContainerError"):
        return not _killed_by_probe(snap, unit) and not mount_trouble(unit) and not hook_trouble(snap, unit)
    ended = unit.terminated
    once = unit.init and unit.spec.get("restartPolicy") != "Always"  # not a sidecar
    if not ended:
        return _just_back(snap, unit)
    if (once and ended.get("exitCode") == 0) or mount_trouble(unit):
        return False
    running: dict[str, Any] = (unit.status.get("state") or {}).get("running") or {}
    never = unit.pod["spec"].get("restartPolicy", "Always") == "Never" and not running
    endings = unit.status.get("restartCount", 0) + (0 if running else 1)
    again = endings > 1 or never  # who dies once and comes up well again is no fault
    forever = unit.pod["spec"].get("restartPolicy", "Always") == "Always" and not once
    failed = ended.get("exitCode") != 0 or ended.get("reason") == "OOMKilled" or forever
    troubled = snap.seconds_since(ended.get("finishedAt")) < _RECENT and not _recovered(snap, unit)
    told_else = _killed_by_probe(snap, unit) or hook_trouble(snap, unit)
    return bool(again and failed and troubled) and not told_else


def _just_back(snap: Snapshot, unit: Unit) -> bool:
    """It was started again a moment ago, and the kubelet has cleared away what the run before left."""
    running = (unit.status.get("state") or {}).get("running") or {}
    young = bool(running) and snap.seconds_since(running.get("startedAt")) < _CALM
    return young and unit.status.get("restartCount", 0) > 1 and latest(snap, unit.pod, "BackOff") is not None


def _recovered(snap: Snapshot, unit: Unit) -> bool:
    """It runs and is ready for clearly longer than it did the last time."""
    now = snap.seconds_since(((unit.status.get("state") or {}).get("running") or {}).get("startedAt"))
    ended = unit.terminated
    last = snap.seconds_since(ended.get("startedAt")) - snap.seconds_since(ended.get("finishedAt"))
    return bool(unit.status.get("ready")) and now > max(_CALM, 2 * last)


def _killed_by_probe(snap: Snapshot, unit: Unit) -> bool:
    """The kubelet stopped it because of its probe: another rule tells that story."""
    if unit.terminated.get("exitCode") not in (137, 143, 0) or unit.terminated.get("reason") == "OOMKilled":
        return False
    if unseen_killer(snap, unit):
        return True
    stopped = snap.events(unit.pod, "Killing")
    return any("probe" in item.get("message", "") and unit.spec["name"] in item.get("message", "") for item in stopped)


def _finding(snap: Snapshot, unit: Unit, count: int) -> Seen:
    ended, name = unit.terminated, unit.spec["name"]
    code, reason = ended.get("exitCode", 0), ended.get("reason", "")
    message = str(ended.get("message") or unit.waiting.get("message") or "")
    if reason == "OOMKilled":
        return _out_of_memory(snap, unit, count)
    if (
        reason in ("StartError", "ContainerCannotRun")
        or unit.waiting.get("reason") == "RunContainerError"
        or code in (126, 127)
    ):
        return _bad_command(snap, unit, count, message)
    clue = next(filter(None, map(scan, snap.runs(unit))), None)  # the end of a log may still be on its way
    if clue and clue.kind == "architecture" and by_shell(unit, str((unit.spec.get("command") or [""])[0])).fix:
        return _bad_command(snap, unit, count, clue.text, script=True)
    id, why = _CLUES[clue.kind] if clue else ("SM-CRASH", meaning(code) if ended else "it ends again and again")
    if ended and code == 0 and (not clue or clue.kind in ("error", "exception", "file")):
        id, why, clue = (
            "SM-CRASH-FINISHED",
            "it finishes by itself (exit code 0), though its pod should keep running",
            None,
        )
    why = _filled(why, clue, code if id == "SM-CRASH" else 0)
    story = unreached(snap, unit, clue) if clue and id == "SM-CRASH-DEPENDENCY" else Story()
    deeper = mend(unit, id, clue) if clue else Mend()
    if clue and clue.kind == "name" and story.causes != (ref_of(unit.owner),) and (dns := own_dns(snap, unit, clue)):
        id, story, deeper = "SM-CRASH-DNS", Story(), dns
    place = f" at {clue.where}" if clue and clue.where and id in ("SM-CRASH-EXCEPTION", "SM-CRASH-VARIABLE") else ""
    said = f": {cut(clue.text, 160)}" if clue else "."
    restarts = unit.status.get("restartCount", 0)
    return seen(
        id,
        unit.owner,
        f"Container {name} of {ref_of(unit.owner)} keeps ending: {why}{place}{said}",
        chain=(
            f"{pods_text(count, unit.owner)} cannot stay up ({restarts} restarts)",
            why,
            *story.chain,
            *filter(None, (deeper.why,)),
        ),
        evidence=(
            log(clue.lines) if clue else log(snap.last_words(unit).splitlines()),
            field("lastState.terminated.exitCode", f"{code}: {meaning(code)}"),
            story.evidence,
        ),
        fixes=(
            story.fix,
            None if not deeper.fix or deeper.fix.asks else deeper.fix,
            back_fix(snap, unit.owner),
            deeper.fix if deeper.fix and deeper.fix.asks else None,
            Fix(text=_advice(id, unit)) if id in _ADVICE else None,
        ),
        symptom_of=story.causes,
    )


def _filled(why: str, clue: Clue | None, code: int) -> str:
    """The reason with what it is about, where the log names it, and the exit code where nothing else is known."""
    about = clue.about if clue else ""
    if clue and not about and clue.kind == "name":
        why = "it cannot find a host"
    if code:
        why = f"{why} (exit code {code})"
    return why.format(about=about or "what it needs")


def _out_of_memory(snap: Snapshot, unit: Unit, count: int) -> Seen:
    name = unit.spec["name"]
    limit = ((unit.spec.get("resources") or {}).get("limits") or {}).get("memory")
    why = f"it needs more memory than its limit of {limit}" if limit else "the node ran out of memory and killed it"
    fixes: list[Fix | None] = []
    if limit and unit.owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet") and not unit.init:
        more = doubled(limit)
        change = resources_change(unit.owner, name, limits={"memory": more})
        fixes.append(change_fix(f"Raise the memory limit from {limit} to {more}.", change))
    used = latest(snap, unit.pod, "OOMKilling") or latest(snap, unit.pod, "SystemOOM")
    fixes += [back_fix(snap, unit.owner), Fix(text="If it grows without end, it leaks: look at its use over time.")]
    return seen(
        "SM-OOM",
        unit.owner,
        f"Container {name} of {ref_of(unit.owner)} was killed: {why}.",
        chain=(f"{pods_text(count, unit.owner)} cannot stay up", f"container {name} is killed (OOMKilled)", why),
        evidence=(
            field("lastState.terminated", f"OOMKilled, exit code {unit.terminated.get('exitCode')}"),
            field("resources.limits.memory", limit or "not set"),
            event(used),
            field("restartCount", unit.status.get("restartCount", 0)),
        ),
        fixes=fixes,
    )


def _bad_command(snap: Snapshot, unit: Unit, count: int, message: str, script: bool = False) -> Seen:
    name = unit.spec["name"]
    command = unit.spec.get("command") or unit.spec.get("args") or ["(of the image)"]
    clue = scan(snap.last_words(unit))
    denied = "permission denied" in message.lower() or unit.terminated.get("exitCode") == 126
    deeper = by_shell(unit, command[0]) if script else executable(unit, command[0]) if denied else Mend()
    why = f"its command {command[0]!r} {'cannot be executed' if denied or script else 'does not exist in the image'}"
    if not script and "exec format error" in message + (clue.text if clue else ""):
        why = "the image was built for another processor architecture"
    return seen(
        "SM-CRASH-COMMAND",
        unit.owner,
        f"Container {name} of {ref_of(unit.owner)} cannot run: {why}.",
        chain=(f"{pods_text(count, unit.owner)} cannot start", why, *filter(None, (deeper.why,))),
        evidence=(
            Evidence(source="field", text=cut(message)) if message else None,
            event(latest(snap, unit.pod, "Failed")),
            log(clue.lines) if clue else None,
        ),
        fixes=(deeper.fix, back_fix(snap, unit.owner), Fix(text=_ADVICE["SM-CRASH-COMMAND"])),
    )


def _advice(id: str, unit: Unit) -> str:
    words = " ".join((*(unit.spec.get("command") or ()), *(unit.spec.get("args") or ())))
    words += "".join(f" {item.get('value', '')}" for item in unit.spec.get("env") or ())
    if id == "SM-OOM" and (heap := _HEAP.search(words)):
        return f"Raise {heap[0]} in its command or settings; its memory limit must leave room for it."
    return _ADVICE[id]


def explain(snap: Snapshot, unit: Unit) -> Finding:
    """The story of one container that ended, for rules about what it belongs to."""
    return _finding(snap, unit, 1).finding
