"""`shipmate status`: what runs here and how it is."""

import argparse

from agent.cli.common import add_output, print_result, settings_from, tell_recovered


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="look at every namespace")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    from tools.workspace.overview import status

    ctx = settings_from(args).open_context()
    tell_recovered(ctx)
    result = status(ctx, all_namespaces=args.all_namespaces)
    print_result(result.text, result.data, args.output)
    return 0
