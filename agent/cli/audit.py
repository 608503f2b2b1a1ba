"""`shipmate audit verify`: whether an API server's audit log and the journal tell the same."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.common import add_output, print_result, settings_from

if TYPE_CHECKING:
    from agent.guard.journal import Record
    from agent.guard.witness.audit_log import Event
    from agent.settings import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    text = "verify: match each write of Shipmate's in the log with the journal, both ways; 1 where they differ"
    parser.add_argument("action", choices=["verify"], help=text)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--audit-log", nargs="+", metavar="FILE", help="the log, rotated and packed parts too; - is standard input"
    )
    source.add_argument(
        "--built-in", nargs="?", const="shipmate", metavar="NAME", help="read it from the cluster that Shipmate made"
    )
    parser.add_argument("--since", metavar="TIME", help="look at what is later only: 24h, 7d, or a date")
    parser.add_argument("--journal", action="append", default=[], metavar="FILE", help="another journal to compare")
    parser.add_argument("--any-journal", action="store_true", help="let writes under journals not given here be")
    parser.add_argument("--user", action="append", default=[], metavar="NAME", help="an identity only for Shipmate")
    parser.add_argument("--cluster-uid", metavar="UID", help="whose log it is (default: the context's cluster)")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    from agent.cli.moments import moment
    from agent.guard.journal import Journal
    from agent.guard.undo import journal_of
    from agent.guard.witness.compare import SKEW, witness

    settings = settings_from(args)
    if args.built_in:
        settings = settings.model_copy(update={"context": args.built_in})
    ctx = settings.open_context()
    journals = [journal_of(ctx), *(Journal(_file(path)) for path in args.journal)]
    problems = [problem for journal in journals for problem in journal.verify()]
    read_at = datetime.now(UTC)
    report = witness(
        _events(args, moment(args.since) if args.since else None),
        *(journal.records() for journal in journals),
        until=read_at if args.built_in else None,
        skew=timedelta(0) if args.built_in else SKEW,
        cluster_uid=args.cluster_uid or _cluster(settings, journals[0].records()),
        users=args.user,
        others=None if args.any_journal else (),
        problems=problems,
    )
    print_result(report.text(), report.model_dump(mode="json"), args.output)
    return 1 if report.findings else 0


def _events(args: argparse.Namespace, since: datetime | None) -> Iterator[Event]:
    """The events of the log, as far as they may be Shipmate's."""
    from agent.guard.witness.audit_log import events_in, moment, read_events, words

    if args.built_in:
        from tools.provision.drivers import builtin

        found = events_in(builtin.audit_lines(args.built_in), words(*args.user), f"the audit log of {args.built_in}")
    else:
        found = read_events(args.audit_log, *args.user)
    return (event for event in found if since is None or moment(event) >= since)


def _cluster(settings: Settings, records: Iterator[Record]) -> str:
    """The uid of the context's cluster; where it cannot be asked, that of the only one in the journal."""
    from tools.errors import BadRequest, ShipmateError

    try:
        return settings.open_context().cluster.uid()
    except ShipmateError as error:
        aims: list[dict[str, Any]] = [one["data"].get("aim") or {} for one in records if one["type"] == "proposed"]
        known = {uid for aim in aims if (uid := aim.get("cluster_uid"))}
        if len(known) > 1:
            told = "The journal knows several clusters, and the one of this context cannot be asked"
            raise BadRequest(f"{told}: {error.message}", "Say by --cluster-uid whose log it is.") from error
        return known.pop() if known else ""


def _file(path: str) -> Path:
    from tools.errors import NotFound

    if not Path(path).is_file():
        raise NotFound(f"There is no journal {path}.", "Name a journal.jsonl of another Shipmate.")
    return Path(path)
