"""Words that mean something by themselves but are, where they stand, the name of something that exists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.minds.planner.reading.facts import WORKLOADS, Facts
from agent.minds.planner.reading.words import PRONOUNS, Word

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LEADS = frozenset(
    "of for to on from with in is are was does did do has have had and or , named called release about why how".split()
)
_ARTICLES = frozenset("the a an my our your this that".split())
_OTHERS = """
all any each every both one two up down out off back here there what which who when where not now new pod pods node
nodes namespace namespaces deployment service last first same other more less most you me i we
"""
_CLOSED = PRONOUNS | _LEADS | _ARTICLES | frozenset(_OTHERS.split())


def names_as_names(words: list[Word], facts: Facts, namespace: str | None) -> None:
    """Take the other meanings from words that stand where a name stands and that something is called by."""
    for index, word in enumerate(words):
        if not (word.senses or word.common or word.filler) or word.name or not _may_stand(words, index, facts):
            continue
        if word.senses and all(sense.typo for sense in word.senses):  # as near to a name as to a word
            if _near_a_name(word.text, facts, namespace):
                words[index] = replace(word, senses=())
            continue
        before = words[index - 1] if index else None
        if before is not None and before.kind:
            exists = word.text in facts.names(before.kind, namespace)
        else:
            exists = any(word.text in facts.names(kind, namespace) for kind in (*WORKLOADS, "job", "cronjob"))
            exists = exists or word.text in facts.releases()
        if exists:
            words[index] = replace(word, senses=(), common=False, filler=False)


def _may_stand(words: Sequence[Word], index: int, facts: Facts) -> bool:
    """Whether a name can stand here: after a verb, a kind, a topic or a link, or at the start before a topic."""
    word = words[index]
    if len(word.text) < 3 or not _NAME.fullmatch(word.text) or word.text in _CLOSED:
        return False
    if word.is_a("each") or (word.is_a("whole") and facts.components):
        return False
    after = words[index + 1] if index + 1 < len(words) else None
    if after is not None and after.kind == "node":
        return False
    before = [earlier for earlier in words[:index] if not earlier.filler and earlier.text not in _ARTICLES]
    if not before:
        verb = word.in_section("change", "light", "see", "ask")
        return not verb and after is not None and after.in_section("topic")
    last = before[-1]
    leads = last.text in _LEADS or last.kind or last.name or last.unknown
    return bool(leads or last.in_section("change", "light", "see", "ask", "topic"))


def _near_a_name(word: str, facts: Facts, namespace: str | None) -> bool:
    """Whether it may be a misspelling of what exists."""
    from rapidfuzz.distance import OSA

    if any(OSA.distance(word, name) <= 1 for kind in WORKLOADS for name in facts.names(kind, namespace)):
        return True
    return word in facts.releases()
