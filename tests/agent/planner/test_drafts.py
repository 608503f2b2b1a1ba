"""Objects made from words: every phrase lands in its field, and a word that is not understood stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation, Question, Unknown
from tests.agent.planner.conftest import FACTS
from tools.context import Context
from tools.kubernetes.changes import apply_manifest
from tools.progress import finish

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "drafts.yaml").read_text(encoding="utf-8"))
WORDS = [(case["say"], case["makes"]) for case in CASES]


def made(sentence: str) -> list[dict[str, Any]]:
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Interpretation), meaning
    texts = [step.arguments["manifest"] for step in meaning.calls if step.tool == "apply_manifest"]
    return [document for text in texts for document in yaml.safe_load_all(text)]


@pytest.mark.parametrize(("sentence", "wanted"), WORDS, ids=[case["say"][:60] for case in CASES])
def test_words_become_fields(sentence: str, wanted: list[dict[str, Any]]) -> None:
    assert made(sentence) == wanted


@pytest.mark.parametrize("sentence", [
    "create a configmap app with MODE=prod that sings",
    "create a pod web with image nginx and a flux capacitor",
    "create a job tidy with image busybox that sleeps 5 with gravity 9",
])  # fmt: skip
def test_a_word_that_is_not_understood_stops_it(sentence: str) -> None:
    assert isinstance(interpret(sentence, FACTS), Unknown)


@pytest.mark.parametrize(("sentence", "asked"), [
    ("create a statefulset cache with 3 replicas and port 6379", "image"),
    ("create a cronjob that prints hello every 5 minutes with busybox", "called"),
    ("create a pvc called data", "large"),
])  # fmt: skip
def test_what_is_missing_is_asked_for(sentence: str, asked: str) -> None:
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Question)
    assert asked in meaning.text


def test_the_server_takes_every_draft(ctx: Context) -> None:
    from tools.handlers import handler_for

    for sentence, _ in WORDS:
        for document in made(sentence):
            document["metadata"].pop("namespace", None)
            proposal = apply_manifest(ctx, manifest=yaml.safe_dump(document))
            for change in proposal.changes:
                preview = finish(handler_for(change).preview(ctx, change, ()))
                wrong = [blocker for blocker in preview.blockers if "does not exist" not in blocker]
                assert not wrong, (sentence, wrong)
