"""Drafts beside the frames: which of the two readings of a message holds, and messages that need both."""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.minds.planner.drafts.draft import draft
from agent.minds.planner.drafts.quoting import quoted_commands
from agent.minds.planner.drafts.special import special
from agent.minds.planner.meaning import Interpretation, Meaning, Question, Step, Unknown
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.talk.says import say

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
    if isinstance(made, Interpretation | Question) and special(text, facts):
        return made  # what frames make of "allow web to reach db" is something else
    if quoted_commands(text) != text:  # what a container is told to run is data there, and a shell's anywhere else
        made = made if isinstance(made, Interpretation) else _in_parts(text, facts, again) or made
        return made or Unknown(say("shell-marks", mark="`"))
    if isinstance(framed, Interpretation):
        if isinstance(made, Unknown) and all(
            step.tool == "deploy" or (step.tool == "autoscale" and "memory" in text.lower()) for step in framed.calls
        ):
            return made  # the frame left words unread that a draft would have needed
        simple = all(step.tool in _OWN_TOOLS for step in framed.calls) and not _says_more(made, framed)
        return framed if simple or not isinstance(made, Interpretation) else made
    if made is None or isinstance(made, Interpretation):
        return made or _in_parts(text, facts, again) or framed
    return _in_parts(text, facts, again) or made


_COVERED = {"name", "image", "ports", "env", "resources"}  # of a container, by the arguments of deploy


def _says_more(made: Meaning | None, framed: Interpretation) -> bool:
    """Whether the draft holds what the one call by a frame has no argument for."""
    if not isinstance(made, Interpretation):
        return False
    tools: list[str] = [step.tool for step in framed.calls]
    place = framed.calls[-1].arguments.get("namespace") if framed.calls else None
    if not tools or tools[0] not in ("deploy", "autoscale", "expose"):
        return False
    if len(framed.calls) > 1:
        return len(set(tools)) == 1  # one order, torn apart at a comma
    import yaml

    documents = list(yaml.safe_load_all(made.calls[-1].arguments["manifest"]))
    spec = documents[-1].get("spec", {})
    if tools[0] == "expose":
        return documents[-1]["kind"] == "Ingress"
    if tools[0] == "autoscale":
        names = [metric["resource"]["name"] for metric in spec.get("metrics", ())]
        return names not in ([], ["cpu"]) or "behavior" in spec
    pods = spec.get("template", {}).get("spec", spec)
    containers = pods.get("containers", [{}])
    elsewhere = place != documents[-1]["metadata"].get("namespace")
    return elsewhere or len(containers) > 1 or bool(set(pods) - {"containers"} or set(containers[0]) - _COVERED)


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
        quoted = quoted_commands(part) != part
        if quoted and made is None:
            return None
        if made is not None and (quoted or not isinstance(meaning, Interpretation)):
            meaning, drafts = made, drafts + 1
        if not isinstance(meaning, Interpretation):
            return meaning if drafts else None
        steps += meaning.calls
    return Interpretation(tuple(steps), "; ".join(step.reading for step in steps), 0.9) if drafts else None
