"""`shipmate doctor`: what is here, what is missing, and how to mend it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from agent.cli.common import add_output, print_result

if TYPE_CHECKING:
    from tools.provision.doctor import Result, Surroundings

_SIGNS = {"ok": "✓", "warning": "!", "failed": "✗", "unknown": "?"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fix", action="store_true", help="mend what can be mended from here, after a yes")
    parser.add_argument("--yes", action="store_true", help="with --fix: do not ask")
    parser.add_argument("--only", nargs="+", default=[], metavar="CHECK", help="just these checks")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    """0 when everything that is required is well, else 1."""
    from agent.cli.steps import show
    from tools.provision.doctor import Surroundings, examine

    where = Surroundings(args.kubeconfig, args.context, args.namespace)
    results = show(examine(args.only, where))
    if args.fix:
        results = [_mend(result, where, args.yes) for result in results]
    text = "\n".join(_line(result) for result in results)
    print_result(text, [result.as_data() for result in results], args.output)
    return 1 if any(result.bad for result in results) else 0


def _mend(result: Result, where: Surroundings, yes: bool) -> Result:
    """Mend one result if that is needed, possible and wanted; what was mended before may have mended this one too."""
    from agent.cli.steps import show
    from tools.provision.doctor import look, mend

    if result.seen.verdict in ("failed", "unknown"):
        result = look(result.check, where)
    how = result.seen.mend
    if result.seen.verdict not in ("failed", "unknown") or how is None or how.work is None:
        return result
    if not yes and not _confirmed(f"{result.check.name}: {result.seen.found}. Run `{how.command}`?"):
        return result
    return show(mend(result, where))


def _confirmed(question: str) -> bool:
    """Ask on a terminal; without one the answer is no."""
    if not sys.stdin.isatty():
        print(f"{question} Not without --yes.", file=sys.stderr)
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _line(result: Result) -> str:
    seen = result.seen
    text = f"{_SIGNS[seen.verdict]} {result.check.name:<9}{seen.found}"
    if seen.verdict != "ok":
        text += f"\n            needed for {result.check.needed_for}"
        if seen.mend:
            text += f"\n            mend: {seen.mend.command}"
    return text
