"""The command line's grammar: the global flags (before or after the command) and the chosen command's own."""

import argparse
from importlib import import_module

from agent import __version__


def global_flags(default: object = argparse.SUPPRESS) -> argparse.ArgumentParser:
    """The flags that every command takes. SUPPRESS keeps a command from resetting what stood before it."""
    flags = argparse.ArgumentParser(add_help=False, argument_default=default)
    group = flags.add_argument_group("global options")
    group.add_argument("--context", metavar="NAME", help="kubeconfig context (default: the current one)")
    group.add_argument("-n", "--namespace", metavar="NAME", help="namespace")
    group.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig file (default: KUBECONFIG, ~/.kube/config)")
    group.add_argument("--workspace", metavar="FOLDER", help="the folder with the sources (default: this one)")
    group.add_argument("--model", metavar="PROVIDER:NAME", help="chat model (default: the built-in planner)")
    group.add_argument("--mode", choices=["read-only", "dry-run", "ask"], help="how far Shipmate may go")
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return flags


def build(commands: dict[str, str], chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser; only the chosen command's module is imported for its own flags."""
    parser = argparse.ArgumentParser(
        prog="shipmate",
        description="A DevOps agent that you talk to. Without a command it opens the chat.",
        parents=[global_flags(None)],
        epilog='Example: shipmate ask "deploy backend with 3 replicas"',
    )
    parser.add_argument("--version", action="version", version=f"shipmate {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name, text in commands.items():
        command = subparsers.add_parser(name, help=text, description=text, parents=[global_flags()])
        if name == chosen:
            module = import_module(f"agent.cli.{name}")
            module.configure(command)
            command.set_defaults(run=module.run)
    return parser


def parse(words: list[str], commands: dict[str, str]) -> argparse.Namespace:
    """Parse the words; without a command it is `chat`. Exits with 2 on wrong usage, as argparse does."""
    chosen = next((word for word in words if word in commands), None)
    asks_help = any(word in ("-h", "--help") for word in words)
    if chosen is None and not asks_help:
        leading = build(commands).parse_known_args(words)[1] if words else []
        if not [word for word in leading if not word.startswith("-")]:
            words, chosen = ["chat", *words], "chat"
    args = build(commands, chosen).parse_args(words)
    args.debug = bool(args.debug)
    return args
