"""What only looks like an order that could be carried out: shells, schedules, conditions, other clusters."""

from __future__ import annotations

import re
from itertools import pairwise

from agent.minds.planner.meaning import Unknown
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.names import impossible_name
from agent.minds.planner.reading.text import look_alike
from agent.minds.planner.talk.says import say

_ELSEWHERE = re.compile(
    r"^\W*(?:please )?(?:(?:switch|connect|go|change|move|use)\b.*\b(?:cluster|context|kubeconfig)\b"
    r"|(?:switch|go|change|move) to (?:the )?(?:\S+ )?namespace\b)"
)
_OTHER_CLUSTER = re.compile(r"\b(?:in|on) (?:the )?[\w-]+ (?:cluster|context)\b")
_LATER = re.compile(
    r"\b(?:in|after) \d+ ?(?:min|minute|hour|sec|second|day)s?\b|\bat \d{1,2}(?::\d\d)? ?(?:am|pm|o'clock)\b"
)
_GUARD = r"(?:guard|dry[ -]runs?|approvals?|confirmations?|safety(?: checks?)?|asking)(?![\w-])"
_AROUND_THE_GUARD = re.compile(
    rf"\b(?:(?:turn|switch)(?:ing)? off|disabl(?:e|ing)|bypass(?:ing)?|skip(?:ping)?|stop|without|forget|drop) "
    rf"(?:the |your |all |any |every )?{_GUARD}"
)
_APPROVAL = re.compile(r"^\W*(?:(?:i|we) (?:hereby )?)?(?:approved?|digest)\b(?! (?:the )?(?:csr|certificate))")
_OUTSIDE = re.compile(
    r"^\W*(?:please )?(?:log ?in|sign in|(?:port[- ]?)?forward|tunnel|send|upload|e-?mail|post)\b(?! (?:logs|to))"
)
_CONDITION = re.compile(r"^\W*(?:if|unless|whenever|as soon as|in case|once|when)\b[^?]*$")
_NEVER_DONE = ("unable", "shell", "drain")  # declined whatever words they come with, unless asked about
_NOT_AS_ORDERS = ("canary", "schedule")


def beyond(text: str) -> Unknown | None:
    """What no wording reaches: names that only look right, the guard itself, a yes in words, ways out of here."""
    low = text.lower()
    if word := look_alike(text):
        return Unknown(say("look-alike", word=word))
    if _AROUND_THE_GUARD.search(low):
        return Unknown(say("guard"))
    if _APPROVAL.search(low):
        return Unknown(say("approval"))
    return Unknown(say("outside")) if _OUTSIDE.search(low) else None


def conditional(found: list[Clause]) -> Unknown | None:
    """ "If the error rate rises, delete web": an order that follows a condition is not one for now."""
    for first, then in pairwise(found):
        if orders(then) and _CONDITION.search(first.text.lower()) and not orders(first):
            return Unknown(say("condition"))
    return None


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
    if clause.concept in ("delete", "undeploy") and (unclear := _unclear_deletion(clause)):
        return unclear
    if name := impossible_name(clause):
        return Unknown(say("impossible-name", name=name))
    if clause.says("condition"):
        return Unknown(say("condition"))
    if _LATER.search(low):
        return Unknown(say("schedule", word="later"))
    if _OTHER_CLUSTER.search(low) and not clause.parts.namespace and not clause.says("build"):
        return Unknown(say("other-cluster"))
    return None


def _unclear_deletion(clause: Clause) -> Unknown | None:
    """ "delete web and its service", "remove web from the ingress": less, or something else, would be deleted."""
    low = clause.text.lower()
    for word in clause.kinds:
        lead = low[: word.start].rstrip()
        if re.search(r"\S+ and (?:its|their)$", lead):
            return Unknown(say("delete-belongings"))
        if word.kind != "namespace" and re.search(r"\w+ (?:from|off|out of)(?: the| its)?$", lead):
            named = any(other.unknown or other.name for other in clause.words if other.start < word.start)
            if named and not _setting(clause):
                return Unknown(say("change-kind", kind=word.kind, name="objects"))
    return None


def _setting(clause: Clause) -> bool:
    """Whether a label, a variable, a limit or replicas are to be removed from the object."""
    parts = clause.parts
    topics = ("labels", "annotations", "env", "memory", "cpu", "resources", "replicas", "label", "autoscale")
    return clause.says(*topics) or bool(parts.capitals or parts.pairs or parts.selector or parts.count)
