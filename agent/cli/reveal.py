"""`shipmate reveal SECRET [KEY]`: show one value of a Secret on this terminal, after its name was typed.

The value goes to the terminal alone: on its second screen, which leaves nothing in the scrollback, never to standard
output, an event, a record or a model.
"""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.common import person_at_terminal, settings_from
from agent.cli.plain import clean
from tools.errors import BadRequest, Refused

if TYPE_CHECKING:
    from agent.guard.guard import Guard

_SECOND_SCREEN, _BACK = "\x1b[?1049h\x1b[2J\x1b[H", "\x1b[2J\x1b[?1049l"
_NAME, _KEY = r"(?P<name>[a-z0-9][a-z0-9.-]*)", r"(?P<key>[\w.-]+)"
_IN = r"(?: (?:in|from) (?:the )?(?:namespace )?(?P<namespace>[a-z0-9-]+)(?: namespace)?)?"
_VERB = r"(?:please )?(?:reveal|show|print|tell|give)(?: me)? (?:the )?"
_ORDERS = [
    re.compile(
        rf"{_VERB}(?:value of )?(?:the )?(?:key )?{_KEY}(?: value)? (?:in|of|from) (?:the )?secret[/ ]{_NAME}{_IN}",
        re.I,
    ),
    re.compile(rf"reveal (?:the )?secret[/ ]{_NAME}(?: (?!in |from ){_KEY})?{_IN}", re.I),
]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("secret", help="its name, such as db or secret/db")
    parser.add_argument("key", nargs="?", help="which of its values (needed where it has several)")


def asked(text: str) -> tuple[str, str | None, str | None] | None:
    """Which value (Secret, key, namespace) a request in the chat wants revealed; None when it is another request."""
    for order in _ORDERS:
        if found := order.fullmatch(text.strip().rstrip(".?!")):
            return found["name"], found["key"], found["namespace"]
    return None


def run(args: argparse.Namespace) -> int:
    from agent.guard.guard import Guard
    from agent.guard.undo import journal_of
    from agent.store.sqlite import Store

    if not person_at_terminal():
        raise Refused("A value is revealed on a terminal only, to the person at it.", "Run it without a pipe.")
    settings = settings_from(args)
    ctx = settings.open_context()
    guard = Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"), settings.mode, settings.policy)
    name = args.secret.removeprefix("secret/").removeprefix("secrets/")
    show(guard, (name, args.key, settings.namespace), lambda text: print(clean(text)))
    return 0


def show(
    guard: Guard,
    wanted: tuple[str, str | None, str | None],
    tell: Callable[[str], None],
    read: Callable[[str], str] = input,
) -> None:
    """Ask for the Secret's name, then show the value until Enter is pressed."""
    from agent.guard.reveal import check_may_reveal, reveal
    from tools.kubernetes.look.reveal import find_hidden

    check_may_reveal(guard)
    hidden = find_hidden(guard.ctx, *wanted)
    check_may_reveal(guard, hidden)
    tell(f"{hidden.key} of {hidden.ref}, context {guard.ctx.cluster.context}. The journal records that it is revealed.")
    try:
        typed = read(f"Type {hidden.ref.name} to see its value: ").strip()
        _flash(reveal(guard, hidden, typed, getpass.getuser()), read)
    except EOFError:
        raise Refused("Nothing was revealed.") from None


def _flash(value: str, read: Callable[[str], str]) -> None:
    try:
        terminal = Path("/dev/tty").open("w", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed below
    except OSError as error:
        raise BadRequest("There is no terminal to show it on.") from error
    with terminal:
        terminal.write(f"{_SECOND_SCREEN}{clean(value)}\n\n")
        terminal.flush()
        try:
            read("Enter hides it again. ")
        finally:
            terminal.write(_BACK)
    print("Shown and hidden again.", file=sys.stderr)
