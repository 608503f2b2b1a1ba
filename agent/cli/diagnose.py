"""`shipmate diagnose`: what is wrong and why, for people, scripts and CI."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from agent.cli.common import print_result, settings_from
from agent.cli.findings.levels import LEVELS, verdict

if TYPE_CHECKING:
    from agent.cli.findings.picture import Line
    from agent.cli.findings.watching import Difference
    from tools.context import Context
    from tools.kubernetes.diagnose.run import Diagnosis

_EXITS = """\
exit codes:
  0  nothing found at the level of --fail-on or above, and everything could be checked
  1  something was found at that level
  2  wrong usage, or a target or namespace that does not exist
  3  the cluster cannot be reached
  4  nothing was found, but not everything could be checked (0 with --allow-unchecked)
 70  a bug in Shipmate itself
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXITS
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="NAME or KIND/NAME; without one, all there is")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="look at every namespace")
    formats = ["text", "json", "yaml", "sarif", "junit"]
    parser.add_argument("-o", "--output", choices=formats, default="text", help="output format")
    levels = list(reversed(LEVELS.values()))
    parser.add_argument("--fail-on", choices=levels, default="warning", help="from which level on it ends with 1")
    parser.add_argument("--allow-unchecked", action="store_true", help="end with 0 though something was not checked")
    parser.add_argument("--watch", action="store_true", help="look again and again; tell what is new and what is gone")
    parser.add_argument("--every", type=_seconds, default=10.0, metavar="SECONDS", help="pause between looks (10)")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 1 to 86400")
    return value


def run(args: argparse.Namespace) -> int:
    from tools.errors import BadRequest

    if args.all_namespaces and args.namespace:
        raise BadRequest("-A and -n contradict each other.", "Give one of them.")
    if args.watch and args.output in ("sarif", "junit"):
        raise BadRequest(f"{args.output} is one document, which --watch would never end.", "Use -o text or json.")
    ctx = settings_from(args).open_context()
    if args.watch:
        return _watch(ctx, args)
    found = _look(ctx, args)
    _print(found, args)
    return verdict(found.findings, found.unchecked, args.fail_on, args.allow_unchecked)


def _look(ctx: Context, args: argparse.Namespace) -> Diagnosis:
    """One look. A name that could mean several things is a usage error here: nobody is there to be asked.

    Raises BadRequest, or Unreachable where nothing at all can be read.
    """
    from tools.errors import BadRequest, Failed, Forbidden, NeedsAnswer, Unreachable
    from tools.kubernetes.diagnose.run import examine

    space = None if args.all_namespaces else ctx.namespace or ctx.cluster.namespace
    try:
        return examine(ctx, args.targets, space)
    except NeedsAnswer as question:
        raise BadRequest(question.message, f"One of: {', '.join(question.options)}.") from question
    except (Forbidden, Failed) as error:  # not even the kinds that there are could be asked for
        raise Unreachable(error.message, error.next_step) from error


def _print(found: Diagnosis, args: argparse.Namespace) -> None:
    match args.output:
        case "sarif":
            from agent.cli.findings.sarif import sarif
            from tools.kubernetes.diagnose.run import meanings

            print(json.dumps(sarif(found.findings, found.unchecked, meanings()), indent=2))
        case "junit":
            from agent.cli.findings.junit import junit

            print(junit(*found, fail_on=args.fail_on, allow_unchecked=args.allow_unchecked), end="")
        case "text":
            from agent.cli.findings.picture import picture

            _show(picture(*found))
        case _:
            print_result("", _data(found, args), args.output)


def _data(found: Diagnosis, args: argparse.Namespace) -> dict[str, Any]:
    from tools.kubernetes.diagnose.report import finding_data

    code = verdict(found.findings, found.unchecked, args.fail_on, args.allow_unchecked)
    return {
        "place": found.place,
        "healthy": verdict(found.findings, found.unchecked, "warning", False) == 0,
        "complete": not found.unchecked,
        "exitCode": code,
        "findings": [finding_data(finding) for finding in found.findings],
        "unchecked": dict(found.unchecked),
        "read": dict(found.counts),
    }


def _show(lines: Iterable[Line]) -> None:
    """In colours on a terminal only."""
    if not sys.stdout.isatty():
        print("\n".join(line.text for line in lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(Text(line.text, style=line.style))


def _watch(ctx: Context, args: argparse.Namespace) -> int:
    """Until it is interrupted; a cluster that cannot be reached for a while is told and waited for."""
    import time

    from agent.cli.findings.watching import Watch
    from agent.cli.plain import clean
    from tools.errors import Unreachable

    found = _look(ctx, args)
    watch = Watch()
    watch.look(found.findings, found.unchecked)
    _first(found, args)
    while True:
        sys.stdout.flush()
        time.sleep(args.every)
        try:
            found = _look(ctx, args)
        except Unreachable as error:
            print(f"shipmate: {clean(str(error))}", file=sys.stderr, flush=True)
            continue
        _tell(watch.look(found.findings, found.unchecked), args.output)


def _first(found: Diagnosis, args: argparse.Namespace) -> None:
    if args.output == "text":
        _print(found, args)
    else:
        _document({"event": "first", **_data(found, args)}, args.output)


def _tell(difference: Difference, output: str) -> None:
    """What changed: a few lines, or one document for a program."""
    if not difference:
        return
    if output != "text":
        from tools.kubernetes.diagnose.report import finding_data

        shown = ("new", "gone", "lost")
        parts = {name: [finding_data(item) for item in getattr(difference, name)] for name in shown}
        more = {"unreadable": difference.unreadable, "readable": difference.readable}
        _document({"event": "change", **parts, **more}, output)
        return
    from datetime import datetime

    from agent.cli.findings.picture import Line, card, not_checked

    lines = [Line(""), Line(f"── {datetime.now().astimezone():%H:%M:%S}", "dim")]
    for finding in difference.new:
        lines += [Line("new:", "bold"), *card(finding)]
    lines += [Line(f"gone: {item.id} · {item.subject}", "green") for item in difference.gone]
    lines += [Line(f"out of sight: {item.id} · {item.subject}", "yellow") for item in difference.lost]
    lines += not_checked(difference.unreadable)
    lines += [Line(f"can be checked again: {kind}", "green") for kind in difference.readable]
    _show(lines)


def _document(data: dict[str, Any], output: str) -> None:
    """One line of JSON, or one YAML document."""
    if output == "json":
        print(json.dumps(data, default=str))
    else:
        print("---")
        print_result("", data, output)
