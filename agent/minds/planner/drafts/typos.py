"""Misspelt words of phrases: corrected where exactly one word is meant, and told."""

from __future__ import annotations

import re
from functools import cache

from agent.minds.planner.drafts.data import entries, groups, kind_words, macros


def corrected(text: str, kind: str, left: str) -> tuple[str, list[str]]:
    """The text with the words that nobody took put right where one is meant, and what was read as what."""
    notes: list[str] = []
    for word in left.split():
        plain = word.strip("\"'`.,;:()")
        if plain.isalpha() and len(plain) > 3 and (meant := _nearest(plain.lower(), _literals(kind))):
            text = re.sub(rf"(?<![\w./-]){re.escape(plain)}(?![\w-])", meant, text, count=1)
            notes.append(f"read {plain} as {meant}")
    return text, notes


def kind_meant(word: str) -> str:
    """The kind word that a misspelt one stands for; empty when it is none or could be two."""
    words = frozenset(re.sub(r"\[[^]]*\]\?", "", one) for one in kind_words().split("|"))
    return "" if word in words or len(word) < 5 else _nearest(word, words)


def _nearest(word: str, known: frozenset[str]) -> str:
    from rapidfuzz.distance import OSA

    most = 1 if len(word) < 8 else 2
    near = sorted(
        (OSA.distance(word, one, score_cutoff=most), one) for one in known if abs(len(one) - len(word)) <= most
    )
    near = [(distance, one) for distance, one in near if 0 < distance <= most]
    singular = {one.removesuffix("s") for distance, one in near if distance == near[0][0]}
    return near[0][1] if len(singular) == 1 else ""


@cache
def _literals(kind: str) -> frozenset[str]:
    """The words that stand in the phrases about a kind."""
    found: set[str] = set()
    for entry in entries():
        wanted = {one for word in entry.get("for", "any").split() for one in groups().get(word, {word})}
        if wanted & {"any", kind}:
            says = entry["says"] if isinstance(entry["says"], list) else [entry["says"]]
            text = re.sub(r"\{\w+(?::\w+)?\}|\(\?P<\w+>|\\\w|<\w+>", " ", " ".join(says)).replace("-?", "")
            found |= set(re.findall(r"[a-z]{4,}", text.lower()))
    return frozenset(found | set(re.findall(r"[a-z]{4,}", " ".join(macros().values()))))
