"""How far Shipmate may go at all: the modes. What a change needs within them is decided by `judge.py`."""

from collections.abc import Iterable
from enum import StrEnum

from tools.catalog import Effect, Tool


class Mode(StrEnum):
    """How far Shipmate may go, from the least to the furthest.

    read-only  change tools do not exist
    dry-run    plans end at the preview
    ask        every plan waits for a yes
    auto       what a person's own policy allows is applied without a question; the rest waits for a yes
    """

    READ_ONLY = "read-only"
    DRY_RUN = "dry-run"
    ASK = "ask"
    AUTO = "auto"

    @property
    def applies(self) -> bool:
        """Whether anything can be applied."""
        return self in (Mode.ASK, Mode.AUTO)


def lowest(modes: Iterable[Mode]) -> Mode:
    """The one that goes the least far; each can only lower what the others permit."""
    return min(modes, key=list(Mode).index)


def tools_in(mode: Mode, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """The tools that exist in this mode."""
    if mode is Mode.READ_ONLY:
        return tuple(tool for tool in tools if tool.effect is Effect.READ)
    return tools
