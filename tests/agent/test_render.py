"""What is shown of events: nothing lost in a pipe, nothing obeyed by a terminal, nothing told twice."""

from __future__ import annotations

import io

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from agent.cli.render import Screen
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
    ToolStarted,
)
from agent.guard.plan import Aim, Plan, Step
from tools.change import Ref, Scale
from tools.preview import Preview, Verification

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b1A\r\u202e"
LONG = "word " * 60 + "x" * 400


def show(*events: Event, terminal: bool = False, width: int = 60) -> tuple[str, str]:
    """(standard output, standard error) after these events."""
    out, err = io.StringIO(), io.StringIO()
    how = {"force_terminal": terminal, "width": width, "highlight": False, "soft_wrap": not terminal}
    with Screen(Console(file=out, **how), Console(file=err, **how)) as screen:
        for event in events:
            screen.show(event)
    return out.getvalue(), err.getvalue()


def plan(text: str) -> Plan:
    preview = Preview(
        summary=text, diff=f"--- {text}\n+++ {text}\n+{text}", warnings=(text,), blockers=(text,), undo=text
    )
    change = Scale(
        ref=Ref(api_version="apps/v1", kind="Deployment", namespace="a", name="web"), replicas=2, summary="s"
    )
    aim = Aim(context=text, namespace=text, user=text)
    return Plan(request=text, reading=text, aim=aim, steps=(Step(change=change, preview=preview),), notes=(text,))


def every_event(text: str) -> list[Event]:
    return [
        ToolStarted(call_id="1", tool=text, arguments={}),
        ProgressMade(text=text, fraction=0.5),
        PlanProposed(plan=plan(text), awaits=True),
        StepApplied(plan_id="1", step=1, status="applied", text=text),
        StepApplied(
            plan_id="1", step=1, status="applied", text=text, verification=Verification(healthy=False, text=text)
        ),
        StepApplied(plan_id="1", step=1, status="unknown", text=text),
        Answered(text=f"{text} end"),
        Token(text=text),
        Answered(text=text),
        Asked(text=text, options=(text,)),
        Noticed(text=text),
        Errored(message=text, next_step=text),
    ]


def test_no_event_commands_the_terminal() -> None:
    for terminal in (False, True):
        for event in every_event(EVIL):
            for text in show(event, terminal=terminal):
                assert "\x1b]" not in text
                assert "\x1b[2J" not in text
                assert not set(text) & {"\x07", "\x9b", "\u202e"}


def test_a_pipe_gets_whole_lines_without_colour_or_frame() -> None:
    for event in every_event(LONG):
        text = "".join(show(event))
        assert LONG.strip() in text or "more)" in text
        assert "\x1b" not in text
        assert not set(text) & set("│╭╰─")


def test_lines_stay_where_they_were_and_go_on_under_their_beginning() -> None:
    text = "One:\n\n   two " + "word " * 20
    shown = show(Answered(text=text), terminal=True, width=60)[0].splitlines()
    assert shown[:2] == ["One:", ""]
    assert all(line.startswith("   ") and line[3] != " " for line in shown[2:])
    assert len(shown) > 3


def test_markup_in_text_is_text() -> None:
    assert "[red]a[/red] [bold]" in show(Answered(text="[red]a[/red] [bold]"))[0]
    assert "[/]" in show(Errored(message="[/]"))[1]


def test_each_progress_is_told_once_and_on_the_error_stream() -> None:
    steps = [ProgressMade(text=text, fraction=part / 10) for part in range(10) for text in ("building", "waiting")]
    out, err = show(*steps)
    assert out == ""
    assert err == "… building\n… waiting\n"


def test_what_a_step_told_the_answer_does_not_repeat() -> None:
    seen = Verification(healthy=True, text="Deployment web: 2 of 2 replicas ready.")
    step = StepApplied(plan_id="1", step=1, status="applied", text="scaled", verification=seen)
    out, _ = show(step, Answered(text=seen.text))
    assert out.count("replicas ready") == 1


def test_a_written_answer_is_not_repeated() -> None:
    out, _ = show(Token(text="All is "), Token(text="well."), Answered(text="All is well."))
    assert out == "All is well.\n"


def test_a_frame_is_as_wide_as_the_terminal_at_most() -> None:
    out, _ = show(PlanProposed(plan=plan(LONG + " 部署" * 50), awaits=True), terminal=True, width=60)
    plain = [line for line in Console(width=200).render_str(out).plain.splitlines() if line]
    assert all(cell_len(Text.from_ansi(line).plain) <= 60 for line in plain)
