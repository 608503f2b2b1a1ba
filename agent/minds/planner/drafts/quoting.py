"""Commands that are quoted in backticks: those of a container are data, all others are a shell's."""

from __future__ import annotations

import re

_RUNS = (
    r"(?:runs?|running|executes?|executing|commands?|cmd|entry ?point|args?|arguments?|does|starts?"
    r"|prints?|printing|echo(?:es)?|exec|probes?|checks?)"
)
_COMMAND = re.compile(
    rf"\b{_RUNS}(?:\s+(?:is|of|the|command|a|to|with|exec|runs|running|=|:))*\s*:?\s*`[^`\n]+`", re.IGNORECASE
)
_KINDS = r"pods?|deployment|stateful ?set|daemon ?set|replica ?set|job|cron ?job|containers?"
_MAKES = re.compile(rf"^[^`]*\b(?:{_KINDS})\b", re.IGNORECASE)


def quoted_commands(text: str) -> str:
    """The text without the commands that containers are said to run; unchanged when it is no such order."""
    return _COMMAND.sub(" ", text) if "`" in text and _MAKES.match(text) else text
