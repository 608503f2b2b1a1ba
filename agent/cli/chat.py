"""`shipmate`: the chat. The prompt shows at once; everything heavy is imported behind it."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory

from agent import __version__
from agent.cli.common import settings_from

_LEAVE = {"exit", "quit", "bye", ":q"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--conversation", metavar="ID", help="go on with this conversation")


def run(args: argparse.Namespace) -> int:
    if not sys.stdin.isatty():
        from tools.errors import BadRequest

        raise BadRequest("The chat needs a terminal.", 'For one request use: shipmate ask "…"')
    print(f"shipmate {__version__} · say what you need, or help · Ctrl-D leaves")
    threading.Thread(target=_import_ahead, daemon=True).start()
    names = NameCompleter()
    reader = PromptSession[str](history=FileHistory(str(_history_file())), completer=names, complete_while_typing=False)
    conversation = Chat(args, names, reader)
    return conversation.talk()


class Chat:
    """The read-show loop."""

    def __init__(self, args: argparse.Namespace, names: NameCompleter, reader: PromptSession[str]) -> None:
        self.args = args
        self.names = names
        self.reader = reader
        self.answers = PromptSession[str]()  # a yes or no does not belong into the history of requests
        self._session = None

    def talk(self) -> int:
        """Take requests until the person leaves."""
        waiting = ""
        while True:
            try:
                text = waiting or self.reader.prompt("› ").strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                print("bye")
                return 0
            waiting = ""
            if not text:
                continue
            if text.lower() in _LEAVE:
                return 0
            waiting = self._turn(text)

    def _turn(self, text: str) -> str:
        """One request and, if it led to a plan, its decision; Ctrl-C stops what runs and keeps the chat."""
        from agent.cli.dialogue import decide
        from agent.cli.render import Screen
        from agent.session import Session
        from tools.errors import ShipmateError

        with Screen() as screen:
            try:
                if self._session is None:
                    self._session = Session.open(settings_from(self.args), self.args.conversation)
                    self.names.serve(self._session)
                session = self._session
                for event in session.send(text):
                    screen.show(event)
                if session.pending:
                    return decide(session, screen, read=lambda ask, start: self.answers.prompt(ask, default=start))
            except KeyboardInterrupt:
                screen.errors.print("[yellow]Stopped.[/] `shipmate journal` shows what was done so far.")
            except EOFError:
                pass
            except ShipmateError as error:
                screen.errors.print(f"[red]{error.message}[/] {error.next_step}")
        return ""


class NameCompleter(Completer):
    """Completes the names of components and workloads; looks them up once a session exists, and never blocks."""

    def __init__(self) -> None:
        self._words: set[str] = set()

    def serve(self, session: object) -> None:
        """Learn the names in the background."""
        threading.Thread(target=self._learn, args=(session,), daemon=True).start()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        typed = document.get_word_before_cursor(WORD=True)
        for word in sorted(self._words):
            if typed and word.startswith(typed):
                yield Completion(word, start_position=-len(typed))

    def _learn(self, session: object) -> None:
        from agent.session import Session
        from tools.errors import ShipmateError

        if not isinstance(session, Session):
            return
        ctx = session.ctx
        self._words |= set(ctx.workspace.components)
        try:
            for name in ("deployments", "statefulsets", "daemonsets", "namespaces"):
                kind = ctx.cluster.kinds.resolve(name)
                self._words |= {item["metadata"]["name"] for item in ctx.cluster.list(kind, metadata_only=True)}
        except ShipmateError:
            return


def _import_ahead() -> None:
    for module in ("agent.cli.render", "agent.session", "kubernetes.client"):
        import_module(module)


def _history_file() -> Path:
    from tools.context import Context

    folder = Context().state
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / "history"
