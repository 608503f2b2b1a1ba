"""Which existing object an order to change something may be about: candidates, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.minds.planner.drafts.data import kind_of, kind_words, words
from agent.minds.planner.drafts.slots import NAME
from agent.minds.planner.edits.phrases import words as said
from agent.minds.planner.meaning import Memory
from agent.minds.planner.reading.facts import WORKLOADS, Facts

_LEAD = (
    r"(?:(?<![\w-])(?:to|in|on|of|for|from|into|inside|within|at|with)\s+)?(?:\b(?:the|my|our|this|that|existing)\s+)*"
)
_END = r"(?:'s)?(?![\w/=-]|[.:]\w)"
LIKELY = (*WORKLOADS, "cronjob", "service", "configmap", "persistentvolumeclaim", "ingress", "secret")
_PRONOUN = re.compile(r"\b(?:its|it|their|them|there|that one|this one)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """An object that may be meant; `said` tells whether its kind was, `span` the words that name it."""

    kind: str
    name: str
    said: bool
    span: tuple[int, int]
    namespace: str = ""


def candidates(text: str, facts: Facts, memory: Memory) -> Iterator[Candidate]:
    """All objects that the text names, by kind and name, by a name that exists, by what was spoken of before."""
    slashed = re.compile(rf"{_LEAD}\b(?P<kind>[a-z]+)/(?P<name>{NAME}){_END}", re.IGNORECASE)
    kind = rf"(?P<kind>{kind_words()})"
    named = rf"[\"'`]?(?P<name>{NAME})[\"'`]?"
    before = re.compile(rf"{_LEAD}(?<![\w-]){kind}(?:\s+(?:called|named))?\s+{named}{_END}", re.IGNORECASE)
    after = re.compile(rf"{_LEAD}(?<![\w-]){named}(?:'s)?\s+{kind}(?![\w-])", re.IGNORECASE)
    for regex in (slashed, before, after):
        for match in _all(regex, text):
            found = kind_of(match["kind"]) or facts.kind_called(match["kind"].lower())
            if found and _may_be(match["name"].lower(), found, facts):
                yield Candidate(found, match["name"].lower(), True, match.span())
    yield from _known(text, facts)
    subject = memory.subject
    if subject.get("name") and (pronoun := _PRONOUN.search(text)):
        place = str(subject.get("namespace") or "")
        for one in (str(subject["kind"]),) if subject.get("kind") else kinds_of(str(subject["name"]), facts):
            yield Candidate(one, str(subject["name"]), bool(subject.get("kind")), pronoun.span(), place)
    last = re.compile(rf"\b(?:to|in|on|of|for|from|into)\s+(?:the\s+)?{named}{_END}(?=\s*(?:$|[,.;!]))", re.IGNORECASE)
    for match in _all(last, text):
        if match["name"].lower() not in words("filler") | words("not-names"):
            yield Candidate("deployment", match["name"].lower(), False, match.span())


def _may_be(name: str, kind: str, facts: Facts) -> bool:
    """Whether the word beside a kind is a name rather than a word of the sentence."""
    return name in facts.names(kind) or name not in words("not-names") | words("filler") | said("verbs") | said(
        "no-names"
    )


def kinds_of(name: str, facts: Facts) -> tuple[str, ...]:
    """The kinds that something of this name exists in; a deployment where nothing is known."""
    running = facts.running(name) if name in facts.components else None
    found = [kind for kind in LIKELY if name in facts.names(kind)]
    return tuple(dict.fromkeys((*([running.kind] if running else []), *found))) or ("deployment",)


def _known(text: str, facts: Facts) -> Iterator[Candidate]:
    """Words that are the name of something that exists."""
    names = {*facts.components, *(name for kind in LIKELY for name in facts.names(kind))}
    for match in _all(re.compile(rf"{_LEAD}(?<![\w/=:.-])[\"'`]?(?P<name>{NAME})[\"'`]?{_END}", re.IGNORECASE), text):
        if match["name"].lower() in names:
            for kind in kinds_of(match["name"].lower(), facts):
                yield Candidate(kind, match["name"].lower(), False, match.span())


def _all(regex: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """All matches, those too that begin inside of another."""
    at = 0
    while match := regex.search(text, at):
        yield match
        at = match.start("name") + 1 if match.start("name") >= at else match.end()
