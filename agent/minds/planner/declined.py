"""What only looks like an order that could be carried out: shells, schedules, conditions, other clusters."""

from __future__ import annotations

import re

from agent.minds.planner.clause import Clause
from agent.minds.planner.meaning import Unknown
from agent.minds.planner.names import impossible_name
from agent.minds.planner.says import say

_ELSEWHERE = re.compile(
    r"^\W*(?:please )?(?:(?:switch|connect|go|change|move|use)\b.*\b(?:cluster|context|kubeconfig)\b"
    r"|(?:switch|go|change|move) to (?:the )?(?:\S+ )?namespace\b)"
)
_OTHER_CLUSTER = re.compile(r"\b(?:in|on) (?:the )?[\w-]+ (?:cluster|context)\b")
_LATER = re.compile(
    r"\b(?:in|after) \d+ ?(?:min|minute|hour|sec|second|day)s?\b|\bat \d{1,2}(?::\d\d)? ?(?:am|pm|o'clock)\b"
)
_NEVER_DONE = ("unable", "shell", "drain")  # declined whatever words they come with, unless asked about
_NOT_AS_ORDERS = ("canary", "schedule")


def orders(clause: Clause) -> bool:
    """Whether the clause tells to change something."""
    return clause.mood == "do" and clause.sense is not None and clause.sense.section in ("change", "light")


def declined(clause: Clause) -> Unknown | None:
    """The sentence that says why not, if the clause asks for something that is not done here."""
    low, changing = clause.text.lower(), orders(clause)
    topics = [
        "compare",
        "journal",
        "unknowable",
        *(_NEVER_DONE if clause.mood != "ask" else ()),
        *(_NOT_AS_ORDERS if changing else ()),
    ]
    for topic in topics:
        if found := next((word for word in clause.words if word.is_a(topic) and not word.name), None):
            return Unknown(say(topic, word=found.text))
    if _ELSEWHERE.search(low):
        return Unknown(say("other-cluster"))
    if not changing:
        return None
    if name := impossible_name(clause):
        return Unknown(say("impossible-name", name=name))
    if clause.says("condition"):
        return Unknown(say("condition"))
    if _LATER.search(low):
        return Unknown(say("schedule", word="later"))
    if _OTHER_CLUSTER.search(low) and not clause.parts.namespace and not clause.says("build"):
        return Unknown(say("other-cluster"))
    return None
