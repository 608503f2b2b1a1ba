"""The command line's grammar: the global flags (before or after the command) and the chosen command's own."""

from __future__ import annotations

import argparse
from importlib import import_module

from agent import __version__

GLOBAL = {
    "--context": ("NAME", "kubeconfig context (default: the current one)"),
    "--namespace": ("NAME", "namespace"),
    "--kubeconfig": ("FILE", "kubeconfig file (default: KUBECONFIG, ~/.kube/config)"),
    "--workspace": ("FOLDER", "the folder with the sources (default: this one)"),
    "--model": ("PROVIDER:NAME", "chat model (default: the built-in planner)"),
    "--mode": ("MODE", "how far Shipmate may go: read-only, dry-run, ask or auto"),
    "--policy": ("FILE", "a policy file besides the usual ones; the strictest counts"),
}
_SHORT = {"-n": "--namespace"}
MODES = ["read-only", "dry-run", "ask", "auto"]


def parse(words: list[str], commands: dict[str, str]) -> argparse.Namespace:
    """Parse the words; without a command it is `chat`. Exits with 2 on wrong usage, as argparse does."""
    place = _place_of_command(words)
    before, name, after = words[:place], "".join(words[place : place + 1]), words[place + 1 :]
    top = _top(commands)
    args = top.parse_args(before)
    if name == "help":
        top.parse_args(["--help"])
    if name and name not in commands:
        top.error(_unknown(name, after, commands))
    name = name or "chat"
    module = import_module(f"agent.cli.{name}")
    command = argparse.ArgumentParser(
        prog=f"shipmate {name}", description=commands[name], parents=[_global_flags()], allow_abbrev=False
    )
    module.configure(command)
    command.set_defaults(run=module.run)
    # Flags may stand between words, except where a command has actions with flags of their own.
    read = command.parse_args if getattr(module, "HAS_ACTIONS", False) else command.parse_intermixed_args
    missing = {name.removeprefix("--"): None for name in GLOBAL}
    return argparse.Namespace(**{"debug": False, **missing, **vars(args), **vars(read(after))})


def _top(commands: dict[str, str]) -> argparse.ArgumentParser:
    """The parser of what stands before the command; its help lists the commands."""
    width = max(map(len, commands))
    return argparse.ArgumentParser(
        prog="shipmate",
        usage="shipmate [OPTIONS] [COMMAND …]",
        description="A DevOps agent that you talk to. Without a command it opens the chat.\n\ncommands:\n"
        + "\n".join(f"  {name:{width}}  {text}" for name, text in commands.items()),
        epilog='`shipmate COMMAND --help` tells more. Example: shipmate ask "deploy backend with 3 replicas"',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_global_flags(version=True)],
        allow_abbrev=False,
    )


def _global_flags(version: bool = False) -> argparse.ArgumentParser:
    """The flags that every command takes. What is not given is not set, so that what stood before it stays."""
    flags = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = flags.add_argument_group("global options")
    for name, (metavar, text) in GLOBAL.items():
        short = [key for key, value in _SHORT.items() if value == name]
        choices = MODES if name == "--mode" else None
        group.add_argument(*short, name, metavar=metavar, choices=choices, help=text)
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
    if version:
        group.add_argument("--version", action="version", version=f"shipmate {__version__}")
    return flags


def _place_of_command(words: list[str]) -> int:
    """Where the command stands: the first word that is neither a flag nor a flag's value."""
    place = 0
    while place < len(words):
        word = words[place]
        if not word.startswith("-"):
            return place
        place += 2 if word in GLOBAL or word in _SHORT else 1
    return place


def _unknown(name: str, after: list[str], commands: dict[str, str]) -> str:
    """What to type instead: the command that was meant, or the request as `ask`."""
    from difflib import get_close_matches

    request = " ".join([name, *(word for word in after if not word.startswith("-"))])
    if " " not in request and (near := get_close_matches(name, commands, 1)):
        return f"there is no command {name!r}. Did you mean: shipmate {near[0]}"
    return f'there is no command {name.split()[0]!r}. To ask for it: shipmate ask "{request}"'
