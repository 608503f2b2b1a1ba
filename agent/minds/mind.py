"""What decides the next step of a conversation: the planner, or a chat model. The loop does not know which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tools.catalog import Result, Tool
from tools.change import Frozen, Json, Proposal


class Call(Frozen):
    """One tool call; `id` is unique within the conversation."""

    id: str
    tool: str
    arguments: dict[str, Json]


class Calls(Frozen):
    """Move: call these tools. `reading` says how the request was understood ("I read this as …")."""

    calls: tuple[Call, ...]
    reading: str = ""
    text: str = ""


class Ask(Frozen):
    """Move: one question to the person."""

    text: str
    options: tuple[str, ...] = ()


class Say(Frozen):
    """Move: the answer, which ends the turn.

    `understood` is False when the request made no sense to the mind, `refused` is True when it may not be done here.
    """

    text: str
    understood: bool = True
    refused: bool = False


class Writing(Frozen):
    """Not a move yet: a piece of text while a model writes."""

    text: str


Move = Calls | Ask | Say


class Returned(Frozen):
    """What became of one call: a result, a proposal (its plan follows), or an error that the mind can read.

    `error_kind` is the error's class name; for `NeedsAnswer` the loop puts the question to the person, `slot` names
    the argument that the answer fills and `options` are the likely answers.
    """

    call: Call
    result: Result | None = None
    proposal: Proposal | None = None
    error: str = ""
    error_kind: str = ""
    options: tuple[str, ...] = ()
    slot: str = ""


class Turn(Frozen):
    """An entry of the conversation: who spoke and what (for `tools` the returned calls, for `plan` a plan's fate).

    `reported` marks words that the program said in the mind's place, such as an error, which may quote a cluster.
    """

    role: Literal["person", "mind", "tools", "plan"]
    text: str = ""
    calls: tuple[Call, ...] = ()
    returned: tuple[Returned, ...] = ()
    plan_id: str = ""
    options: tuple[str, ...] = ()
    reported: bool = False


@dataclass
class Conversation:
    """The turns so far, and the tools that may be called in the current mode."""

    turns: list[Turn] = field(default_factory=list)
    tools: tuple[Tool, ...] = ()


class Mind(Protocol):
    """One protocol for every mind."""

    def next(self, conversation: Conversation) -> Iterator[Writing | Move]:
        """Yield any number of `Writing`, then exactly one move."""
        ...
