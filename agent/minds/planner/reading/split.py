"""A request cut into its clauses: lists, sentences, and orders joined by "and", "then" or a comma."""

from __future__ import annotations

import re

from agent.minds.planner.meaning import Memory
from agent.minds.planner.reading.clause import Clause, parse
from agent.minds.planner.reading.facts import Facts

_BULLET = re.compile(r"(?m)^\s*(?:\(?\d{1,2}[.):]|[-*•])\s+")
_INLINE = re.compile(r"(?:^|\s)\(?\d{1,2}[.)]\s+(?=[a-zA-Z])")
_SENTENCE = re.compile(r"(?<=[a-zA-Z0-9)\"'`%])[.!](?=\s+[A-Za-z]|\s*$)|\?(?=\s|$)|;|\n+")
_JOINT = re.compile(
    r"(,?\s*\b(?:and then|and also|and finally|then|after that|afterwards|followed by|next|finally|plus|and|but|so"
    r"|because|since(?! \d| the last| yesterday)|as well as|while)\b|:(?=\s+[a-z])|,|\s&\s|\s\+\s)\s*",
    re.IGNORECASE,
)


def clauses(text: str, facts: Facts, memory: Memory) -> list[Clause]:
    """The clauses of a plain text, in order, without empty ones."""
    found: list[Clause] = []
    for sentence in _sentences(text):
        found.extend(_orders(sentence, facts, memory))
    return [clause for clause in found if clause.text.strip(" ,.!?")]


def _sentences(text: str) -> list[str]:
    text = _BULLET.sub("\n", text)
    if len(_INLINE.findall(text)) > 1:
        text = _INLINE.sub("\n", text)
    pieces: list[str] = []
    last = 0
    for match in _SENTENCE.finditer(text):
        if _inside_quotes(text, match.start()):
            continue
        mark = "?" if match[0] == "?" else ""
        pieces.append(text[last : match.start()] + mark)
        last = match.end()
    return [piece.strip() for piece in (*pieces, text[last:]) if piece.strip()]


def _orders(sentence: str, facts: Facts, memory: Memory) -> list[Clause]:
    """Cut at joints whose right side starts an order or a question of its own; the rest stays together."""
    pieces: list[str] = []
    last = 0
    for match in _JOINT.finditer(sentence):
        if match.start() < last or _inside_quotes(sentence, match.start()):
            continue
        left, right = sentence[last : match.start()], sentence[match.end() :]
        if left.strip() and right.strip() and _starts(left, right, match[1], facts, memory):
            if match[1] != ":":  # what stands before a colon only announces what follows
                pieces.append(left)
            last = match.end()
    pieces.append(sentence[last:])
    parsed: list[Clause] = []
    for index, piece in enumerate(pieces):
        clause = parse(piece, facts, memory)
        if index + 1 < len(pieces) and _bare_verb(clause):  # "build and deploy backend"
            names = [word.raw for word in parse(pieces[index + 1], facts, memory).words if word.name or word.unknown]
            clause = parse(f"{piece} {' and '.join(names)}", facts, memory)
        parsed.append(_with_verb_of(parsed, clause, facts, memory))
    return parsed


def _bare_verb(clause: Clause) -> bool:
    """Whether the clause is an order without anything that it could be about."""
    others = [word for word in clause.words if word is not clause.verb and not word.filler and not word.common]
    return (
        clause.mood == "do" and not others and clause.parts.rest.strip() == clause.text.strip() and not clause.pronoun
    )


def _starts(left: str, right: str, joint: str, facts: Facts, memory: Memory) -> bool:
    head = _JOINT.split(right, maxsplit=1)[0]
    clause = parse(head, facts, memory)
    words = [word for word in clause.words if not word.filler]
    if joint.strip(" ,").lower() in ("but", "and", "") and right.lower().startswith("not "):
        return False  # "everything but not the database"
    if joint.strip(" ,").lower() in ("because", "since", "so", "but", "while"):
        return bool(words)
    if (
        clause.mood in ("ask", "howto", "whatif", "whatchange")
        and words
        and words[0].text.split()[0] not in ("is", "are", "was", "any")
    ):
        return True
    if clause.mood in ("do", "never") and clause.verb is not None and clause.sense is not None:
        before = [
            word
            for word in words
            if word.start < clause.verb.start
            and word.text not in ("not", "do", "then", "never", "i", "want", "to", "also")
        ]
        own = any(word.name or word.unknown for word in words) and not clause.parts.amounts
        if not before and (own or not clause.verb.in_section("topic")):
            return True
    topics = [word for word in words[:2] if word.is_a("logs", "events", "status", "history")]
    left_clause = parse(left, facts, memory)
    if topics and left_clause.sense and left_clause.sense.section == "change":
        return True
    return _own_value(left_clause, clause)


def _own_value(left: Clause, right: Clause) -> bool:
    """ "scale backend to 3 and frontend to 2": the right side has a name and a value of the kind that the left has."""
    named = (
        any(word.name or word.unknown for word in left.words),
        any(word.name or word.unknown for word in right.words),
    )
    if not all(named) or right.sense is not None or left.sense is None:
        return False
    for slot in ("to", "count", "by", "more", "percent", "tag", "revision"):
        if getattr(left.parts, slot) not in (None, "") and getattr(right.parts, slot) not in (None, ""):
            return True
    counted = {"to", "count", "numbers"}
    has = [any(getattr(side.parts, slot) not in (None, []) for slot in counted) for side in (left, right)]
    return (
        all(has) or bool(left.parts.images and right.parts.images) or bool(left.parts.amounts and right.parts.amounts)
    )


def _with_verb_of(before: list[Clause], clause: Clause, facts: Facts, memory: Memory) -> Clause:
    """A clause without a verb that has values of its own takes over the verb of the one before."""
    if not before or clause.sense or before[-1].verb is None or not _own_value(before[-1], clause):
        return clause
    topic = next((word.text for word in before[-1].words if word.in_section("topic")), "")
    return parse(f"{before[-1].verb.text} {topic} {clause.text}".replace("  ", " "), facts, memory)


def _inside_quotes(text: str, position: int) -> bool:
    return any(text[:position].count(mark) % 2 for mark in '"`')
