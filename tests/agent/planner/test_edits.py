"""Existing objects changed by words: every phrase lands in its field, and what is no such order stays none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation, Memory, Question
from tests.agent.planner.conftest import FACTS
from tools.catalog import by_name

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "edits.yaml").read_text(encoding="utf-8"))
WORDS = [(case["say"], case["calls"]) for case in CASES]


def calls(sentence: str, memory: Memory | None = None) -> list[dict[str, Any]]:
    meaning = interpret(sentence, FACTS, memory or Memory())
    return [{step.tool: step.arguments} for step in meaning.calls] if isinstance(meaning, Interpretation) else []


@pytest.mark.parametrize(("sentence", "wanted"), WORDS, ids=[case["say"][:60] for case in CASES])
def test_words_become_fields_of_what_exists(sentence: str, wanted: list[dict[str, Any]]) -> None:
    found = calls(sentence)
    assert found == wanted
    for call in found:
        for tool, arguments in call.items():
            by_name()[tool].arguments.model_validate(arguments)


@pytest.mark.parametrize("sentence", [
    "is web running as non-root?",
    "does web have a liveness probe on /healthz port 8000?",
    "how do I add a liveness probe on /healthz to web?",
    "don't add port 9090 to web",
    "never suspend the cronjob nightly",
    "what happens if I suspend cronjob nightly?",
    "add port 9090 to web if it is healthy",
    "suspend cronjob nightly tomorrow",
    "add a flux capacitor to web",
    "add a liveness probe on /healthz port 8000 to web and dance",
    "set read-only root filesystem of web to false",
    "increase pvc data by 5Gi",
    "why is port 9090 of web closed",
    "suspend all cronjobs",
    "change service web port to 8080",
])  # fmt: skip
def test_what_is_no_order_or_not_understood_changes_no_field(sentence: str) -> None:
    assert not any("edit_object" in call for call in calls(sentence))


@pytest.mark.parametrize("sentence", ["add port 9090", "set the max surge to 1"])
def test_a_missing_name_is_asked_for(sentence: str) -> None:
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Question)
    assert meaning.slot == "name"
    answered = interpret("web", FACTS, Memory(question=meaning))
    assert isinstance(answered, Interpretation)
    assert answered.calls[0].tool == "edit_object"
    assert answered.calls[0].arguments["name"] == "web"


def test_a_pronoun_is_what_was_spoken_of_before() -> None:
    memory = Memory(subject={"kind": "cronjob", "name": "nightly", "namespace": "staging"})
    (call,) = calls("change its schedule to every hour", memory)
    assert call["edit_object"] == {
        "name": "nightly", "kind": "cronjob", "namespace": "staging", "fields": {"spec": {"schedule": "0 * * * *"}}
    }  # fmt: skip
    assert calls("halve its cpu request", Memory(subject={"name": "web"})) == [
        {"set_resources": {"name": "web", "cpu_request": "x0.5"}}
    ]
