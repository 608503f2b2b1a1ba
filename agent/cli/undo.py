"""`shipmate undo [PLAN]`: take back the last change, or the plan named."""

import argparse
import sys

from agent.cli.common import one_shot_settings


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", help="the plan to take back (default: the last one applied)")
    parser.add_argument("-y", "--yes", action="store_true", help="apply without asking")
    parser.add_argument("--confirm", metavar="NAME", default="", help="the name that a high-risk plan wants typed")


def run(args: argparse.Namespace) -> int:
    from agent.cli.dialogue import decide
    from agent.cli.render import Screen
    from agent.session import Session

    person = sys.stdin.isatty() and sys.stdout.isatty()
    session = Session.open(one_shot_settings(args, person))
    with Screen() as screen:
        for event in session.undo(args.id):
            screen.show(event)
        if session.pending:
            decide(session, screen, yes=args.yes, typed=args.confirm)
        return screen.code
