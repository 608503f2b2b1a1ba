"""`shipmate journal`: what was proposed, approved, done and undone; whether the record is intact."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agent.cli.common import add_output, print_result, settings_from, tell_recovered

if TYPE_CHECKING:
    from agent.guard.journal import Journal, Record
    from tools.change import Json

_COLUMNS = ("seq", "at", "type", "plan", "step", "summary", "data")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["show", "export", "verify"], default="show", help="default: show")
    parser.add_argument("plan", nargs="?", metavar="ID", help="all about this plan (show, export)")
    parser.add_argument("--last", type=int, default=30, metavar="N", help="how many records to show (default 30)")
    parser.add_argument("--since", metavar="TIME", help="what is later only: 24h, 7d, or a date")
    parser.add_argument("--format", choices=["jsonl", "csv"], default="jsonl", help="of the export (default jsonl)")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    from agent.guard.undo import journal_of

    ctx = settings_from(args).open_context()
    journal = journal_of(ctx)
    if args.action == "verify":
        return _verify(journal, args.output)
    if args.action == "show":
        tell_recovered(ctx)
    records = _chosen(journal, args)
    if args.action == "export":
        _export(records, args.format)
        return 0
    if args.plan:
        print_result("\n\n".join(_in_full(record) for record in records), records, args.output)
        return 0
    records = records[-args.last :] if args.last > 0 else []
    print_result("\n".join(_line(record) for record in records) or "The journal is empty.", records, args.output)
    return 0


def _verify(journal: Journal, output: str) -> int:
    """0 for an intact chain, 1 for a broken one, whose first fault comes first."""
    problems = journal.verify()
    text = "\n".join(problems)
    if not problems:
        count = sum(1 for _ in journal.records())
        text = f"The journal is intact: {count} records, id {journal.id}." if count else "The journal is empty."
    print_result(text, problems, output)
    return 1 if problems else 0


def _chosen(journal: Journal, args: argparse.Namespace) -> list[Record]:
    """The records of the plan named (or the only one that starts so), and since the time given."""
    from datetime import datetime

    from agent.cli.moments import moment
    from tools.errors import NotFound

    records = list(journal.records())
    if args.plan:
        found = sorted({record["plan"] for record in records if record["plan"].startswith(args.plan)})
        if args.plan in found:
            found = [args.plan]
        if len(found) != 1:
            several = f"Several plans begin with {args.plan}: {', '.join(found)}."
            raise NotFound(
                several if found else f"The journal knows no plan {args.plan!r}.", "`shipmate journal` lists them."
            )
        records = [record for record in records if record["plan"] == found[0]]
    if args.since:
        start = moment(args.since)
        records = [record for record in records if datetime.fromisoformat(record["at"]) >= start]
    return records


def _export(records: Iterable[Record], form: str) -> None:
    """As they are, one a line; or as a table, with what is not in a column as JSON in the last."""
    if form == "jsonl":
        for record in records:
            print(json.dumps(record))
        return
    import csv

    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(_COLUMNS)
    for record in records:
        start = (record["seq"], record["at"], record["type"], record["plan"], record["step"])
        table.writerow((*start, _told(record["type"], record["step"], record["data"]), json.dumps(record["data"])))


def _line(record: Record) -> str:
    what = _told(record["type"], record["step"], record["data"])
    return f"{record['seq']:5}  {record['at'][:19]}  {record['plan'] or '-':8}  {what}"


def _in_full(record: Record) -> str:
    """One record with what it holds: the diffs of a proposal, the writes of an outcome."""
    data = record["data"]
    lines = [_line(record)]
    if aim := data.get("aim"):
        lines.append("aimed at: " + ", ".join(f"{key} {value}" for key, value in aim.items() if value))
    for number, step in enumerate(data.get("steps") or (), start=1):
        lines += [f"step {number}: {step['summary']}", *([step["diff"]] if step.get("diff") else [])]
    if record["type"] == "outcome":
        lines += [f"{one['method']} {one['path']}" for one in data.get("writes") or ()]
        lines += [f"{one['method']} {one['path']} (unanswered)" for one in data.get("unsure") or ()]
    if text := data.get("text"):
        lines += [] if text in lines[0] else [str(text)]
    return "\n        ".join(line for part in lines for line in part.splitlines())


def _told(type: str, step: int, data: dict[str, Json]) -> str:
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
        case "granted" | "revoked":
            return f"{what}: standing grant {_standing(data)}"
        case "repaired":
            return f"{what}: {data['torn_bytes']} bytes of a record that was cut off are set aside"
        case _:
            return what


def _standing(data: dict[str, object]) -> str:
    """Which standing grant: what it is for when it was given, by whom it was ended."""
    grant = data["grant"]
    if not isinstance(grant, dict):
        return f"{grant}, by {data['by']}"
    return f"{grant['id']}: {grant['verb']} {grant['kind'].lower()} in {grant['namespace'] or '-'}, by {grant['by']}"
