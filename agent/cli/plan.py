"""`shipmate plan`: the plans that were proposed; show, approve or refuse one, or retry one that stopped."""

import argparse

from agent.cli.common import add_output, print_result, settings_from, tell_recovered


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=["list", "show", "approve", "refuse", "retry"],
        default="list",
        help="default: list",
    )
    parser.add_argument("id", nargs="?", help="the plan's id (its beginning is enough)")
    parser.add_argument("--confirm", metavar="NAME", default="", help="the name that a high-risk plan wants typed")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    from agent.session import Session
    from tools.errors import BadRequest

    session = Session.open(settings_from(args))
    tell_recovered(session.ctx)
    if args.action == "list":
        plans = session.store.plans()
        lines = [f"{plan.id}  {status:9}  {plan.created:%Y-%m-%d %H:%M}  {plan.request}" for plan, status in plans]
        data = [{"id": plan.id, "status": status, "request": plan.request} for plan, status in plans]
        print_result("\n".join(lines) or "No plans yet.", data, args.output)
        return 0
    if not args.id:
        raise BadRequest(f"`shipmate plan {args.action}` needs the plan's id.", "`shipmate plan` lists them.")
    plan = session.stored_plan(args.id)
    from agent.cli.dialogue import approve_now, watch
    from agent.cli.render import Screen

    with Screen() as screen:
        if args.action == "approve":
            session.pending = plan
            watch(session, screen, approve_now(session, "shipmate plan approve", args.confirm))
        elif args.action == "retry":
            watch(session, screen, session.retry(plan))
            if session.pending:
                screen.hint(f"What is left looks different now: shipmate plan approve {session.pending.id}")
                screen.code = 10
        elif args.action == "refuse":
            screen.show(session.refuse(plan))
        elif args.output == "text":
            screen.card(plan, whole=True)
        else:
            print_result("", plan.model_dump(mode="json"), args.output)
        return screen.code
