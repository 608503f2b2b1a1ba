"""Orders whose parts are related in ways that phrases cannot tell: traffic and grants."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.drafts.fragments import Text
from agent.minds.planner.drafts.head import Head
from agent.minds.planner.reading.facts import Facts

Object = dict[str, Any]
_TRAFFIC = re.compile(
    r"traffic|gress|isolat|incoming|outgoing|inbound|outbound|connect|\breach\b|talk to|network access", re.IGNORECASE
)
_GRANT = re.compile(
    r"^\W*(?:[\w']+[\s,]+){0,6}?(?:give|grant|let|allow|permit|assign|authori[sz]e|make|bind)\b", re.IGNORECASE
)


def given(text: str, facts: Facts) -> tuple[list[Object], str] | None:
    """The objects of an order to give rights, or the question about it; None for any other order."""
    if not _GRANT.match(text):
        return None
    from agent.minds.planner.drafts.grants import granted

    return granted(text.strip(), facts)


def policy_head(text: str) -> Head | None:
    """The head of an order about traffic that does not name its kind."""
    if not _TRAFFIC.search(text):
        return None
    from agent.minds.planner.drafts.traffic import about_traffic

    return Head("networkpolicy", "", 0, 0) if about_traffic(text) else None


def read_traffic(said: Text, manifest: Object, facts: Facts) -> tuple[str, str]:
    """Fill a network policy from the sentence: the name that suggests itself, and what has to be asked."""
    from agent.minds.planner.drafts.traffic import Walk

    walk = Walk(said, facts, None)
    walk.read()
    if walk.namespace:
        manifest["metadata"]["namespace"] = walk.namespace
    spec = walk.spec()
    if spec["policyTypes"]:
        manifest["spec"] = spec
    return walk.name(), walk.problem


def special(text: str, facts: Facts) -> bool:
    """Whether the text is an order of these, whatever else it could be read as."""
    return given(text, facts) is not None or policy_head(text) is not None
