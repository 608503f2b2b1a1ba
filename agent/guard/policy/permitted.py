"""What a person asks, or takes back, about what is done without a question: answered here, never by a mind."""

from __future__ import annotations

import re

from agent.guard.guard import Guard
from agent.guard.policy.modes import Mode

_ASKS = re.compile(
    r"/?(?:grants|standing grants|what (?:may|can|do) you (?:do|change|apply) without (?:asking|a question|a yes)"
    r"(?: me)?|what (?:have|did) i (?:allow(?:ed)?|grant(?:ed)?|permit(?:ted)?)(?: you)?)\W*\Z",
    re.I,
)
_REVOKES = re.compile(
    r"/?revoke(?: (?:it|that|all|everything|(?:the |all |my )?(?:standing )?grants?|(?P<id>[0-9a-f]{4,8})))?\W*\Z", re.I
)


def about_permission(guard: Guard, text: str, by: str) -> str:
    """The answer to a question about standing grants or to `revoke`; empty when the text is about something else."""
    said = " ".join(text.split())
    if _ASKS.match(said):
        return _permitted(guard)
    if revokes := _REVOKES.match(said):
        return _revoked(guard, revokes["id"], by)
    return ""


def _permitted(guard: Guard) -> str:
    if not guard.mode.applies:
        return f"Nothing at all: in {guard.mode} mode nothing is applied."
    lines = [f"{grant.id}  {grant}" for grant in guard.standing.active()]
    if lines:
        lines = ["Without a question, since you said so in this session:", *lines, 'To end one: "revoke ID".']
    if guard.mode is Mode.AUTO:
        lines.append("In auto mode, what your policy allows is applied without a question: `shipmate policy show`.")
    return "\n".join(lines) or "Nothing was permitted for this session: every plan waits for a yes."


def _revoked(guard: Guard, beginning: str | None, by: str) -> str:
    active = [grant.id for grant in guard.standing.active()]
    wanted = [one for one in active if not beginning or one.startswith(beginning.lower())]
    ended = guard.revoke(by, wanted)
    if not ended:
        return "There was nothing to revoke: every plan waits for a yes."
    return f"Revoked: {', '.join(ended)}. {'The rest still stands.' if len(ended) < len(active) else 'I ask again.'}"
