"""What understanding a sentence can come to, and what is remembered of the conversation. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.minds.planner.talk.trouble import Trouble

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One tool call with the words that say how it was read; `change` tells whether the tool proposes a change."""

    tool: str
    arguments: Arguments
    reading: str = ""
    change: bool = False

    def having(self, reading: str = "", **arguments: Any) -> Step:
        """The same step with some arguments replaced."""
        return replace(self, arguments={**self.arguments, **arguments}, reading=reading or self.reading)


@dataclass(frozen=True)
class Interpretation:
    """The request as tool calls in order; `confidence` from 0 to 1 is that of the least certain step."""

    calls: tuple[Step, ...]
    reading: str = ""
    confidence: float = 1.0


@dataclass(frozen=True)
class Question:
    """Something needed is missing or ambiguous.

    Either the answer fills the argument `slot` of `steps[index]`, or it picks one of `choices`, which stand beside
    `options`; a choice without steps means to leave it.
    """

    text: str
    options: tuple[str, ...] = ()
    slot: str = ""
    steps: tuple[Step, ...] = ()
    index: int = 0
    choices: tuple[tuple[Step, ...], ...] = ()


@dataclass(frozen=True)
class Unknown:
    """Not understood, or not possible: what to say about it."""

    text: str


@dataclass(frozen=True)
class Reply:
    """Understood, and answered without any tool."""

    text: str


Meaning = Interpretation | Question | Unknown | Reply


@dataclass(frozen=True)
class Memory:
    """What a follow-up can refer to.

    last      the calls of the latest request
    subject   arguments that say what was spoken of last (name, kind, namespace, release)
    question  the question that the person may be answering
    plan      id of the latest plan, and what became of it
    trouble   what the last diagnosis found
    plans     ids of the plans of this conversation that were decided, oldest first
    """

    last: tuple[Step, ...] = ()
    subject: Arguments = field(default_factory=dict[str, Any])
    question: Question | None = None
    plan: str = ""
    fate: str = ""
    plans: tuple[str, ...] = ()
    trouble: Trouble | None = None


NOTHING = Memory()
