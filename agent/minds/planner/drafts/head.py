"""How an order to make something begins: "create a stateful set called db", "make web as a DaemonSet"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.minds.planner.drafts.data import kind_of, kind_words, words
from agent.minds.planner.drafts.fragments import Text, compiled
from agent.minds.planner.drafts.slots import NAME
from agent.minds.planner.drafts.typos import kind_meant
from agent.minds.planner.reading.facts import Facts

_POLITE = (
    r"^\W*(?:(?:please|pls|hi|hello|hey|ok|okay|so|now|then|also|first|next|finally|and|just|kindly|can|could|would|will"
    r"|you|i|we|need|want|like|would like|to|must|should|have|lets|let us|go ahead|help me|for me)\b[\s,]*)*"
)
_VERB = (
    r"(?:create|make|add|set up|setup|deploy|run|start|launch|spin up|bring up|stand up|provision|define|write|generate"
    r"|give me|need|needs|want|there should be|prepare|establish|configure|put in place|introduce|get me)"
)
_ARTICLE = r"(?:(?:a|an|the|one|1|new|simple|basic|single|small|another|kubernetes|k8s|following|plain|me|us)\s+)*"
_NAMED = compiled(
    r"(?:called|named|with (?:the )?name(?: of)?|name it|name:?|whose name is|by the name of) [\"'`]?{name}[\"'`]?"
)[0]


@dataclass(frozen=True)
class Head:
    """The kind that is to be made, its name if one was said, and where the words about it stand."""

    kind: str
    name: str
    start: int
    end: int


def read_head(text: Text, facts: Facts) -> Head | None:
    """The head of an order to make an object, taken from the text; None when it is no such order."""
    opened = re.match(rf"{_POLITE}{_VERB}\s+{_ARTICLE}", text.rest, re.IGNORECASE)
    if not opened:
        return None
    kind_word = rf"(?P<kept>headless\s+)?[\"'`]?(?P<kind>{kind_words()})\b[\"'`]?"
    found = re.compile(rf"(?P<before>){kind_word}", re.IGNORECASE).match(text.rest, opened.end()) or re.compile(
        rf"[\"'`]?(?P<before>{NAME})[\"'`]?\s+(?:as\s+{_ARTICLE})?{kind_word}", re.IGNORECASE
    ).match(text.rest, opened.end())
    kind, name = "", ""
    if found:
        kind, name, end = kind_of(found["kind"]), found["before"] or "", found.end()
    else:
        word = re.compile(r"([A-Za-z][\w-]*)").match(text.rest, opened.end())
        kind = facts.kind_called(word[1].lower()) if word else ""
        end = word.end() if word else 0
    if not kind or name.lower() in words("not-names"):
        return None
    text.take((0, end))
    if found and found["kept"]:
        text.give_back(found.span("kept"))
    return Head(kind, name or _name_after(text, end), 0, end)


def _name_after(text: Text, end: int) -> str:
    """The name, said with words ("called web") anywhere, or standing right after the kind."""
    after = re.compile(rf"\s*:?\s*[\"'`]?({NAME})[\"'`]?(?=\s|[,.:;]|$)", re.IGNORECASE).match(text.rest, end)
    if after and after[1].lower() not in words("not-names"):
        text.take(after.span())
        return after[1]
    if named := _NAMED.search(text.rest, end):
        text.take(named.span())
        return named["name"]
    return ""


def mended_kind(text: str) -> tuple[str, str] | None:
    """The order with the misspelt word for its kind put right, and what was read as what."""
    opened = re.match(rf"{_POLITE}(?:create|make|add|set up|define)\s+{_ARTICLE}([a-z]+)\b", text, re.IGNORECASE)
    if not opened or not (meant := kind_meant(opened[1].lower())):
        return None
    return text[: opened.start(1)] + meant + text[opened.end(1) :], f"read {opened[1]} as {meant}"
