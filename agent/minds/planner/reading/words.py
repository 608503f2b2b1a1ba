"""The words of a clause, each with what it can mean: a concept, a name that exists, filler, or something unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.lexicon import Lexicon, Sense, lexicon

_WORD = re.compile(r"[A-Za-z0-9_À-ɏ](?:[\w.+-]*[\w+])?|[?!,;]")
PRONOUNS = frozenset(("it", "them", "they", "that", "this", "those", "these", "its", "their", "same", "ones"))


@dataclass(frozen=True)
class Word:
    """`name` is the component or application that the word stands for; `text` is lower case, `raw` as typed."""

    text: str
    raw: str
    start: int
    end: int
    senses: tuple[Sense, ...] = ()
    name: str = ""
    filler: bool = False
    common: bool = False

    def is_a(self, *concepts: str) -> bool:
        """Whether one of the senses is one of these concepts."""
        return any(sense.concept in concepts for sense in self.senses)

    def in_section(self, *sections: str) -> bool:
        """Whether one of the senses belongs to one of these sections."""
        return any(sense.section in sections for sense in self.senses)

    @property
    def kind(self) -> str:
        """The kind of object that the word names, if any."""
        return next((sense.concept for sense in self.senses if sense.section == "kind"), "")

    @property
    def unknown(self) -> bool:
        """Neither a concept nor a known name nor an everyday word."""
        return not (self.senses or self.name or self.filler or self.common)


def tag(text: str, facts: Facts) -> list[Word]:
    """The words of a clause (with blanks where parts were found), longest phrases first."""
    tokens = [(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]
    words: list[Word] = []
    index = 0
    vocabulary, known = lexicon(), known_names(facts)
    while index < len(tokens):
        word, used = _longest(tokens, index, vocabulary, known, text)
        words.append(word)
        index += used
    return words


def known_names(facts: Facts) -> dict[tuple[str, ...], str]:
    """Components and the application with the words that mean them."""
    known: dict[tuple[str, ...], str] = {}
    for name in facts.components:
        for alias in lexicon().aliases.get(name, ()):
            if "-".join(alias) not in facts.components:
                known[alias] = name
    for part in re.split(r"[-_.]", facts.app):  # "the todo app" for todo-chatbot
        known |= {(part, noun): facts.app for noun in ("app", "application", "stack") if part not in facts.components}
    for name in (*facts.components, facts.app):
        if name:
            known[(name,)] = name
            known[tuple(re.split(r"[-_.]", name))] = name
    return known


def _longest(
    tokens: list[tuple[str, int, int]], index: int, vocabulary: Lexicon, known: dict[tuple[str, ...], str], text: str
) -> tuple[Word, int]:
    for length in range(min(vocabulary.longest, len(tokens) - index), 0, -1):
        part = tokens[index : index + length]
        phrase = tuple(token.lower() for token, _, _ in part)
        start, end = part[0][1], part[-1][2]
        if length > 1 and "  " in text[start:end]:  # a part was found between the words: not one phrase
            continue
        base = Word(" ".join(phrase), text[start:end], start, end)
        if phrase in known:
            return Word(base.text, base.raw, start, end, name=known[phrase]), length
        if length > 1 and phrase[-1] in PRONOUNS and phrase in vocabulary.fillers:
            continue
        if phrase in vocabulary.fillers and phrase not in vocabulary.senses:
            return Word(base.text, base.raw, start, end, filler=True), length
        senses = vocabulary.lookup(phrase)
        if senses:
            return Word(base.text, base.raw, start, end, tuple(senses)), length
    token, start, end = tokens[index]
    low = token.lower()
    if low in vocabulary.common or low in PRONOUNS or not token[0].isalnum():
        return Word(low, token, start, end, common=True), 1
    shouted = token.isupper() and not text.isupper()  # a variable's name is no misspelt word
    return Word(low, token, start, end, () if shouted else tuple(_near(low, vocabulary, known))), 1


def _near(word: str, vocabulary: Lexicon, known: dict[tuple[str, ...], str]) -> list[Sense]:
    """What a misspelt word may mean; nothing when it is at least as near to a name."""
    from rapidfuzz.distance import OSA

    senses = vocabulary.guess(word)
    if senses and any(OSA.distance(word, " ".join(phrase)) <= 1 for phrase in known):
        return []
    return senses
