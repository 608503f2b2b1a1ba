"""Events as text on a terminal. Colour, boxes and the spinner only where there is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.status import Status
from rich.text import Text

from agent.events import (
    Answered,
    Asked,
    Errored,
    Event,
    PlanProposed,
    ProgressMade,
    StepApplied,
    Token,
    ToolFinished,
    ToolStarted,
)
from agent.guard.plan import Plan, Step
from tools.preview import Risk

_DIFF_LINES = 40
_RISK_STYLE = {Risk.LOW: "green", Risk.MEDIUM: "yellow", Risk.HIGH: "bold red"}
_LINE_STYLE = {"+": "green", "-": "red", "@": "cyan"}


class Screen:
    """Shows events as they come; remembers the exit code of the turn that ended last."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self.code = 0
        self._status: Status | None = None
        self._last_progress = ""
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
        match event:
            case Token(text=text):
                self._rest()
                self.console.print(escape(text), end="")
                self._writing = True
            case ToolStarted(tool=tool):
                self._busy(tool.replace("_", " "))
            case ToolFinished():
                self._rest()
            case ProgressMade(text=text, fraction=fraction):
                self._busy(f"{text} ({fraction:.0%})" if fraction is not None else text)
            case PlanProposed(plan=plan):
                self._rest()
                self.console.print(plan_card(plan))
            case StepApplied(status=status, text=text, verification=seen):
                self._rest()
                good = status == "applied" and (seen is None or seen.healthy)
                mark, style = ("✔", "green") if good else ("✘", "red")
                line = seen.text if seen else text
                self._told.add(line)
                self.console.print(f"[{style}]{mark}[/] {escape(line)}")
            case Asked(text=text, options=options):
                self._rest()
                self.code = 10
                self.console.print(f"[bold]{escape(text)}[/]")
                for option in options:
                    self.console.print(f"  · {escape(option)}")
            case Answered(text=text, code=code):
                self._rest()
                self.code = code
                self._answer(text)
            case Errored(message=message, next_step=next_step, code=code):
                self._rest()
                self.code = code
                self.errors.print(f"[red]{escape(message)}[/] {escape(next_step)}".rstrip())

    def _answer(self, text: str) -> None:
        """The answer, without the lines that the steps told already or that a model has just written."""
        if self._writing:
            self.console.print()
        else:
            lines = [line for line in text.splitlines() if line not in self._told]
            if lines or not self._told:
                self.console.print(Text("\n".join(lines)))
        self._writing = False
        self._told.clear()

    def _busy(self, text: str) -> None:
        if not self.console.is_terminal:
            if text != self._last_progress and sys.stderr:
                self.errors.print(f"… {escape(text)}")
            self._last_progress = text
            return
        if self._status is None:
            self._status = self.console.status("")
            self._status.start()
        self._status.update(f"[dim]{escape(text)}[/]")

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def plan_card(plan: Plan, whole: bool = False) -> RenderableType:
    """The card of a plan: where it goes, how it was read, what would change, what to know before the yes."""
    parts: list[RenderableType] = []
    if plan.reading:
        parts.append(Text(f"I read this as: {plan.reading}", style="italic"))
    for note in plan.notes:
        parts.append(Text(f"· {note}"))
    for number, step in enumerate(plan.steps, start=1):
        parts.extend(_step_lines(number, step, whole))
    return Panel(
        Group(*parts), title=Text(_title(plan)), title_align="left", border_style=_RISK_STYLE[plan.risk], padding=(0, 1)
    )


def _title(plan: Plan) -> str:
    aim = plan.aim
    where = f"context {aim.context} · namespace {aim.namespace} · as {aim.user}" if aim.context else "this machine"
    return f"Plan {plan.id} · {where} · risk {plan.risk}"


def _outline(diff: list[str]) -> list[str]:
    """A long diff in short: one line for each document in it, with how many lines come and go."""
    outline: list[str] = []
    before = name = ""
    added = removed = 0

    def close() -> None:
        if name:
            mark = "+" if before == "/dev/null" else "-" if name == "/dev/null" else "~"
            outline.append(f"{mark} {before if mark == '-' else name}  (+{added} -{removed})")

    for line in diff:
        if line.startswith("--- "):
            close()
            before, name, added, removed = line[4:], "", 0, 0
        elif line.startswith("+++ "):
            name = line[4:]
        else:
            added += line.startswith("+")
            removed += line.startswith("-")
    close()
    return outline


def _step_lines(number: int, step: Step, whole: bool) -> list[RenderableType]:
    preview = step.preview
    head = Text(f"{number}. {preview.summary}", style="bold")
    if preview.noop:
        return [head.append("  (already so)", style="dim")]
    lines: list[RenderableType] = [head]
    diff = preview.diff.splitlines()
    shown = diff if whole or len(diff) <= _DIFF_LINES else _outline(diff)
    lines += [Text(f"   {line}", style=_LINE_STYLE.get(line[:1], "")) for line in shown]
    if len(shown) < len(diff):
        lines.append(Text(f"   in all {len(diff)} lines of diff (answer show to see them)", style="dim"))
    lines += [Text(f"   ✘ {blocker}", style="bold red") for blocker in preview.blockers]
    lines += [Text(f"   ! {warning}", style="yellow") for warning in preview.warnings]
    if preview.provisional:
        lines.append(Text("   looked at again before it is applied, since it rests on an earlier step", style="dim"))
    lines.append(
        Text(f"   undo: {preview.undo}" if preview.undo else f"   cannot be undone: {preview.no_undo}", style="dim")
    )
    return lines
