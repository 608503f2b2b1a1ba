"""`shipmate undo [PLAN]`: take back the last change, the last few, or the plan named; or do again what was undone."""

import argparse

from agent.cli.common import one_shot_settings, person_at_terminal


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", help="the plan to take back (default: the last one applied)")
    parser.add_argument("--last", type=int, metavar="N", default=1, help="take the last N plans back together")
    parser.add_argument("--redo", action="store_true", help="do again what was taken back last")
    parser.add_argument(
        "--others",
        choices=("ask", "keep", "overwrite"),
        default="ask",
        help="what others changed in the same place since",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="apply without asking")
    parser.add_argument("--confirm", metavar="NAME", default="", help="the name that a high-risk plan wants typed")


def run(args: argparse.Namespace) -> int:
    from agent.cli.dialogue import approve_now, decide, leave_waiting, watch
    from agent.cli.render import Screen
    from agent.session import Session

    person = person_at_terminal()
    session = Session.open(one_shot_settings(args, person))
    with Screen() as screen:
        screen.busy("")
        watch(session, screen, session.recover())
        watch(session, screen, session.undo(args.id, last=args.last, redo=args.redo, others=args.others))
        if session.pending and args.yes:
            watch(session, screen, approve_now(session, "--yes", args.confirm))
        elif session.pending and not person:
            leave_waiting(screen, session.pending)
        elif session.pending:
            request = decide(session, screen)
            if request:
                screen.hint(f'Nothing was changed. To ask for that: shipmate ask "{request}"')
        return screen.code
