"""Every wording of the corpora comes to exactly the calls that it must come to, and the real tools take them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.minds.mind import Ask, Calls, Say
from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation, Meaning, Question, Reply
from tests.agent.planner.conftest import FACTS, TOOLS, Talk
from tools.catalog import by_name

HERE = Path(__file__).parent


def _lines(name: str) -> list[tuple[str, str]]:
    lines = [line for line in (HERE / name).read_text(encoding="utf-8").splitlines() if "  =>  " in line]
    pairs = [line.rpartition("  =>  ") for line in lines if not line.startswith("#")]
    return [(sentence, expected) for sentence, _, expected in pairs]


CORPUS = _lines("corpus.txt")
CONVERSATIONS = _lines("conversations.txt")


def _told(meaning: Meaning) -> str:
    if isinstance(meaning, Interpretation):
        return "; ".join(f"{step.tool} {json.dumps(step.arguments, sort_keys=True)}" for step in meaning.calls)
    if isinstance(meaning, Question):
        return f"? {meaning.slot or 'choice'}"
    return "reply" if isinstance(meaning, Reply) else "refused"


def test_the_corpora_are_large_enough() -> None:
    assert len(CORPUS) > 500
    assert len(CONVERSATIONS) > 50


@pytest.mark.parametrize(("sentence", "expected"), CORPUS)
def test_a_sentence_comes_to_its_calls(sentence: str, expected: str) -> None:
    assert _told(interpret(sentence, FACTS)) == expected


@pytest.mark.parametrize(("messages", "expected"), CONVERSATIONS)
def test_the_last_message_is_understood_from_those_before(messages: str, expected: str) -> None:
    talk = Talk()
    *earlier, last = messages.split(" || ")
    for message in earlier:
        talk.say(message)
    match talk.say(last):
        case Calls(calls=calls):
            wanted = [part.partition(" ") for part in expected.split("; ")]
            assert [(call.tool, _full(call.arguments)) for call in calls] == [
                (tool, _full(json.loads(arguments))) for tool, _, arguments in wanted
            ]
        case Ask():
            assert expected.startswith("?")
        case Say(understood=understood):
            assert expected == ("reply" if understood else "refused")


def _full(arguments: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in arguments.items() if value is not None}


def test_the_real_tools_take_every_call_of_the_corpora() -> None:
    tools = by_name(TOOLS)
    for sentence, _ in CORPUS:
        meaning = interpret(sentence, FACTS)
        for step in meaning.calls if isinstance(meaning, Interpretation) else ():
            given = {key: value for key, value in step.arguments.items() if value is not None}
            tools[step.tool].arguments.model_validate(
                given
            )  # raises with the sentence's arguments when it does not fit


def test_every_step_says_whether_it_changes_something() -> None:
    tools = by_name(TOOLS)
    for sentence, _ in CORPUS:
        meaning = interpret(sentence, FACTS)
        for step in meaning.calls if isinstance(meaning, Interpretation) else ():
            assert step.change == (tools[step.tool].effect == "change"), sentence
            assert step.reading, sentence
