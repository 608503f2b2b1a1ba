"""The vocabulary, read from `prompts/planner/`: which concept a word or phrase stands for, typos included."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from rapidfuzz.distance import OSA

from tools.data import data_folder

SECTIONS = ("change", "light", "see", "ask", "topic", "decline")
VERBS = ("change", "light", "see")


@dataclass(frozen=True)
class Sense:
    """What a word means: the concept, its section of the lexicon, and how it was inflected (s, ed, ing or nothing)."""

    concept: str
    section: str
    form: str = ""
    typo: bool = False


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((data_folder("prompts") / "planner" / name).read_text(encoding="utf-8"))


class Lexicon:
    """Closed vocabularies. Phrases are tuples of lower-case words."""

    def __init__(self) -> None:
        data, kinds = _load("lexicon.toml"), _load("kinds.toml")
        self.senses: dict[tuple[str, ...], list[Sense]] = {}
        for section in SECTIONS:
            for concept, phrases in data[section].items():
                for phrase in phrases:
                    self._add(phrase, Sense(concept, section))
        for kind, words in kinds["kinds"].items():
            for word in words:
                self._add(word, Sense(kind, "kind", "s" if _plural(word, kind) else ""))
        self.fillers = {tuple(phrase.split()) for phrase in data["filler"]["phrases"]}
        self.aliases: dict[str, list[tuple[str, ...]]] = {
            name: [tuple(word.split()) for word in words] for name, words in data["aliases"].items()
        }
        self._replies = {phrase: name for name, phrases in data["reply"].items() for phrase in phrases}
        self.images = frozenset(data["images"]["well-known"])
        self.groups: dict[str, frozenset[str]] = {key: frozenset(value) for key, value in kinds["groups"].items()}
        self.kinds: frozenset[str] = frozenset(kinds["kinds"])
        text = (data_folder("prompts") / "planner" / "common.txt").read_text(encoding="utf-8")
        self.common = frozenset(text.split())
        self.longest = max(map(len, (*self.senses, *self.fillers)))
        self._single = {phrase[0]: found for phrase, found in self.senses.items() if len(phrase) == 1}
        self._by_start: dict[str, list[str]] = {}
        for word in self._single:
            self._by_start.setdefault(word[0], []).append(word)

    def _add(self, phrase: str, sense: Sense) -> None:
        self.senses.setdefault(tuple(phrase.split()), []).append(sense)

    def lookup(self, words: tuple[str, ...]) -> list[Sense]:
        """The senses of a phrase as written, and as the inflected form of a verb phrase."""
        found = list(self.senses.get(words, ()))
        for index in {0, len(words) - 1}:
            for stem, form in _stems(words[index]):
                base = self.senses.get((*words[:index], stem, *words[index + 1 :]), ())
                more = [Sense(sense.concept, sense.section, form) for sense in base if sense.section in VERBS]
                if more:
                    return found + more
        return found

    def reply(self, text: str) -> str:
        """Whether a whole message is just yes, no, thanks, hello, again or help; else nothing."""
        words = " ".join(re.findall(r"[\w?]+", text.lower()))
        short = re.sub(r"^(?:please|and) | (?:please|thanks|thank you|thx)$", "", words)
        return self._replies.get(words, "") or self._replies.get(short, "")

    def guess(self, word: str) -> list[Sense]:
        """The senses of the nearest word, for a misspelt one; empty where none is near or the word is a common one."""
        if len(word) < 4 or word in self.common or not (word.isalpha() and word.isascii()):
            return []
        allowed = 1 if len(word) < 8 else 2
        near: list[tuple[int, str]] = []
        for start in {word[0], word[1]}:
            for known in self._by_start.get(start, ()):
                if len(known) < 4 or abs(len(known) - len(word)) > allowed or known[0] not in word[:2]:
                    continue
                distance = OSA.distance(word, known, score_cutoff=allowed)
                if distance <= allowed:
                    near.append((distance, known))
        if not near:
            return []
        best = min(near)[0]
        found = [self._single[known] for distance, known in near if distance == best]
        return [Sense(sense.concept, sense.section, sense.form, typo=True) for sense in found[0]]


def _plural(word: str, kind: str) -> bool:
    return word != kind and word.endswith("s") and word not in ("ds", "rs", "sts", "ns", "ingress", "endpoints")


def _stems(word: str) -> list[tuple[str, str]]:
    """Possible base forms of an inflected verb, each with the inflection."""
    found: list[tuple[str, str]] = []
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word[: -len(ending)]
            found += [(stem, ending), (stem + "e", ending)]
            if stem[-1] == stem[-2]:
                found.append((stem[:-1], ending))
    if word.endswith("s") and len(word) > 3:
        found.append((word[:-1], "s"))
        if word.endswith("es"):
            found.append((word[:-2], "s"))
        if word.endswith("ies"):
            found.append((word[:-3] + "y", "s"))
    if word.endswith("ied"):
        found.append((word[:-3] + "y", "ed"))
    irregular = {"ran": "run", "undid": "undo", "undone": "undo", "gave": "give", "given": "give", "made": "make",
                 "built": "build", "rebuilt": "rebuild", "shown": "show", "rolled": "roll", "running": "run",
                 "tore": "tear", "took": "take", "got": "get"}  # fmt: skip
    if word in irregular:
        found.append((irregular[word], "ed"))
    return found


@cache
def lexicon() -> Lexicon:
    """The one lexicon, read at first use."""
    return Lexicon()
