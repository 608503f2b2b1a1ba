"""A chat model whose stream is broken in every way: a turn ends in words, and nothing is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from agent.events import Answered, Asked, Errored, PlanProposed, ToolStarted
from agent.guard.policy.modes import Mode
from agent.session import Session
from tests.agent.fake_openai import Script, serving
from tests.safety.adversary import call
from tests.safety.stage import Stage
from tests.safety.tap import Tap, tapped
from tests.safety.test_adversary import EXAMPLES, NIGHTLY, SEED

pytest.importorskip("langchain")
from agent.minds.langchain import LangChainMind

Delta = dict[str, Any]

_ids = st.sampled_from((None, "", "call_0", "call_0", "call_1", "x" * 5_000))
_indexes = st.sampled_from((0, 0, 1, 1, 7, None, "0", -1))
_endings = st.sampled_from(("tool_calls", "tool_calls", "stop", "length", "content_filter", "", "nonsense"))
_said = st.sampled_from(("", "Looking.", "I approve.", "\ud83d", "\udcff", "\x00\x1b[2J", "</data>", "y" * 200_000))


def _whole(name: str, arguments: Any) -> tuple[str, str]:
    """Name and arguments as text, as far as they can be JSON at all."""
    return name, json.dumps(arguments, default=str)


@st.composite
def _streamed_call(draw: st.DrawFn) -> list[Delta]:
    """The pieces of one tool call: whole, cut off, doubly encoded, not an object, or no JSON."""
    name, text = _whole(*draw(call))
    match draw(st.integers(0, 9)):
        case 0:
            text = text[: draw(st.integers(0, max(len(text) - 1, 0)))]
        case 1:
            text = json.dumps(text)
        case 2:
            text = draw(
                st.sampled_from(
                    ("", "null", "[]", "3", "{}{}", '{"name": "web",}', "{'name': 'web'}", "NaN", "{" * 5_000)
                )
            )
        case 3:
            text += draw(st.sampled_from(("}", " ", "\n{}", "</tool_call>")))
        case _:
            pass
    id, index = draw(_ids), draw(_indexes)
    cut = draw(st.integers(0, len(text)))
    again = draw(st.booleans())  # some servers repeat the name on every piece
    pieces = [(name, text[:cut]), (name if again else None, text[cut:])]
    return [
        _delta(part, given, id if number == 0 or again else None, index) for number, (given, part) in enumerate(pieces)
    ]


def _delta(arguments: str, name: str | None, id: str | None, index: object) -> Delta:
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    place = {} if index is None else {"index": index}
    return {"tool_calls": [{"type": "function", "function": function, "id": id, **place}]}


_odd_deltas = st.sampled_from(
    (
        {"tool_calls": []}, {"tool_calls": [{}]}, {"tool_calls": [None]}, {"tool_calls": "x"}, {"content": 5},
        {"content": None}, {"content": ["a"]}, {"role": "tool", "content": "yes"}, {"refusal": "no"},
        {"tool_calls": [{"index": 0, "function": None}]}, {"function_call": {}},
        {"tool_calls": [{"index": 0, "function": {"arguments": {"a": 1}}}]},
        {"tool_calls": [{"index": 0, "function": {"name": None, "arguments": None}}]}, {"unknown": {}}, {},
    )
)  # fmt: skip


@st.composite
def _reply(draw: st.DrawFn) -> Any:
    """One reply: text and calls, their pieces interleaved, now and then something that is no reply."""
    if draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(_NO_REPLIES))
    calls = draw(st.lists(_streamed_call(), max_size=3))
    deltas = (
        [delta for pair in zip(*calls, strict=True) for delta in pair]
        if draw(st.booleans())
        else [*chain.from_iterable(calls)]
    )
    deltas = [{"content": draw(_said)}, *deltas]
    if draw(st.integers(0, 4)) == 0:
        deltas.insert(draw(st.integers(0, len(deltas))), draw(_odd_deltas))
    return deltas, draw(_endings)


def _event(body: object) -> bytes:
    return f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n".encode()


def _chunk(**more: Any) -> dict[str, Any]:
    return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}


_NO_REPLIES: tuple[int | bytes, ...] = (
    400, 401, 404, 429, 500, 503,
    b"", b"data:", b"\xff\xfe\x00", b"<html>502</html>", _event("[DONE]"), _event("{"), _event("null"), _event([]),
    _event(_chunk(choices=[])), _event(_chunk(choices=None)), _event(_chunk()), _event(_chunk(choices=[{}])),
    _event(_chunk(choices=[{"index": 0, "delta": None}])), _event({"error": {"message": "no"}}),
    _event({"error": "no"}),
    _event(_chunk(choices=[{"index": 0, "delta": {"content": "cut"}}]))[:-9], b": ping\n\n" * 500,
)  # fmt: skip
_persons = st.sampled_from(("scale web to 3", "yes", "\udcff", "", "delete all", "set TOKEN=hunter2-Sq9zL"))


@pytest.fixture
def stage(cluster_uid: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    made.ready()
    yield made
    made.close()


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tap]:
    with tapped(monkeypatch) as tap:
        yield tap


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    with serving() as script:
        monkeypatch.setenv("OPENAI_BASE_URL", script.url)
        yield script


def play(stage: Stage, tap: Tap, script: Script, examples: int) -> None:
    mind = LangChainMind("openai:test-model")
    tally: Counter[str] = Counter()

    @seed(SEED)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(texts=st.lists(_persons, min_size=1, max_size=2), replies=st.lists(_reply(), min_size=1, max_size=4))
    def run(texts: list[str], replies: list[Any]) -> None:
        session = Session(stage.context(stage.folder / "state"), mind, Mode.ASK)
        script.replies[:] = replies
        for text in texts:
            events = list(session.send(text))
            assert isinstance(events[-1], (Answered, Asked, Errored, PlanProposed)), events[-1]
            for event in events:
                event.model_dump_json()  # any front end can show it
                tally[type(event).__name__] += 1
        again = Session(stage.context(stage.folder / "state"), mind, Mode.ASK, id=session.id)
        assert len(again.conversation.turns) == len(session.conversation.turns)
        assert tap.take() == []

    before = stage.objects()
    run()
    assert stage.objects() == before
    ended = sum(tally[one.__name__] for one in (Answered, Asked, Errored))
    print(  # noqa: T201 - figures for the report
        f"\nbroken streams: {ended} turns without a plan, "
        f"{tally[PlanProposed.__name__]} plans, {tally[ToolStarted.__name__]} tool calls, no write"
    )


@pytest.mark.timeout(1800)
def test_no_stream_of_a_model_breaks_a_turn_or_writes(stage: Stage, tap: Tap, script: Script) -> None:
    play(stage, tap, script, EXAMPLES // 5)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_no_stream_of_thousands_breaks_a_turn_or_writes(stage: Stage, tap: Tap, script: Script) -> None:
    play(stage, tap, script, NIGHTLY // 5)
