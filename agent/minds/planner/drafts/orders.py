"""Drafts beside the frames: which of the two readings of a message holds, and messages that need both."""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.minds.planner.drafts.draft import draft
from agent.minds.planner.meaning import Interpretation, Meaning, Step, Unknown
from agent.minds.planner.reading.facts import Facts

_OWN_TOOLS = (
    "deploy",
    "create_namespace",
    "autoscale",
    "expose",
    "build_image",
)  # know more about their kind than a manifest says
_NEXT = re.compile(
    r"(?:[.;]\s+|\n\s*(?:[-*]|\d+[.)])?\s*|,?\s+(?:and\s+)?then\s+|,?\s+and\s+(?:also\s+)?(?=(?:create|make|add a|"
    r"deploy|expose|scale|set up|label|annotate|delete|restart)\b))(?=\S)",
    re.IGNORECASE,
)


def drafted(text: str, facts: Facts, framed: Meaning, again: Callable[[str], Meaning]) -> Meaning:
    """What the message means: as the frames read it, or as orders to make objects with the fields that it names.

    `framed` is the reading by frames, `again` reads a part of the message that way.
    """
    made = draft(text, facts)
    if isinstance(framed, Interpretation):
        if isinstance(made, Unknown) and framed.calls[0].tool == "deploy" and len(framed.calls) == 1:
            return made  # the frame left words unread that a draft would have needed
        simple = all(step.tool in _OWN_TOOLS for step in framed.calls)
        return framed if simple or not isinstance(made, Interpretation) else made
    if made is None or isinstance(made, Interpretation):
        return made or _in_parts(text, facts, again) or framed
    return _in_parts(text, facts, again) or made


def _in_parts(text: str, facts: Facts, again: Callable[[str], Meaning]) -> Meaning | None:
    """Several orders, at least one of them for a draft; None when not all of them are understood."""
    parts = [part.strip() for part in _NEXT.split(text) if part.strip()]
    if len(parts) < 2:
        return None
    steps: list[Step] = []
    drafts = 0
    for part in parts:
        made = draft(part, facts)
        meaning = again(part)
        if made is not None and not isinstance(meaning, Interpretation):
            meaning, drafts = made, drafts + 1
        if not isinstance(meaning, Interpretation):
            return meaning if drafts else None
        steps += meaning.calls
    return Interpretation(tuple(steps), "; ".join(step.reading for step in steps), 0.9) if drafts else None
