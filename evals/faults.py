"""`make eval`: break things on the real kubelet; Shipmate must find the cause, nothing else, and mend it.

python -m evals.faults [AREA|NAME…] [--fast] [-j N] [--find] [--patience FACTOR] [--write]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from agent.events import Event, PlanProposed
from agent.guard.policy.modes import Mode
from agent.session import Session, choose_mind
from agent.settings import Settings
from evals.fault import AREAS, Break, Cause, Fault, NoFix, Said, load_all
from evals.run import CONTEXT, end_of, look, shown
from evals.scenario import Check
from evals.stage import Stage, fresh_stage
from evals.table import table, write_table
from tools.context import Context
from tools.errors import Failed
from tools.finding import Finding, Severity
from tools.kubernetes.diagnose.run import examine
from tools.kubernetes.rollout.state import state_of

MENDED_WITHIN = 90  # seconds after the last step of the plan
REACHED_WITHIN = 120  # seconds for a state of the stage to come


@dataclass
class Score:
    """What did not hold, by what is counted. `mend`: whether the fix is tried too."""

    fault: Fault
    mend: bool = True
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    unmended: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        return [*self.missed, *self.false, *self.unmended]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m evals.faults")
    parser.add_argument("names", nargs="*", help="areas or faults to play (default: all)")
    parser.add_argument("--fast", action="store_true", help="only those that `make test` plays")
    parser.add_argument("-j", type=int, default=4, help="how many at once (default 4)")
    parser.add_argument("--find", action="store_true", help="only find the causes, mend nothing")
    parser.add_argument("--patience", type=float, default=1, help="by how much to wait longer, on a busy machine")
    parser.add_argument("--write", action="store_true", help="put the table into docs/troubleshooting.md")
    args = parser.parse_args()
    chosen = [fault for fault in load_all(args.names) if fault.fast or not args.fast]
    scores = play_all([patiently(fault, args.patience) for fault in chosen], args.j, not args.find, told)
    text = table(scores, AREAS)
    print(text)
    if args.write:
        write_table(text)
    return 1 if not scores or any(score.problems for score in scores) else 0


def patiently(fault: Fault, factor: float) -> Fault:
    """The same fault with more time to be found; how long it must stay so is the same."""
    return fault.model_copy(update={"within": fault.within * factor})


def told(score: Score) -> None:
    """One fault's line, and what did not hold."""
    mark = "FAIL" if score.problems else "ok  "
    print(f"{mark} {score.fault.area}/{score.fault.name} ({score.seconds:.0f} s)", flush=True)
    for problem in score.problems:
        print(f"       {problem}", flush=True)


def play_all(
    faults: Sequence[Fault], at_once: int, mend: bool, report: Callable[[Score], None] = lambda _: None
) -> list[Score]:
    """Play faults, several at once; those that touch the whole cluster afterwards, one by one."""
    scores: list[Score] = []
    for group, width in (([f for f in faults if not f.alone], at_once), ([f for f in faults if f.alone], 1)):
        with ThreadPoolExecutor(max(width, 1)) as pool:
            for done in as_completed([pool.submit(play, fault, mend) for fault in group]):
                report(done.result())
                scores.append(done.result())
    return sorted(scores, key=lambda score: faults.index(score.fault))


def play(fault: Fault, mend: bool = True) -> Score:
    """Play one fault in a namespace of its own. One that breaks Shipmate has failed; the others go on."""
    score, start = Score(fault, mend), time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            ctx = Context(context=CONTEXT, root=Path(folder), state=Path(folder) / "state")
            with fresh_stage(ctx) as stage:
                _on_stage(stage, score)
    except Exception as error:
        score.missed.append(f"{type(error).__name__}: {error}")
    score.seconds = time.monotonic() - start
    return score


def _on_stage(stage: Stage, score: Score) -> None:
    fault = score.fault
    stage.put(fault.setup)
    for deployment in fault.wait:
        stage.wait_for(deployment, REACHED_WITHIN)
    for step in fault.breaks:
        _break(stage, step)
    _find(stage, score)
    if not fault.expect or score.missed:
        return
    session = Session(stage.ctx, choose_mind(Settings.load(), stage.ctx), Mode.ASK)
    answer = told_by(session.send("what is wrong?"))
    names = [cause.subject.rpartition("/")[2].replace("{namespace}", stage.namespace) for cause in fault.expect]
    score.missed += [f"the answer does not name {name}: {answer[-300:]}" for name in names if name not in answer]
    if score.mend:
        score.unmended += _mend(stage, session, fault)


def _break(stage: Stage, step: Break) -> None:
    if step.apply:
        stage.apply(step.apply)
    elif step.patch:
        stage.patch(step.patch, step.body or {})
    elif step.until:
        _wait_for(stage, step.until)
    else:
        stage.delete(step.delete)


def _wait_for(stage: Stage, state: Check) -> None:
    end = time.monotonic() + REACHED_WITHIN
    while problems := look(stage, state):
        if time.monotonic() > end:
            raise Failed(f"the stage never came to be as it should: {'; '.join(problems)}")
        time.sleep(0.5)


# --- Finding ----------------------------------------------------------------------------------------------------------


def diagnosed(stage: Stage) -> tuple[list[Finding], list[str]]:
    """What is found in the namespace, and the rules that failed over it."""
    seen = examine(stage.ctx, (), stage.namespace)
    bugs = [f"{what}: {why}" for what, why in seen.unchecked.items() if what.startswith("rule ")]
    return list(seen.findings), bugs


def _find(stage: Stage, score: Score) -> None:
    """Look until what is found is what is expected, then see that it stays so."""
    fault = score.fault
    end = time.monotonic() + (fault.within if fault.expect else 0)
    while True:
        missing, extra, bugs = _compared(stage, fault.expect)
        if not (missing or extra) or time.monotonic() > end:
            break
        time.sleep(1)
    end = time.monotonic() + fault.steady
    while not (missing or extra or bugs) and time.monotonic() < end:
        time.sleep(1)
        missing, extra, bugs = _compared(stage, fault.expect)
    score.missed += missing + bugs
    score.false += extra


def _compared(stage: Stage, expected: Iterable[Cause]) -> tuple[list[str], list[str], list[str]]:
    """What is missing, what is too much, and which rules failed."""
    left, bugs = diagnosed(stage)
    missing: list[str] = []
    for cause in expected:
        subject = cause.subject.replace("{namespace}", stage.namespace)
        found = next((item for item in left if item.id == cause.id and name_of(item) == subject), None)
        if found is None:
            missing.append(f"{cause.id} of {subject} was not found")
            continue
        left.remove(found)
        text = words(found).lower().replace(stage.namespace, "{namespace}")
        missing += [f"{cause.id} does not say {word!r}: {text}" for word in cause.cause if word.lower() not in text]
        missing += [f"{cause.id} says {word!r}: {text}" for word in cause.never if word.lower() in text]
    grave = [item for item in left if item.severity is not Severity.INFO]
    return missing, [f"false: {item.id} of {name_of(item)}: {words(item)}" for item in grave], bugs


def name_of(found: Finding) -> str:
    return f"{found.subject.kind.lower()}/{found.subject.name}"


def words(found: Finding) -> str:
    """All that a finding says but its fixes."""
    return "\n".join((found.summary, *found.chain, *(item.text for item in found.evidence)))


# --- Mending ----------------------------------------------------------------------------------------------------------


def told_by(events: Iterable[Event]) -> str:
    return "\n".join(filter(None, map(shown, events)))


def _mend(stage: Stage, session: Session, fault: Fault) -> list[str]:
    """Ask for the fix, approve it, and see that the findings end; what did not hold."""
    if isinstance(fault.fix, NoFix):
        events = list(session.send("fix it"))
        answer = told_by(events)
        problems = [f"proposed a change though nothing in the cluster mends it: {answer}"] if session.pending else []
        return problems + [f"{word!r} is missing in: {answer}" for word in fault.fix.cause if word not in answer]
    if isinstance(fault.fix, Said):
        answer = told_by(session.send("fix it"))
        problems = [f"{word!r} is missing in: {answer}" for word in fault.fix.needs if word not in answer.lower()]
        return (
            problems or _asked(session, fault.fix.say.replace("{namespace}", stage.namespace)) or _proof(stage, fault)
        )
    left = list(fault.expect)
    for _ in fault.expect:  # one plan may mend one cause or all
        if problems := _asked(session, "fix it"):
            return problems
        left = [cause for cause in left if not _compared(stage, [cause])[0]]
        if not left:
            break
    return _proof(stage, fault)


def _asked(session: Session, text: str) -> list[str]:
    """Say it and approve the plan that is proposed."""
    events = list(session.send(text))
    plan = next((event.plan for event in events if isinstance(event, PlanProposed)), None)
    if plan is None or session.pending is None:
        return [f"no plan for {text!r}: {told_by(events)[-400:]}"]
    done = list(session.approve(session.pending, session.pending.digest, "eval", typed=plan.confirm))
    if (ended := end_of(done, approved=True)) != "applied":
        return [f"the plan for {text!r} ended {ended}: {told_by(done)[-600:]}"]
    return []


def _proof(stage: Stage, fault: Fault) -> list[str]:
    """Nothing is found any more, what was broken is whole, the checks hold, and it stays so."""
    end, calm = time.monotonic() + MENDED_WITHIN, 0.0
    while True:
        problems = _left(stage, fault)
        now = time.monotonic()
        calm = 0.0 if problems else calm or now
        if (calm and now - calm >= fault.steady) or now > end:
            return problems
        time.sleep(1)


def _left(stage: Stage, fault: Fault) -> list[str]:
    _, found, bugs = _compared(stage, ())
    problems = [f"after the fix: {text}" for text in found + bugs]
    for cause in fault.expect:
        kind, _, _ = cause.subject.partition("/")
        if kind in ("deployment", "statefulset", "daemonset") and (broken := stage.object(cause.subject)):
            state = state_of(broken)
            problems += [] if state.done else [f"after the fix: {cause.subject}: {state.text}"]
    return problems + [f"after the fix: {text}" for check in fault.then for text in look(stage, check)]


if __name__ == "__main__":
    sys.exit(main())
