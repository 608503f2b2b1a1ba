"""The card of a plan: where it goes, how it was read, what would change, what to know before the yes."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from agent.cli.outline import outline
from agent.cli.plain import clean
from agent.guard.plan import Plan, Step
from agent.guard.policy.ruling import Decision, Ruling
from tools.preview import Risk

_LEAST_LINES = 12  # of diff for each step
_OTHER_LINES = 5  # beside the diff of a step
_LINE_LENGTH = 240
_RISK_STYLE = {Risk.LOW: "green", Risk.MEDIUM: "yellow", Risk.HIGH: "bold red"}
_DECISION_STYLE = {
    Decision.ALLOW: "dim", Decision.ASK: "yellow", Decision.CONFIRM: "yellow", Decision.DENY: "bold red",
}  # fmt: skip
_LINE_STYLE = {"+": "green", "-": "red", "@": "cyan", "~": "yellow"}


def plan_card(plan: Plan, *, whole: bool = False, boxed: bool = True, height: int = 64) -> RenderableType:
    """The card, in a frame where there is a terminal; `whole` leaves nothing out, else it fits `height` about."""
    lines = [(0, _where(plan))]
    if plan.reading:
        lines.append((0, Text(clean(f"I read this as: {plan.reading}"), style="italic")))
    lines += [(0, Text(clean(f"· {note}"))) for note in plan.notes]
    room = max(_LEAST_LINES, (height - len(lines) - _OTHER_LINES * len(plan.steps)) // max(1, len(plan.steps)))
    limit = sys.maxsize if whole else room
    how = "`show` shows them" if boxed else f"`shipmate plan show {plan.id}` shows them"
    for number, step in enumerate(plan.steps, start=1):
        lines += _step(number, step, limit, how)
    title = Text.assemble(f"Plan {plan.id} · risk ", (str(plan.risk), _RISK_STYLE[plan.risk]))
    if not boxed:  # a file or a pipe has no width: nothing is wrapped, cut or filled up
        return Text("\n").join([title, *(_indented(text, indent) for indent, text in lines)])
    style = _RISK_STYLE[plan.risk]
    parts = [Padding(text, (0, 0, 0, indent)) for indent, text in lines]
    return Panel(Group(*parts), title=title, title_align="left", border_style=style, padding=(0, 1), expand=False)


def _indented(text: Text, by: int) -> Text:
    return Text("\n").join(Text(" " * by).append_text(line) for line in text.split("\n", allow_blank=True))


def _where(plan: Plan) -> Text:
    aim = plan.aim
    if not aim.context:
        return Text("on this machine", style="bold")
    return Text.assemble(
        "context ", (clean(aim.context), "bold"), " · namespace ", (clean(aim.namespace), "bold"),
        (f" · as {clean(aim.user)}", "dim"),
    )  # fmt: skip


def _step(number: int, step: Step, limit: int, how: str) -> Iterator[tuple[int, Text]]:
    """What a step would do, line by line, each with its indent; `how` to see what is left out."""
    preview = step.preview
    head = Text(f"{number}. {clean(preview.summary)}", style="bold")
    if preview.noop:
        yield 0, head.append("  (already so)", style="not bold dim")
        return
    yield 0, head
    shown, hidden = outline(preview.diff, limit)
    if shown:
        diff = Text("\n").join(_diff_line(line) for line in shown)
        diff.overflow = "fold"
        yield 3, diff
    if hidden:
        yield _line(f"{hidden} more line{'s' if hidden > 1 else ''}; {how}", "dim")
    for blocker in preview.blockers:
        yield _line(f"✘ {blocker}", "bold red")
    for warning in preview.warnings:
        yield _line(f"! {warning}", "yellow")
    if told := _decided(step.ruling):
        yield _line(told, _DECISION_STYLE[step.ruling.decision])
    if preview.provisional:
        yield _line("looked at again before it is applied, since it rests on an earlier step", "dim")
    yield _line(f"undo: {preview.undo}" if preview.undo else f"cannot be undone: {preview.no_undo}", "dim")


def _decided(ruling: Ruling) -> str:
    """What the policy says about the step, where it says more than that it is asked about."""
    match ruling.decision:
        case Decision.DENY:
            return f"✘ denied by {ruling.told}"
        case Decision.CONFIRM:
            return f"! the name has to be typed, by {ruling.told}"
        case Decision.ASK if ruling.reason or ruling.each_time:
            return f"! asked about{' each time' if ruling.each_time else ''}, by {ruling.told}"
        case Decision.ALLOW:
            return f"allowed in auto mode by {ruling.told}"
        case _:
            return ""


def _diff_line(line: str) -> Text:
    text = clean(line)
    if len(text) > _LINE_LENGTH:
        text = f"{text[:_LINE_LENGTH]}… ({len(text) - _LINE_LENGTH} more)"
    return Text(text, style=_LINE_STYLE.get(line[:1], ""))


def _line(text: str, style: str) -> tuple[int, Text]:
    return 3, Text(clean(text), style=style)
