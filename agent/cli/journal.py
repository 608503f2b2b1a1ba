"""`shipmate journal`: what was proposed, approved, done and undone; whether the record is intact."""

import argparse
import json

from agent.cli.common import add_output, print_result, settings_from, tell_recovered


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["show", "export", "verify"], default="show", help="default: show")
    parser.add_argument("--last", type=int, default=30, metavar="N", help="how many records to show (default 30)")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    from agent.guard.undo import journal_of

    ctx = settings_from(args).open_context()
    journal = journal_of(ctx)
    if args.action == "show":
        tell_recovered(ctx)
    if args.action == "export":
        for record in journal.records():
            print(json.dumps(record))
        return 0
    if args.action == "verify":
        problems = journal.verify()
        print_result("\n".join(problems) or "The journal is intact.", problems, args.output)
        return 1 if problems else 0
    records = list(journal.records())[-args.last :]
    lines = [
        f"{r['seq']:5}  {r['at'][:19]}  {r['plan'] or '-':8}  {_told(r['type'], r['step'], r['data'])}" for r in records
    ]
    print_result("\n".join(lines) or "The journal is empty.", records, args.output)
    return 0


def _told(type: str, step: int, data: dict[str, object]) -> str:
    """One record in a few words."""
    what = f"{type} step {step}" if step else type
    match type:
        case "proposed":
            return f"{what}: {data['request']}"
        case "approved":
            grant = data["grant"]
            return f"{what} by {grant['by']} ({grant['how']})" if isinstance(grant, dict) else what
        case "outcome":
            return f"{what}: {data['status']}"
        case "verified":
            return f"{what}: {data['text']}"
        case "resolved":
            return f"{what}: {data['status']}, seen after it was cut off"
        case "undone":
            return f"{what} by plan {data['by_plan']}"
        case _:
            return what
