"""The conversation about trouble: what people say after a diagnosis, in many wordings, and what it comes to."""

from __future__ import annotations

from typing import Any

import pytest

from agent.minds.mind import Ask, Call, Calls, Conversation, Move, Returned, Say, Turn
from agent.minds.planner.planner import Planner
from agent.minds.planner.talk.trouble import refers_back
from tests.agent.planner.conftest import FACTS, TOOLS
from tools.catalog import Result
from tools.change import Cure, Proposal, Ref, Scale, Trouble

WEB = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="shop")
API = Ref(api_version="apps/v1", kind="Deployment", name="api", namespace="shop")


def finding(id: str, ref: Ref, confidence: str = "certain", *steps: str) -> dict[str, Any]:
    return {
        "id": id, "severity": "critical", "subject": ref.model_dump(), "summary": f"{ref.name} is broken",
        "chain": ["pods cannot start", "the image is missing"], "confidence": confidence,
        "evidence": [{"source": "event", "text": "Failed: no such tag"}, {"source": "log", "text": "one\ntwo"}],
        "fixes": [{"text": "Go back.", "steps": list(steps)}, {"text": "Build it.", "steps": []}],
    }  # fmt: skip


FIRST, SECOND = finding("SM-IMAGE-NOT-FOUND", WEB, "certain", "roll back"), finding("SM-OOM", API, "likely", "more")


def after_diagnosis(*found: dict[str, Any], told: int = 1, name: str = "") -> list[Turn]:
    data = {"healthy": not found, "namespace": "shop", "told": told, "findings": list(found), "unchecked": {}}
    call = Call(id="c1", tool="diagnose", arguments={"name": name} if name else {})
    result = Returned(call=call, result=Result(text="told", data=data))
    return [
        Turn(role="person", text="what is wrong?"),
        Turn(role="mind", calls=(call,)),
        Turn(role="tools", returned=(result,)),
        Turn(role="mind", text="told"),
    ]


def reply(text: str, turns: list[Turn]) -> Move:
    conversation = Conversation(turns=[*turns, Turn(role="person", text=text)], tools=TOOLS)
    (move,) = (move for move in Planner(facts=FACTS).next(conversation) if isinstance(move, Calls | Ask | Say))
    return move


def called(text: str, turns: list[Turn]) -> tuple[str, dict[str, Any]]:
    move = reply(text, turns)
    assert isinstance(move, Calls), f"{text!r} came to {move}"
    (call,) = move.calls
    return call.tool, call.arguments


FIX_WEB = {"finding": "SM-IMAGE-NOT-FOUND", "name": "web", "kind": "deployment", "namespace": "shop"}
FIX_API = {"finding": "SM-OOM", "name": "api", "kind": "deployment", "namespace": "shop"}


@pytest.mark.parametrize(
    "text",
    [
        "fix it", "Fix it!", "fix that", "fix this please", "please fix it", "can you fix it?", "ok, fix it", "fix",
        "could you fix the problem", "repair it", "mend it", "solve the problem", "fix it now", "yes, fix it",
        "go ahead and fix it", "make it work", "get it running again", "apply the fix", "do what you suggest",
        "fix it for me", "then fix it", "try the fix", "take care of it",
    ],
)  # fmt: skip
def test_fix_it_means_what_was_told(text: str) -> None:
    assert called(text, after_diagnosis(FIRST, SECOND)) == ("fix", FIX_WEB)
    assert called(text, after_diagnosis(FIRST, SECOND, told=2)) == ("fix", FIX_API)


@pytest.mark.parametrize(
    "text",
    ["fix the second one", "fix the second", "fix number 2", "fix problem 2", "fix the other one", "fix the last one",
     "please fix the 2nd", "repair the second problem", "fix the other", "fix #2"],
)  # fmt: skip
def test_one_of_several_is_picked(text: str) -> None:
    assert called(text, after_diagnosis(FIRST, SECOND)) == ("fix", FIX_API)


@pytest.mark.parametrize(
    "text",
    ["fix them all", "fix all", "fix everything", "fix all of them", "fix both", "repair all of it", "fix them both"],
)
def test_all_of_it(text: str) -> None:
    tool, arguments = called(text, after_diagnosis(FIRST, SECOND))
    assert (tool, arguments) == ("fix", {"every": True})


@pytest.mark.parametrize(
    "text",
    ["and the other one?", "the second one", "what about the other one?", "next", "show me the second", "number 2",
     "what is the other problem?", "the next one", "tell me about the second one", "and the second?"],
)  # fmt: skip
def test_the_next_one_is_told(text: str) -> None:
    assert called(text, after_diagnosis(FIRST, SECOND)) == ("diagnose", {"number": 2})


@pytest.mark.parametrize(
    "text",
    ["show all", "show everything", "details", "more details", "show all details", "what else is wrong?",
     "list them all", "and the others?", "all of them", "show me the rest", "anything else wrong?",
     "show me all of them"],
)  # fmt: skip
def test_everything_is_told(text: str) -> None:
    assert called(text, after_diagnosis(FIRST, SECOND)) == ("diagnose", {"every": True})


@pytest.mark.parametrize(
    "text",
    ["is it healthy now?", "is it ok now", "is it fixed?", "did it work?", "did that help?", "check again",
     "look again", "is everything ok now?", "is it working again?", "how is it now?", "still broken?",
     "is my app healthy now?",
     "is the app ok now?", "how about now?", "does it work now?", "has it recovered?", "is that solved?"],
)  # fmt: skip
def test_the_same_is_looked_at_again(text: str) -> None:
    assert called(text, after_diagnosis(FIRST, name="web")) == ("diagnose", {"name": "web"})


@pytest.mark.parametrize(
    "text",
    ["why do you think so?", "how do you know?", "why?", "what makes you think that?", "show me the evidence",
     "prove it", "based on what?", "how did you find out?", "what is the evidence for that", "explain",
     "where do you see that?"],
)  # fmt: skip
def test_the_evidence_is_shown(text: str) -> None:
    move = reply(text, after_diagnosis(FIRST))
    assert isinstance(move, Say)
    for word in ("no such tag", "two", "pods cannot start ← the image is missing", "Certain"):
        assert word in move.text


@pytest.mark.parametrize(
    "text", ["are you sure?", "really?", "how sure are you?", "is that certain?", "you sure about that?"]
)
def test_how_sure_it_is(text: str) -> None:
    move = reply(text, after_diagnosis(SECOND))
    assert isinstance(move, Say)
    assert "Likely, not certain" in move.text
    assert "no such tag" in move.text


@pytest.mark.parametrize(
    "text",
    ["what else could it be?", "could it be something else?", "any other cause?", "what other reasons are there?",
     "what if it is not that?", "is there another explanation?", "what else might it be?"],
)  # fmt: skip
def test_what_else_it_could_be(text: str) -> None:
    move = reply(text, after_diagnosis(SECOND, FIRST))
    assert isinstance(move, Say)
    assert "It may be something else" in move.text
    assert "web is broken" in move.text
    assert "Build it." in move.text


@pytest.mark.parametrize(
    "text", ["show the log", "show me the logs", "its logs", "logs", "and the log?", "what does the log say?"]
)
def test_the_log_is_that_of_what_is_broken(text: str) -> None:
    assert called(text, after_diagnosis(FIRST)) == ("logs", {"name": "web", "kind": "deployment", "namespace": "shop"})


def test_it_is_what_was_found_broken() -> None:
    tool, arguments = called("restart it", after_diagnosis(SECOND, FIRST))
    assert (tool, arguments) == ("restart", {"kind": "deployment", "name": "api", "namespace": "shop"})


def after_fix(fate: str, cause: dict[str, Any] = FIRST) -> list[Turn]:
    """A fix was proposed, and this is what became of its plan; afterwards the same is still there."""
    cure = Cure(troubles=(Trouble(id=cause["id"], subject=WEB),), namespace="shop")
    change = Scale(summary="scale web", ref=WEB, replicas=1)
    call = Call(id="c2", tool="fix", arguments=FIX_WEB)
    return [
        *after_diagnosis(FIRST),
        Turn(role="person", text="fix it"),
        Turn(role="mind", calls=(call,)),
        Turn(role="tools", returned=(Returned(call=call, proposal=Proposal(changes=(change,), cure=cure)),)),
        Turn(role="plan", plan_id="1", text="proposed"),
        Turn(role="plan", plan_id="1", text=fate),
        *after_diagnosis(FIRST)[1:],
    ]


def test_what_did_not_help_is_not_tried_again() -> None:
    assert called("fix it", after_fix("applied, not healthy")) == ("fix", {**FIX_WEB, "way": 2})


def test_what_was_refused_was_not_tried() -> None:
    assert called("fix it", after_fix("refused")) == ("fix", FIX_WEB)
    assert called("fix it another way", after_fix("refused")) == ("fix", {**FIX_WEB, "way": 2})


def test_a_value_alone_answers_the_question_of_a_fix() -> None:
    call = Call(id="c2", tool="fix", arguments=FIX_WEB)
    asked = Returned(call=call, error="Which tag of nginx?", error_kind="NeedsAnswer", options=("1.27",), slot="value")
    turns = [
        *after_diagnosis(FIRST),
        Turn(role="person", text="fix it"),
        Turn(role="mind", calls=(call,)),
        Turn(role="tools", returned=(asked,)),
        Turn(role="mind", text="Which tag of nginx?", options=("1.27",), reported=True),
    ]
    for text in ("1.27", "use 1.27", "tag 1.27 please", "1.27.", "take 1.27"):
        assert called(text, turns) == ("fix", {**FIX_WEB, "value": "1.27"}), text
    assert called("list pods", turns)[0] == "list_objects"
    assert isinstance(reply("no", turns), Say)


def test_nothing_found_leaves_nothing_to_explain() -> None:
    assert called("fix it", after_diagnosis(name="web")) == ("fix", {"name": "web"})
    assert called("is it healthy now?", after_diagnosis(name="web")) == ("diagnose", {"name": "web"})
    only = reply("and the other one?", after_diagnosis(FIRST))
    assert isinstance(only, Say)
    assert "only thing" in only.text


def test_what_is_said_of_other_things_is_not_about_trouble() -> None:
    call = Call(id="c9", tool="list_objects", arguments={"kind": "pod"})
    turns = [
        *after_diagnosis(FIRST, SECOND),
        Turn(role="person", text="list pods"),
        Turn(role="mind", calls=(call,)),
        Turn(role="tools", returned=(Returned(call=call, result=Result(text="pods")),)),
        Turn(role="mind", text="pods"),
    ]
    assert reply("next", turns) != Calls(calls=(Call(id="c3", tool="diagnose", arguments={"number": 2}),))
    assert called("fix it", turns) == ("fix", FIX_WEB), "what was found broken stays so until it is looked at again"


@pytest.mark.parametrize(
    "text", ["fix it", "are you sure?", "is it healthy now?", "why do you think so?", "the second one"]
)
def test_a_single_request_can_refer_back(text: str) -> None:
    assert refers_back(text)


@pytest.mark.parametrize(
    "text",
    ["what is wrong?", "scale web to 3", "fix web", "deploy backend", "list pods", "undo that", "delete it", "help"],
)
def test_what_stands_for_itself_does_not(text: str) -> None:
    assert not refers_back(text)
