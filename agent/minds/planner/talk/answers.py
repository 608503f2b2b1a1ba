"""The answer, composed from what the tools returned."""

from __future__ import annotations

import tomllib
from functools import cache

from agent.minds.mind import Returned
from agent.minds.planner.talk.trouble import hint
from tools.data import data_folder


@cache
def _templates() -> dict[str, str]:
    return tomllib.loads((data_folder("prompts") / "planner" / "answers.toml").read_text(encoding="utf-8"))


def compose(returned: tuple[Returned, ...], last_text: str = "") -> str:
    """One text from all results in order: what was found, what there is nothing to do about, what went wrong."""
    blocks = [_block(entry, len(returned) > 1) for entry in returned]
    text = "\n\n".join(dict.fromkeys(block for block in blocks if block))
    return text or _templates()["nothing"]


def _block(entry: Returned, several: bool) -> str:
    if entry.error:
        next_step = _templates().get(f"error-{entry.error_kind}", "")
        return f"{entry.error} {next_step}".strip()
    if entry.proposal is not None:
        if entry.proposal.changes:
            return ""  # its plan is shown by itself, unless something else of the request went wrong
        notes = entry.proposal.notes or (_templates()["already"],)
        return "\n".join(notes)
    if entry.result is None:
        return ""
    title = _templates().get(f"title-{entry.call.tool}", "") if several else ""
    name = (
        entry.call.arguments.get("name")
        or entry.call.arguments.get("release")
        or entry.call.arguments.get("kind")
        or ""
    )
    text = entry.result.text.rstrip() or _templates()["nothing"]
    if entry.call.tool == "diagnose" and (more := hint(entry.result.data)):
        text = f"{text}\n{more}"
    return f"{title.format(name=name).strip()}\n{text}" if title else text


def withheld(returned: tuple[Returned, ...]) -> str:
    """What to add when a part of the request failed and the proposals of the rest were therefore not planned."""
    planned = any(entry.proposal and entry.proposal.changes for entry in returned)
    failed = any(entry.error for entry in returned)
    return _templates()["withheld"] if planned and failed else ""
