"""What the conversation so far means for its next message, read off the turns; nothing is kept between calls."""

from __future__ import annotations

from dataclasses import replace

from agent.minds.mind import Call, Returned, Turn
from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Memory, Question, Step
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.talk.answering import subject_of
from agent.minds.planner.talk.trouble import trouble_in
from agent.minds.planner.talk.wording import worded
from tools.catalog import Effect, by_name

_TROUBLE_BACK = 40  # turns; mending takes several
_LOOK_BACK = 12  # turns; what was said long ago is not what "it" means


def remember(turns: list[Turn], facts: Facts) -> Memory:
    """Memory before the last turn, which is the person's new message."""
    past = turns[:-1][-_LOOK_BACK:]
    last: tuple[Step, ...] = ()
    plan = fate = ""
    for turn in past:
        if turn.role == "tools" and turn.returned:
            last = tuple(_step(entry.call) for entry in turn.returned)
        elif turn.role == "plan":
            plan, fate = turn.plan_id, turn.text
    done = (turn.plan_id for turn in turns[:-1] if turn.role == "plan" and turn.text not in ("proposed", "refused"))
    plans = tuple(dict.fromkeys(done))
    trouble = trouble_in(turns[:-1][-_TROUBLE_BACK:])
    found = trouble is not None and bool(last) and all(step.tool == "diagnose" for step in last)
    subject = trouble.subject if trouble and found else subject_of(last)
    before = Memory(last, subject, None, plan, fate, plans, trouble)
    return replace(before, question=_question(past, before, facts))


def _step(call: Call) -> Step:
    tool = by_name().get(call.tool)
    change = call.tool == "undo" or (tool is not None and tool.effect is Effect.CHANGE)
    return Step(call.tool, dict(call.arguments), worded(call.tool, call.arguments), change)


def _question(past: list[Turn], memory: Memory, facts: Facts) -> Question | None:
    """The question that the new message may answer: asked by a tool, or by reading the message before once more."""
    if not past or past[-1].role != "mind" or past[-1].calls:
        return None
    if len(past) > 1 and past[-2].role == "tools":
        return _of_tool(past[-2].returned)
    if not past[-1].options and "?" not in past[-1].text:
        return None
    index = next((i for i in range(len(past) - 1, -1, -1) if past[i].role == "person"), None)
    if index is None:
        return None
    meaning = interpret(past[index].text, facts, remember(past[: index + 1], facts))
    return meaning if isinstance(meaning, Question) and meaning.text == past[-1].text else None


def _of_tool(returned: tuple[Returned, ...]) -> Question | None:
    index = next((i for i, entry in enumerate(returned) if entry.error_kind == "NeedsAnswer"), None)
    if index is None:
        return None
    asked = returned[index]
    steps = tuple(_step(entry.call) for entry in returned)
    if not asked.slot:
        return None
    return Question(asked.error, asked.options, asked.slot, steps, index)
