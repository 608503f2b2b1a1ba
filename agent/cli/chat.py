"""`shipmate`: the chat. The prompt shows at once; everything heavy is imported behind it."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession

from agent import __version__
from agent.cli.common import settings_from
from agent.cli.history import PrivateHistory
from agent.cli.names import NameCompleter
from agent.cli.reveal import asked, show
from agent.guard.hold import any_left
from tools.errors import BadRequest, ShipmateError

if TYPE_CHECKING:
    from agent.cli.render import Screen
    from agent.session import Session

_LEAVE = {"exit", "quit", "bye", ":q"}
_PROMPT = "› "


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--conversation", metavar="ID", help="go on with this conversation")


def run(args: argparse.Namespace) -> int:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadRequest("The chat needs a terminal.", 'For one request use: shipmate ask "…"')
    print(f"shipmate {__version__} · say what you need, or help · Tab completes names · Ctrl-D leaves")
    names = NameCompleter()
    threading.Thread(target=_prepare, args=(args, names), daemon=True).start()
    reader = PromptSession[str](
        history=PrivateHistory(_state() / "history"), completer=names, complete_while_typing=False
    )
    chat = Chat(args, names, reader)
    try:
        return chat.talk()
    finally:
        chat.close()


class Chat:
    """The read-show loop."""

    def __init__(self, args: argparse.Namespace, names: NameCompleter, reader: PromptSession[str]) -> None:
        self.args = args
        self.names = names
        self.reader = reader
        self.answers = PromptSession[str]()  # a yes or no does not belong into the history of requests
        self._session: Session | None = None

    def talk(self) -> int:
        """Take requests until the person leaves."""
        text = ""
        if any_left(_state()):
            self._turn("")  # says what became of a plan that was cut off, before anything else
        while True:
            try:
                with _interrupted_by_key_only():
                    text = text or self.reader.prompt(_PROMPT).strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                print("bye")
                return 0
            if text.lower() in _LEAVE:
                return 0
            text = self._turn(text) if text else ""

    def close(self) -> None:
        """End the session and what was permitted for it."""
        if self._session is not None:
            self._session.close()

    def _turn(self, text: str) -> str:
        """One request and, if it led to a plan, its decision; Ctrl-C stops what runs and keeps the chat.

        Returns the next request, when one was typed instead of an answer.
        """
        try:
            from agent.cli.render import Screen

            with Screen() as screen:
                try:
                    screen.busy("")
                    return self._handle(text, screen)
                except ShipmateError as error:
                    screen.fail(error.message, error.next_step)
                except KeyboardInterrupt:
                    screen.stopped()
                except Exception as error:
                    if self.args.debug:
                        raise
                    screen.fail(f"That met a bug in Shipmate ({type(error).__name__}: {error}).", "Nothing is lost; "
                                "`shipmate --debug` shows where.")  # fmt: skip
                finally:
                    screen.console.print()
        except KeyboardInterrupt:  # while the screen itself was being loaded
            print()
        return ""

    def _handle(self, text: str, screen: Screen) -> str:
        from agent.cli.dialogue import ANSWERS, decide, watch
        from agent.events import Noticed

        session = self._open()
        if wanted := asked(text):
            show(
                session.guard,
                wanted,
                lambda told: screen.show(Noticed(text=told)),
                lambda question: self._read(question, ""),
            )
            return ""
        if not text:
            watch(session, screen, session.recover())
            return ""
        answer = text if session.pending and text.lower() in ANSWERS else ""
        if not answer:
            watch(session, screen, session.send(text))
        return decide(session, screen, self._read, answer, lasting=True)

    def _open(self) -> Session:
        from agent.session import Session

        if self._session is None:
            self._session = Session.open(settings_from(self.args), self.args.conversation)
        return self._session

    def _read(self, question: str, start: str) -> str:
        with _interrupted_by_key_only():
            return self.answers.prompt(question, default=start)


@contextmanager
def _interrupted_by_key_only() -> Generator[None]:
    """While the editor shows, Ctrl-C is a key that it reads; the signal would only break it while it sets itself up."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _prepare(args: argparse.Namespace, names: NameCompleter) -> None:
    """Import what the first request needs while the person types it, and learn the names for completion."""
    with suppress(Exception):  # the request itself meets the same error, and tells it
        for module in ("agent.cli.dialogue", "agent.minds.planner.planner", "tools.kubernetes.door.client"):
            import_module(module)
        names.learn(settings_from(args).open_context())


def _state() -> Path:
    from tools.context import Context

    folder = Context().state
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
