"""One clause of a request: its parts and words, its mood, its main verb, and what it speaks of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from agent.minds.planner.meaning import Memory
from agent.minds.planner.reading.existing import names_as_names
from agent.minds.planner.reading.facts import WORKLOADS, Facts
from agent.minds.planner.reading.lexicon import Sense
from agent.minds.planner.reading.parts import Parts, find_parts
from agent.minds.planner.reading.words import PRONOUNS, Word, tag

Mood = Literal["do", "ask", "tell", "never", "howto", "whatif", "whatchange", "help"]

_QUESTION = frozenset(
    "what which who whom whose when where why how is are was were does did has have had will should am any".split()
)
_BE = frozenset("have has be get gets want wants need needs should must have being getting got".split())
_ARTICLES = frozenset(
    "the a an last this that my your its latest previous recent any no every each of their our".split()
)
_DOERS = frozenset("do perform trigger give need needs initiate start issue execute force make want a".split())
_SUBJECTS = frozenset("i he she they who someone somebody you nobody it".split())
_PARTICLES = re.compile(
    r"\b(roll|bring|take|tear|shut|turn|spin|put|switch|stand|fire|push|power|scale|ramp|dial|set|size)"
    r"((?: (?!to\b|and\b|from\b|in\b|with\b|for\b|on\b|by\b|up\b|down\b|off\b|out\b|back\b)[\w/-]+){1,4}?)"
    r" (back|up|down|off|out|live|(?<=turn )on|on(?=$|[ ,.!?]*$))\b(?! (?:to|by) \d| to half| \d|lin)",
    re.IGNORECASE,
)


@dataclass
class Clause:
    """`verb` is the main verb with the sense that it has here; `inherited` are subjects of the clauses before."""

    text: str
    facts: Facts
    memory: Memory
    parts: Parts
    words: list[Word]
    mood: Mood = "tell"
    verb: Word | None = None
    sense: Sense | None = None
    notes: list[str] = field(default_factory=list[str])

    def says(self, *concepts: str) -> bool:
        """Whether a word of the clause has one of these concepts."""
        return any(word.is_a(*concepts) for word in self.words)

    @property
    def concept(self) -> str:
        """The concept of the main verb, or nothing."""
        return self.sense.concept if self.sense else ""

    @property
    def pronoun(self) -> bool:
        """Whether the clause points back with a pronoun."""
        return any(word.text in PRONOUNS for word in self.words if word.common)

    @property
    def kinds(self) -> list[Word]:
        """The words that name kinds of objects."""
        return [word for word in self.words if word.kind]

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it but filler."""
        return not any(not word.filler and not word.common for word in self.words) and self.parts.rest == self.text


def parse(text: str, facts: Facts, memory: Memory) -> Clause:
    """Read one clause: parts, words, mood and main verb."""
    text = _PARTICLES.sub(r"\1 \3\2", text)
    parts = find_parts(text)
    clause = Clause(text, facts, memory, parts, tag(parts.rest, facts))
    names_as_names(clause.words, facts, parts.namespace or None)
    _find_custom_kinds(clause)
    clause.mood = _asking(clause)
    if clause.mood == "tell":
        _find_verb(clause)
        if clause.sense:
            clause.mood = "do"
            if _negated(clause):
                clause.mood = "never"
    elif clause.mood == "ask":
        clause.sense = None
    return clause


def _find_custom_kinds(clause: Clause) -> None:
    """Words that mean nothing yet may be kinds that only this cluster has; asked of it where one is expected."""
    if clause.kinds or not any(word.unknown for word in clause.words):
        return
    asked = any(word.is_a("show", "describe", "count", "which", "delete") for word in clause.words)
    for index, word in enumerate(clause.words):
        after = clause.words[index + 1] if index + 1 < len(clause.words) else None
        expected = word.unknown and (asked or (after is not None and after.unknown))
        if not expected or any(word.text in clause.facts.names(kind) for kind in WORKLOADS):
            continue
        if kind := clause.facts.kind_called(word.text):
            form = "s" if word.text not in (kind, kind.split(".")[0]) else ""
            clause.words[index] = replace(word, senses=(Sense(kind, "kind", form),))


def _asking(clause: Clause) -> Mood:
    content = [word for word in clause.words if (not word.filler and word.text.isalnum()) or word.senses]
    for mood in ("help", "howto", "whatif", "whatchange"):
        found = next((word for word in clause.words if word.is_a(mood)), None)
        if found and (mood != "help" or len(content) <= 2 or len(found.text) > 10):
            return mood
    if not content:
        return "tell"
    first = content[0].text.split()[0]
    second = content[1].text.split()[0] if len(content) > 1 else ""
    if first == "do" and second in ("i", "we", "you", "any", "the", "my", "our", "all", "they"):
        return "ask"
    if first in _QUESTION and not (first == "have" and second not in ("i", "we", "you", "any")):
        return "ask"
    if clause.text.rstrip().endswith("?") and not any(word.in_section("change", "light") for word in content[:2]):
        return "ask"
    return "tell"


def _find_verb(clause: Clause) -> None:
    words = [word for word in clause.words if not word.filler]
    weak: tuple[Word, Sense] | None = None
    for index, word in enumerate(words):
        sense = _verb_sense(clause, words, index)
        if not sense:
            continue
        clause.verb, clause.sense = word, sense
        later = _stronger(words, index, sense)
        if later:
            clause.verb, clause.sense = later
        return
    for index, word in enumerate(words):  # "perform a restart": the verb is a noun
        change = next((sense for sense in word.senses if sense.section == "change" and not sense.form), None)
        before = {part for earlier in words[:index] for part in earlier.text.split()}
        if change and before & _DOERS and not weak:
            weak = (word, change)
    if weak:
        clause.verb, clause.sense = weak


def _verb_sense(clause: Clause, words: list[Word], index: int) -> Sense | None:
    """The sense in which the word is the verb of an order, if it is."""
    word = words[index]
    before = [earlier.text for earlier in words[:index]]
    last = before[-1].split()[-1] if before else ""
    if word.name or (last in _SUBJECTS and not word.is_a("want")):
        return None
    minding = "mind" in clause.text.lower().split()[:4] or last in ("mind", "try", "start", "consider")
    for sense in sorted(
        word.senses,
        key=lambda sense: (
            ("change", "light", "see").index(sense.section) if sense.section in ("change", "light", "see") else 9
        ),
    ):
        if sense.section not in ("change", "light", "see"):
            continue
        if sense.form == "" and last not in _ARTICLES and not _noun(word, words, index):
            return sense
        if sense.form == "ed" and _BE & set(" ".join(before).split()) and sense.section == "change":
            return sense
        if sense.form == "ing" and minding:
            return sense
    return None


def _noun(word: Word, words: list[Word], index: int) -> bool:
    """Whether a word that could be an order stands as a noun: "the last restart", "release history"."""
    following = words[index + 1] if index + 1 < len(words) else None
    if index and words[index - 1].in_section("see", "topic") and not words[index - 1].is_a("replicas"):
        return word.in_section("topic") or word.is_a(
            "rollback", "deploy", "upgrade", "restart", "release", "stop", "undo"
        )
    if word.is_a("label", "deploy", "autoscale") and following is not None and following.is_a("history", "status"):
        return True
    if index and words[index - 1].kind and word.is_a("label"):
        return True
    return bool(
        following
        and word.text in ("release", "rollout", "chart")
        and (following.in_section("topic") or following.text == "of")
    )


def _stronger(words: list[Word], index: int, sense: Sense) -> tuple[Word, Sense] | None:
    """The change that a weak verb only introduces: "get backend restarted", "backend needs a restart"."""
    word = words[index]
    if not (sense.concept == "want" or word.text in ("get", "have", "let", "make", "give", "set", "do")):
        return None
    for later in words[index + 1 :]:
        for found in later.senses:
            fits = found.form == "ed" or (
                sense.concept in ("want", "set")
                and found.form == ""
                and word.text in ("want", "need", "needs", "require", "give", "let", "do", "would like")
            )
            if found.section == "change" and fits and not later.in_section("topic") and found.concept != "label":
                return later, found
    return None


def _negated(clause: Clause) -> bool:
    if not clause.verb:
        return False
    before = clause.text[: clause.verb.start].lower().split()[-3:]
    return bool({"not", "never", "no", "without", "avoid"} & set(before)) and "why" not in before
