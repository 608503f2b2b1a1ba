"""`make evals`: run the scenarios on the built-in cluster and print what held.

python -m evals.run [--mind planner|provider:name] [NAME…]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from agent.events import Answered, Asked, Errored, Event, PlanProposed
from agent.guard.policy.modes import Mode
from agent.session import Session, choose_mind
from agent.settings import Settings
from evals.scenario import Check, Ends, Scenario, Turn, load_all
from evals.stage import Stage, fresh_stage
from tools.context import Context
from tools.data import data_folder

CONTEXT = "shipmate"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m evals.run")
    parser.add_argument("names", nargs="*", help="scenarios to run (default: all)")
    parser.add_argument("--model", help="chat model instead of the planner")
    args = parser.parse_args()
    failed = 0
    for scenario in load_all():
        if args.names and scenario.name not in args.names:
            continue
        start = time.monotonic()
        try:
            problems = play(scenario, args.model)
        except Exception as error:  # a scenario that breaks Shipmate has failed; the others still run
            problems = [f"{type(error).__name__}: {error}"]
        failed += bool(problems)
        print(f"{'ok  ' if not problems else 'FAIL'} {scenario.name} ({time.monotonic() - start:.1f} s)", flush=True)
        for problem in problems:
            print(f"       {problem}", flush=True)
    total = len(args.names or load_all())
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


def play(scenario: Scenario, model: str | None = None) -> list[str]:
    """Play one scenario in a namespace of its own; returns what did not hold."""
    with tempfile.TemporaryDirectory() as folder:
        root = data_folder("charts").parent if scenario.workspace else Path(folder)
        ctx = Context(context=CONTEXT, root=root, state=Path(folder) / "state")
        with fresh_stage(ctx) as stage:
            stage.put(scenario.setup)
            for deployment in scenario.wait:
                stage.wait_for(deployment)
            for reason in scenario.events:
                stage.wait_for_event(reason)
            session = Session(ctx, choose_mind(Settings.load(model=model), ctx), Mode.ASK)
            before = stage.specs()
            problems = [
                f"turn {number} ({turn.say!r}): {problem}"
                for number, turn in enumerate(scenario.turns, start=1)
                for problem in take(session, turn)
            ]
            problems += [problem for check in scenario.checks for problem in look(stage, check)]
            problems += side_effects(before, stage.specs(), scenario.only)
    return problems


def take(session: Session, turn: Turn) -> list[str]:
    """Say it, approve the plan if the turn wants that, and compare how it ended."""
    events = list(session.send(turn.say))
    plan = next((event.plan for event in events if isinstance(event, PlanProposed)), None)
    yes = turn.approve if turn.approve is not None else turn.ends in ("applied", "failed")
    if session.pending and yes:
        events += session.approve(session.pending, session.pending.digest, "eval", typed=turn.confirm)
        ended = end_of(events, approved=True)
    else:
        ended = end_of(events, approved=False)
    told = "\n".join(map(shown, events))
    planned = "\n".join(f"{step.preview.summary}\n{step.preview.diff}" for step in plan.steps) if plan else ""
    problems = [f"ended {ended}, not {turn.ends}: {told[-600:]}"] if ended != turn.ends else []
    if turn.code is not None and (code := code_of(events)) != turn.code:
        problems.append(f"code {code}, not {turn.code}")
    problems += [f"{word!r} is missing in: {told[-600:]}" for word in turn.answer if word.lower() not in told.lower()]
    problems += [f"{word!r} should not stand in it" for word in turn.not_answer if word.lower() in told.lower()]
    problems += [f"{word!r} is not in the plan: {planned[-600:]}" for word in turn.shown if word not in planned]
    return problems


def end_of(events: list[Event], approved: bool) -> Ends:
    """How a turn ended, in the scenario's words."""
    last = events[-1] if events else None
    match last:
        case Asked():
            return "asked"
        case Errored():
            return "failed"
        case PlanProposed():
            return "planned"
        case Answered(outcome="nothing"):
            return "nothing"
        case Answered(outcome="unknown-request"):
            return "unknown"
        case Answered(code=11):
            return "refused"
        case Answered(outcome="failed" | "rolled-back"):
            return "failed"
        case _:
            return "applied" if approved else "answered"


def code_of(events: list[Event]) -> int:
    return 10 if isinstance(events[-1], Asked) else getattr(events[-1], "code", 0)


def shown(event: Event) -> str:
    """What a person reads of an event."""
    match event:
        case Answered(text=text):
            return text
        case Asked(text=text, options=options):
            return "\n".join((text, *options))
        case Errored(message=message, next_step=step):
            return f"{message} {step}"
        case PlanProposed(plan=plan):
            told = [plan.reading, *plan.notes]
            for step in plan.steps:
                told += [step.preview.summary, *step.preview.warnings, *step.preview.blockers]
            return "\n".join(told)
        case _:
            return ""


def look(stage: Stage, check: Check) -> list[str]:
    """One check of the state."""
    found = stage.object(check.object)
    if check.absent:
        return [f"{check.object} is still there"] if found and not found["metadata"].get("deletionTimestamp") else []
    if found is None:
        return [f"{check.object} is not there"]
    value: object = found
    for part in check.path.split(".") if check.path else ():
        value = value[int(part)] if isinstance(value, list) else value.get(part) if isinstance(value, dict) else None
    if check.contains:
        return (
            []
            if check.contains in str(value)
            else [f"{check.object} {check.path} is {value!r}, without {check.contains!r}"]
        )
    if check.equals is not None and value != check.equals:
        return [f"{check.object} {check.path} is {value!r}, not {check.equals!r}"]
    return []


def side_effects(before: dict[str, str], after: dict[str, str], only: list[str]) -> list[str]:
    """Objects that changed, came or went although the scenario does not name them."""
    touched = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return [
        f"forbidden side effect on {key}" for key in sorted(touched - set(only)) if key != "configmap/kube-root-ca.crt"
    ]


if __name__ == "__main__":
    sys.exit(main())
