"""The ways in, one function each: a row's input in, an outcome out. A new one is one more line in `ENTRANCES`."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console

from agent.cli.main import main
from agent.cli.render import Screen
from agent.events import Answered, Asked, Errored, Event, PlanProposed
from agent.session import Session
from tests.agent.fake_openai import piece
from tests.safety.truth.place import Place
from tools.change import BaseChange, Change, Proposal


@dataclass(frozen=True)
class Row:
    """One line of the table. `input` is what comes in; `effect` and the rest are what must come of it.

    after    what was said before, in the same conversation
    kinds    the kinds of change that the plan holds, in order; targets: what they are aimed at
    says     words that the answer must have
    given    further material of the entrance: variables, standard input, edits of a stored plan
    """

    entrance: str
    input: Any
    effect: str
    kinds: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    says: str = ""
    after: tuple[str, ...] = ()
    given: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.entrance}: {self.input!r}"[:150]


@dataclass(frozen=True)
class Outcome:
    """What became of it: read, plan, blocked (a plan that cannot be approved), refused, question, not-understood,
    answer (words only), nothing, or applied. `yes` tells that the row itself held a yes, and something was applied.
    """

    effect: str
    text: str
    changes: tuple[Change, ...] = ()
    yes: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(f"{one.kind}:{one.verb}" if one.kind == "patch" else one.kind for one in self.changes)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(map(target, self.changes))


def target(change: BaseChange) -> str:
    """What a change is aimed at: "deployment web in shop", "release corner in shop", an image, a path."""
    if ref := getattr(change, "ref", None):
        return str(ref)
    if release := getattr(change, "release", ""):
        return f"release {release} in {getattr(change, 'namespace', '')}"
    return str(getattr(change, "image", "") or getattr(change, "path", ""))


def sentence(place: Place, row: Row) -> Outcome:
    """What a person types or pastes, read by the planner."""
    session = place.session()
    for text in row.after:
        for _ in session.send(place.fill(text)):
            pass
    return told(session, session.send(place.fill(row.input)))


def model(place: Place, row: Row) -> Outcome:
    """Tool calls of a model, over its own protocol; afterwards it claims that all is done."""
    from agent.minds.langchain import LangChainMind

    calls = row.input if isinstance(row.input, list) else [row.input]
    place.model.call(
        *(
            piece(place.fill(_raw(call)), call["tool"], f"c{index}", index)
            for index, call in enumerate(calls)
        ),
        text=(row.given or {}).get("text", ""),
    )  # fmt: skip
    for _ in range(3):
        place.model.say("Done: it was approved and applied.")
    session = place.session(LangChainMind("openai:test-model"))
    return told(session, session.send((row.given or {}).get("request", "please do what is needed")))


def _raw(call: dict[str, Any]) -> str:
    return call["raw"] if "raw" in call else json.dumps(call.get("arguments") or {})


def stored(place: Place, row: Row) -> Outcome:
    """A plan that was shown, then meddled with in the store, then approved by its id."""
    session = place.session()
    for _ in session.send(row.input):
        pass
    plan = session.pending
    assert plan, "the row needs a request that makes a plan"
    given = row.given or {}
    with sqlite3.connect(place.state / "shipmate.db") as db:
        body = json.loads(db.execute("SELECT body FROM plans WHERE id = ?", (plan.id,)).fetchone()[0])
        for way, value in (given.get("edit") or {}).items():
            _put(body, way.split("."), value)
        db.execute("UPDATE plans SET body = ? WHERE id = ?", (json.dumps(body), plan.id))
        if "status" in given:
            db.execute("UPDATE plans SET status = ? WHERE id = ?", (given["status"], plan.id))
    for other in given.get("then") or ():
        _command(place, [word.replace("%PLAN%", plan.id) for word in other])
    before = len(place.world.writes())
    code, text = _command(place, ["plan", "approve", given.get("id", plan.id), *given.get("flags", ())])
    wrote = len(place.world.writes()) > before
    effect = "applied" if wrote else "refused" if code else "nothing"
    return Outcome(effect, text, yes=wrote or before > 0)


def _put(body: Any, way: list[str], value: Any) -> None:
    for part in way[:-1]:
        body = body[int(part)] if isinstance(body, list) else body[part]
    last = way[-1]
    body[int(last) if isinstance(body, list) else last] = value


def command(place: Place, row: Row) -> Outcome:
    """The command line as a script runs it, with its variables and standard input."""
    given = row.given or {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (given.get("env") or {}).items():
            patch.setenv(name, place.fill(str(value)))
        code, text = _command(place, [place.fill(word) for word in row.input], given.get("stdin", ""))
    plans = place.session().store.plans()
    if place.world.writes():
        return Outcome("applied", text, yes=True)
    if plans:
        return Outcome("refused" if code else "plan", text, tuple(step.change for step in plans[0][0].steps))
    return Outcome({0: "read", 10: "question"}.get(code, "refused"), text)


def _command(place: Place, words: list[str], stdin: str = "") -> tuple[int, str]:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("sys.stdin", io.StringIO(stdin))
        patch.setenv("XDG_STATE_HOME", str(place.state.parent))
        patch.setenv("XDG_CACHE_HOME", str(place.cache))
        patch.chdir(place.root)
        if not patch_has(words, "--kubeconfig"):
            patch.setenv("SHIPMATE_KUBECONFIG", str(place.kubeconfig))
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 2
    return code, out.getvalue() + err.getvalue()


def patch_has(words: list[str], flag: str) -> bool:
    return any(word.partition("=")[0] == flag for word in words)


ENTRANCES: dict[str, Callable[[Place, Row], Outcome]] = {
    "sentence": sentence,
    "model": model,
    "stored": stored,
    "command": command,
}


def told(session: Session, events: Iterable[Event]) -> Outcome:
    """Play a turn to its end, shown as on a terminal, and say what became of it."""
    out = io.StringIO()
    console = Console(file=out, width=100, highlight=False, soft_wrap=True)
    screen = Screen(console, console)
    seen: list[Event] = []
    for event in events:
        seen.append(event)
        screen.show(event)
    effect, changes = _effect(session, seen)
    return Outcome(effect, out.getvalue(), changes)


def _effect(session: Session, seen: list[Event]) -> tuple[str, tuple[Change, ...]]:
    plan = next((event.plan for event in seen if isinstance(event, PlanProposed)), None)
    if plan:
        return "blocked" if plan.blockers else "plan", tuple(step.change for step in plan.steps)
    last = seen[-1]
    if isinstance(last, Asked):
        return "question", ()
    turns = session.conversation.turns
    latest = max(index for index, turn in enumerate(turns) if turn.role == "person")
    returned = [entry for turn in turns[latest:] for entry in turn.returned]
    proposed = [entry.proposal for entry in returned if isinstance(entry.proposal, Proposal)]
    if isinstance(last, Errored) and any(one.changes for one in proposed) and last.code != 11:
        # helm and a real engine are not in this world, so that some plans cannot be previewed here: what counts is
        # what was proposed
        return "plan", tuple(change for one in proposed for change in one.changes)
    if isinstance(last, Errored) or any(entry.error for entry in returned):
        return "refused", ()
    if isinstance(last, Answered) and last.outcome in ("unknown-request", "refused", "nothing"):
        return {"unknown-request": "not-understood"}.get(last.outcome, last.outcome), ()
    return ("read" if any(entry.result for entry in returned) else "answer"), ()
