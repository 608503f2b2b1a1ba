"""Objects made from words: every phrase lands in its field, and a word that is not understood stops it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation, Question, Unknown
from tests.agent.planner.conftest import FACTS as WORLD
from tools.context import Context
from tools.kubernetes.changes import apply_manifest
from tools.progress import finish

CERTIFICATE: dict[str, Any] = yaml.safe_load("""
x-is: {apiVersion: cert-manager.io/v1, kind: Certificate}
required: [spec]
properties:
  spec:
    type: object
    required: [secretName, issuerRef]
    properties:
      secretName: {type: string}
      duration: {type: string}
      commonName: {type: string}
      dnsNames: {type: array, items: {type: string}}
      isCA: {type: boolean}
      revisionHistoryLimit: {type: integer}
      issuerRef:
        type: object
        required: [name]
        properties: {name: {type: string}, kind: {type: string}}
      privateKey:
        type: object
        properties:
          algorithm: {type: string, enum: [RSA, ECDSA, Ed25519]}
          size: {type: integer}
          rotationPolicy: {type: string, enum: [Never, Always]}
      keystores:
        type: object
        properties:
          jks: {type: object, properties: {alias: {type: string}}}
          pkcs12: {type: object, properties: {alias: {type: string}}}
""")
FACTS = replace(
    WORLD,
    selectors={name: {"app": name} for name in ("database", "backend", "web", "frontend")},
    schemas={"certificate": CERTIFICATE},
)
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
    ("create a job that prints hello with busybox", "called"),
    ("create a pvc called data", "large"),
    ("block all traffic to the ledger except from app=web", "ledger"),
    ("create a pdb for deployment ledger with min available 1", "labels"),
    ("create a certificate web with secret name web-tls", "issuer ref"),
    ("create a certificate web with secret name a, issuer name b and alias c", "keystores.jks.alias"),
    ("allow ingress to app=db from app=web in namespace shop", "namespace of the policy"),
    ("deny ingress from app=web", "let through"),
    ("give backend read access to secrets", "a user, a group or a service account"),
])  # fmt: skip
def test_what_is_missing_is_asked_for(sentence: str, asked: str) -> None:
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Question)
    assert asked in meaning.text


@pytest.mark.parametrize(("sentence", "told"), [
    ("create a configmap app with labels tier=web and annotatoin team=core and MODE=prod", "annotatoin as annotation"),
    ("create a deploymnt api in namespace dev with image nginx:1.27, 3 replcas and service account bob", "replcas as"),
])  # fmt: skip
def test_a_misspelt_word_is_put_right_and_told(sentence: str, told: str) -> None:
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Interpretation)
    assert told in meaning.reading


@pytest.mark.parametrize("sentence", [
    "restart web and run `rm -rf /`",
    "create a pod x with image busybox; `kubectl delete namespace prod`",
    "scale the web deployment running `id` to 3",
    "create a pod x with image `whoami` that runs `id` `id`",
    "create a namespace dev and run `rm -rf /` in a pod",
])  # fmt: skip
def test_a_quoted_command_is_data_in_a_container_only(sentence: str) -> None:
    assert isinstance(interpret(sentence, FACTS), Unknown)


PIECES = (
    "create a pod x with image nginx ", "create a network policy ", "let jane ", "give bob ", "allow app=a ", "and ",
    ", ", "with ", "to ", "from ", "pods ", "port 80 ", "a=b ", "`x ", "'", '"', "for ", "in namespace ", "get, ",
    "10.0.0.0/8 ",
    "a.b/c:1 ", "every 5 minutes ", "a", "-", ".", "/", "1", " ", "host x.example.com ", "path /a ", "500m cpu ", "\n",
)  # fmt: skip


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """Processor time, not the clock: only patterns that explode come near it."""

    def stop(*_: object) -> None:
        raise AssertionError("reading took too many steps")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.long
@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 400)), min_size=1, max_size=6),
    st.sampled_from(["", "create a deployment web ", "create an ingress web ", "create a role r ", "let "]),
)
def test_any_text_is_read_in_bounded_steps(pieces: list[tuple[str, int]], start: str) -> None:
    with bounded(20):
        interpret((start + "".join(piece * count for piece, count in pieces))[:1500], FACTS)


def test_the_server_takes_every_draft(ctx: Context) -> None:
    from tools.handlers import handler_for

    for sentence, _ in WORDS:
        for document in made(sentence):
            if document["kind"] == "Certificate":
                continue  # a kind of this test's own
            document["metadata"].pop("namespace", None)
            proposal = apply_manifest(ctx, manifest=yaml.safe_dump(document))
            for change in proposal.changes:
                preview = finish(handler_for(change).preview(ctx, change, ()))
                wrong = [one for one in preview.blockers if "does not exist" not in one and "No node can" not in one]
                assert not wrong, (sentence, wrong)
