"""The planner as a mind: one move for each turn, answers made of what the tools returned, little loaded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.minds.mind import Ask, Call, Calls, Conversation, Move, Returned, Say, Turn
from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation
from agent.minds.planner.planner import Planner
from agent.minds.planner.reading.facts import ContextFacts, Running
from tests.agent.planner.conftest import FACTS, TOOLS, Talk
from tools.catalog import Effect, Result
from tools.change import Proposal, Ref, Scale
from tools.context import Context

SCALE = Call(id="c1", tool="scale", arguments={"name": "backend", "replicas": 3})


def _after(*returned: Returned) -> Move:
    turns = [Turn(role="person", text="?"), Turn(role="tools", returned=returned)]
    return next(iter(_moves(Conversation(turns=turns, tools=TOOLS))))


def _moves(conversation: Conversation) -> list[Move]:
    return [move for move in Planner(facts=FACTS).next(conversation) if isinstance(move, Calls | Ask | Say)]


def test_a_request_becomes_calls_with_their_reading(talk: Talk) -> None:
    move = talk.say("scale the backend to 3 and restart frontend")
    assert isinstance(move, Calls)
    assert [call.tool for call in move.calls] == ["scale", "restart"]
    assert move.reading == "scale component backend to 3 replicas; restart component frontend"


def test_ids_of_calls_are_unique_in_a_conversation(talk: Talk) -> None:
    moves = [talk.say("restart backend and frontend"), talk.say("list pods"), talk.say("and services")]
    ids = [call.id for move in moves if isinstance(move, Calls) for call in move.calls]
    assert len(ids) == len(set(ids)) == 4


def test_a_result_is_answered_as_it_is() -> None:
    move = _after(Returned(call=SCALE, result=Result(text="3 pods in namespace demo:\n…")))
    assert move == Say(text="3 pods in namespace demo:\n…")


def test_several_results_get_a_title_each() -> None:
    calls = [Call(id=f"c{n}", tool="logs", arguments={"name": name}) for n, name in enumerate(("web", "api"))]
    move = _after(*(Returned(call=call, result=Result(text="line")) for call in calls))
    assert move == Say(text="Logs of web:\nline\n\nLogs of api:\nline")


def test_nothing_to_do_is_said_with_its_notes() -> None:
    move = _after(Returned(call=SCALE, proposal=Proposal(notes=("backend has 3 replicas already.",))))
    assert move == Say(text="backend has 3 replicas already.")


def test_an_error_is_told_and_that_the_rest_was_not_planned() -> None:
    ref = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="demo")
    proposal = Proposal(changes=(Scale(summary="scale web", ref=ref, replicas=2),))
    broken = Returned(call=SCALE, error="There is no backend. Did you mean web?", error_kind="NotFound")
    move = _after(Returned(call=SCALE, proposal=proposal), broken)
    assert isinstance(move, Say)
    assert move.text.startswith("There is no backend. Did you mean web?")
    assert move.text.endswith("nothing of this request was planned.")


def test_the_answer_to_a_tools_question_fills_its_slot() -> None:
    question = Returned(
        call=SCALE, error="Which namespace?", error_kind="NeedsAnswer", options=("dev", "staging"), slot="namespace"
    )
    other = Returned(call=Call(id="c2", tool="restart", arguments={"name": "web"}), proposal=Proposal())
    turns = [
        Turn(role="person", text="scale backend to 3 and restart web"),
        Turn(role="mind", calls=(SCALE, other.call)),
        Turn(role="tools", returned=(question, other)),
        Turn(role="mind", text="Which namespace?", options=("dev", "staging")),
        Turn(role="person", text="the second one"),
    ]
    (move,) = _moves(Conversation(turns=turns, tools=TOOLS))
    assert isinstance(move, Calls)
    assert [(call.tool, call.arguments) for call in move.calls] == [
        ("scale", {"name": "backend", "replicas": 3, "namespace": "staging"}),
        ("restart", {"name": "web"}),
    ]


def test_what_only_looks_is_left_where_changes_are_not_allowed() -> None:
    talk = Talk(tools=tuple(tool for tool in TOOLS if tool.effect is Effect.READ))
    assert isinstance(talk.say("list pods"), Calls)
    move = talk.say("scale backend to 3")
    assert isinstance(move, Say)
    assert "only look" in move.text


def test_a_correction_is_never_silent() -> None:
    meaning = interpret("restart the bakcend in stagging", FACTS)
    assert isinstance(meaning, Interpretation)
    assert "'bakcend'" in meaning.reading
    assert "'stagging'" in meaning.reading


@pytest.mark.parametrize(
    ("sentence", "arguments"),
    [
        ("describe backend", {"kind": "deployment", "name": "shop-backend", "namespace": "shop"}),
        ("events of backend", {"kind": "deployment", "name": "shop-backend", "namespace": "shop"}),
        ("show backend pods", {"kind": "pod", "name": "shop-backend", "namespace": "shop"}),
        (
            "how much memory does backend use?",
            {"what": "pods", "sort_by": "memory", "name": "shop-backend", "namespace": "shop"},
        ),
        ("show backend pods in staging", {"kind": "pod", "name": "backend", "namespace": "staging"}),
        ("list pods", {"kind": "pod", "namespace": "shop"}),
        ("list pods in staging", {"kind": "pod", "namespace": "staging"}),
        ("list pods everywhere", {"kind": "pod", "all_namespaces": True}),
        ("list nodes", {"kind": "node"}),
    ],
)  # fmt: skip
def test_a_component_is_looked_at_where_it_runs(sentence: str, arguments: dict[str, object]) -> None:
    running = {"backend": Running("deployment", "shop-backend", "shop")}
    meaning = interpret(sentence, replace(FACTS, home="shop", workloads=running))
    assert isinstance(meaning, Interpretation)
    assert meaning.calls[0].arguments == arguments


@pytest.mark.parametrize(("text", "kind"), [("", "deployment"), ("please apply this:\n", "deployment")])
def test_a_pasted_manifest_is_applied(text: str, kind: str) -> None:
    manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: hello\n"
    for pasted in (text + manifest, f"{text}```yaml\n{manifest}```"):
        meaning = interpret(pasted, FACTS)
        assert isinstance(meaning, Interpretation)
        (step,) = meaning.calls
        assert step.tool == "apply_manifest"
        assert step.arguments["manifest"] == manifest
        assert f"{kind} hello" in step.reading


def test_a_question_about_a_manifest_does_not_apply_it() -> None:
    assert not isinstance(interpret("what does this do?\napiVersion: v1\nkind: Pod\n", FACTS), Interpretation)


def test_the_workspace_is_known_without_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "shipmate.yaml").write_text("name: shop\ncomponents: {cart: {source: ., image: cart}}\n")
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\nusers: []\n"
        "contexts: [{name: gone, context: {cluster: gone, user: ''}}]\n"
        "clusters: [{name: gone, cluster: {server: 'http://127.0.0.1:9'}}]\n"
    )
    facts = ContextFacts(Context(kubeconfig=str(nowhere), root=tmp_path, cache=tmp_path, state=tmp_path))
    meaning = interpret("scale the cart to 3", facts)
    assert isinstance(meaning, Interpretation)
    assert meaning.calls[0].arguments == {"name": "cart", "replicas": 3}
    assert facts.namespaces() == facts.names("pod") == ()


def test_a_broken_workspace_file_does_not_stop_a_look_at_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "shipmate.yaml").write_text("name: [")
    facts = ContextFacts(Context(root=tmp_path, cache=tmp_path, state=tmp_path))
    assert facts.components == ()
    assert isinstance(interpret("list pods", facts), Interpretation)


def test_understanding_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from agent.minds.planner.interpret import interpret\n"
        "from agent.minds.planner.reading.facts import StaticFacts\n"
        "interpret('deploy backend with 3 replicas', StaticFacts(components=('backend',)))\n"
        "print(sorted({'kubernetes', 'docker', 'langchain', 'rich', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
