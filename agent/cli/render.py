"""Events as text on a terminal. Colour, frames and the spinner only where there is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from agent.cli.card import plan_card
from agent.cli.plain import clean
from agent.events import (
    Answered,
    Asked,
    Errored,
    Event,
    Noticed,
    PlanProposed,
    ProgressMade,
    StepApplied,
    Token,
    ToolFinished,
    ToolStarted,
)
from agent.guard.plan import Plan

if TYPE_CHECKING:
    from rich.status import Status


_SHORTEST, _LONGEST = 20, 100  # lines of a plan's card


class Screen:
    """Shows events as they come; `code` is the exit code of the turn that ended last.

    Everything that it prints goes through `clean`: text from a cluster is shown, never obeyed by the terminal.
    """

    def __init__(self, console: Console | None = None, errors: Console | None = None) -> None:
        self.console = console or _console(sys.stdout)
        self.errors = errors or _console(sys.stderr)
        self.code = 0
        self._status: Status | None = None
        self._reported: set[str] = set()
        self._writing = False
        self._told: set[str] = set()

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rest()

    def show(self, event: Event) -> None:
        """Show one event."""
        if not isinstance(event, (ToolStarted, ProgressMade)):
            self._rest()
        match event:
            case Token(text=text):
                self.console.print(Text(clean(text)), end="")
                self._writing = True
            case ToolStarted(tool=tool):
                self.busy(tool.replace("_", " "))
            case ToolFinished():
                self.busy("")
            case ProgressMade(text=text, fraction=fraction):
                self.busy(text, fraction)
            case PlanProposed(plan=plan):
                self.card(plan)
            case StepApplied():
                self._step(event)
            case Asked(text=text, options=options):
                self.code = 10
                self._answer("\n".join((text, *(f"  · {option}" for option in options))), "bold")
            case Answered(text=text, code=code):
                self.code = code
                self._answer(text)
            case Noticed(text=text):
                self.errors.print(Text(clean(text), style="yellow"))
            case Errored(message=message, next_step=next_step, code=code):
                self.code = code
                self.fail(message, next_step)

    def card(self, plan: Plan, whole: bool = False) -> None:
        """Show what the plan would do."""
        boxed = self.console.is_terminal
        height = max(_SHORTEST, self.console.height - 4) if boxed else _LONGEST
        self.console.print(plan_card(plan, whole=whole, boxed=boxed, height=height), soft_wrap=not boxed)

    def fail(self, message: str, next_step: str = "") -> None:
        """Say what went wrong and what to do about it, on the error stream."""
        self._rest()
        self.errors.print(Text.assemble((clean(message), "red"), f" {clean(next_step)}" if next_step else ""))

    def hint(self, text: str) -> None:
        """Say how to go on, on the error stream."""
        self.errors.print(Text(clean(text), style="dim"))

    def stopped(self) -> None:
        """Say that the person's Ctrl-C was heard."""
        self._rest()
        self.errors.print(Text("Stopped.", style="yellow"))

    def busy(self, text: str, fraction: float | None = None) -> None:
        """Show that work goes on: a spinner on a terminal, elsewhere each new text once, on the error stream."""
        if not self.console.is_terminal:
            if text and text not in self._reported:
                self._reported.add(text)
                self.errors.print(Text(f"… {clean(text)}"))
            return
        share = f" {fraction:.0%}" if fraction is not None else ""
        line = Text(clean(text).replace("\n", " "), style="dim")
        line.truncate(max(10, self.console.width - 4 - len(share)), overflow="ellipsis")
        line.append(share)
        if self._status is None:
            self._status = self.console.status(line)
            self._status.start()
        else:
            self._status.update(line)

    def _step(self, event: StepApplied) -> None:
        """One line: applied and healthy, applied and not healthy, failed, or unknown."""
        seen = event.verification
        good = event.status == "applied" and (seen is None or seen.healthy)
        mark, style = ("✔", "green") if good else ("?", "yellow") if event.status == "unknown" else ("✘", "red")
        line = seen.text if seen else event.text
        self._told.add(line)
        self.console.print(Text.assemble((mark, style), f" {clean(line)}"))

    def _answer(self, text: str, style: str = "") -> None:
        """The answer, without the lines that the steps told already or that a model has just written."""
        if self._writing:
            self.console.print()
        else:
            lines = [line for line in text.splitlines() if line not in self._told]
            if lines or not self._told:
                self._lines(lines, style)
        self._writing = False
        self._told.clear()

    def _lines(self, lines: list[str], style: str) -> None:
        """Lines of text; on a terminal what does not fit goes on under the line's own beginning."""
        if not self.console.is_terminal:
            self.console.print(Text(clean("\n".join(lines)), style=style))
            return
        for line in lines or [""]:
            text = clean(line).expandtabs()
            indent = len(text) - len(text.lstrip())
            words = Text(text[indent:], style=style)
            self.console.print(Padding(words, (0, 0, 0, indent), expand=False) if indent else words)

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def _console(stream: TextIO) -> Console:
    """Lines are wrapped between words on a terminal, and left as they are for a file or a pipe."""
    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty())
