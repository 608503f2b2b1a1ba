"""`shipmate ask "…"`: one request. A dry run unless --yes is given or a person says yes on the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.cli.common import one_shot_settings, person_at_terminal
from agent.cli.continuing import conversation_before, remember
from tools.errors import BadRequest

if TYPE_CHECKING:
    from agent.events import Event
    from agent.session import Session


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request", nargs="*", help="what you want, in your words (standard input where it is missing)")
    parser.add_argument("-y", "--yes", action="store_true", help="apply the plan without asking")
    parser.add_argument("--confirm", metavar="NAME", default="", help="the name that a high-risk plan wants typed")
    parser.add_argument("--roll-back", action="store_true", help="roll back by itself what turns out unhealthy")
    talk = parser.add_mutually_exclusive_group()
    talk.add_argument("-c", "--conversation", metavar="ID", help="go on with this conversation")
    talk.add_argument("--new", action="store_true", help='begin anew, also where "it" or an answer seems to refer back')
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text", help="json: one event a line")


def run(args: argparse.Namespace) -> int:
    from agent.session import Session

    request = _request(args.request)
    person = person_at_terminal() and args.output == "text"
    settings = one_shot_settings(args, person)
    before = args.conversation or (None if args.new else conversation_before(settings, request))
    session = Session.open(settings, before)
    code = _as_json(session, request, args) if args.output == "json" else _as_text(session, request, args, person)
    remember(session, settings, asked=code == 10 and not session.pending)
    return code


def _as_text(session: Session, request: str, args: argparse.Namespace, person: bool) -> int:
    from agent.cli.dialogue import approve_now, decide, leave_waiting, watch
    from agent.cli.render import Screen

    with Screen() as screen:
        if session.conversation.turns and not args.conversation:
            said = next((turn.text for turn in session.conversation.turns if turn.role == "person"), "")
            screen.hint(f"Going on with conversation {session.id} ({said}); --new begins another.")
        while request:
            screen.busy("")
            watch(session, screen, session.send(request, args.roll_back))
            request = ""
            plan = session.pending
            if plan and args.yes:
                watch(session, screen, approve_now(session, "--yes", args.confirm))
                if (
                    session.pending and session.pending is not plan
                ):  # a fix is to be taken back, beyond what was granted
                    leave_waiting(screen, session.pending)
                    return screen.code
            elif session.pending and person:
                request = decide(session, screen)
            elif session.pending:  # in auto mode, what no rule allows waits
                leave_waiting(screen, session.pending)
                return screen.code
        if screen.code == 10:
            screen.hint(f'Answer with: shipmate ask -c {session.id} "…"')
        return screen.code


def _request(words: list[str]) -> str:
    text = " ".join(words).strip()
    if text in ("", "-") and not sys.stdin.isatty():
        text = sys.stdin.read()
    if not text.strip():
        raise BadRequest("The request is empty.", 'Try: shipmate ask "what is wrong here?"')
    return text


def _as_json(session: Session, request: str, args: argparse.Namespace) -> int:
    import json

    from agent.cli.dialogue import approve_now

    code = 0

    def emit(events: Iterable[Event]) -> None:
        nonlocal code
        for event in events:
            print(json.dumps(event.model_dump(mode="json")), flush=True)
            code = 10 if event.type == "question" else getattr(event, "code", code)

    emit(session.send(request, args.roll_back))
    plan = session.pending
    if plan and args.yes:
        emit(approve_now(session, "--yes", args.confirm))
    if session.pending and (session.pending is not plan or not args.yes):
        code = 10
    return code
