"""The planner: a mind without a language model. It reads the last turn and makes one move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.minds.mind import Ask, Call, Calls, Conversation, Move, Say, Turn, Writing
from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation, Question, Reply, Unknown
from agent.minds.planner.reading.facts import ContextFacts, Facts, StaticFacts
from agent.minds.planner.talk.answers import compose, withheld
from agent.minds.planner.talk.remember import remember
from agent.minds.planner.talk.says import say

if TYPE_CHECKING:
    from tools.context import Context


class Planner:
    """Understands requests by their parts; see `interpret`."""

    def __init__(self, ctx: Context | None = None, facts: Facts | None = None) -> None:
        self._ctx, self._facts = ctx, facts

    def next(self, conversation: Conversation) -> Iterator[Writing | Move]:
        """Exactly one move."""
        yield self._move(conversation)

    def _move(self, conversation: Conversation) -> Move:
        last = conversation.turns[-1] if conversation.turns else Turn(role="person")
        if last.role == "tools":
            return Say(text="\n\n".join(filter(None, (compose(last.returned), withheld(last.returned)))))
        if last.role != "person":
            return Say(text=last.text or say("left"))
        # looked up anew for each message, because the cluster and the workspace change while people talk
        facts = self._facts or (ContextFacts(self._ctx) if self._ctx else StaticFacts())
        meaning = interpret(last.text, facts, remember(conversation.turns, facts))
        if isinstance(meaning, Question | Unknown) and facts.problem:
            return Say(text=facts.problem, understood=False)  # with the workspace it might have been clear
        match meaning:
            case Interpretation():
                return self._calls(conversation, meaning)
            case Question(text=text, options=options):
                return Ask(text=text, options=options)
            case Unknown(text=text):
                return Say(text=text, understood=False)
            case Reply(text=text):
                return Say(text=text)

    def _calls(self, conversation: Conversation, meaning: Interpretation) -> Move:
        allowed = {tool.name for tool in conversation.tools}
        if any(step.change and step.tool not in allowed for step in meaning.calls):
            return Say(text=say("read-only-mode"), refused=True)
        number = sum(len(turn.returned) for turn in conversation.turns)
        calls = tuple(
            Call(
                id=f"c{number + index}",
                tool=step.tool,
                arguments={k: v for k, v in step.arguments.items() if v is not None},
            )
            for index, step in enumerate(meaning.calls, 1)
        )
        return Calls(calls=calls, reading=meaning.reading)
