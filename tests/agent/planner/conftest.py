"""The small world that the planner's tests speak of, and a conversation without a session."""

from __future__ import annotations

import pytest

from agent.minds.mind import Ask, Calls, Conversation, Move, Returned, Say, Turn
from agent.minds.planner.planner import Planner
from agent.minds.planner.reading.facts import KindFact, StaticFacts
from tools.catalog import CATALOG, Effect, Result, Tool

TOOLS = (*CATALOG, Tool("undo", Effect.CHANGE, "agent.guard.undo:undo"))
FACTS = StaticFacts(
    app="todo-chatbot",
    components=("frontend", "backend", "database"),
    buildable=("frontend", "backend"),
    release="todo-chatbot",
    context="shipmate",
    spaces=("default", "staging", "prod", "kube-system", "todo-chatbot"),
    custom=(KindFact("certificate", ("certificates", "cert")),),
    objects={
        "deployment": ("frontend", "backend", "web", "payments-api"),
        "job": ("migrate",),
        "statefulset": ("database", "cache"),
        "daemonset": ("node-agent", "worker"),
        "pod": ("web-7d9f8b6c5-x2x4z", "database-0"),
        "node": ("worker-1", "worker-2"),
        "configmap": ("app-config",),
        "service": ("web", "backend"),
    },
    charts=("todo-chatbot", "redis"),
)


@pytest.fixture
def facts() -> StaticFacts:
    return FACTS


class Talk:
    """A conversation in which every tool call succeeds with a word."""

    def __init__(self, facts: StaticFacts = FACTS, tools: tuple[Tool, ...] = TOOLS) -> None:
        self.conversation = Conversation(tools=tools)
        self.planner = Planner(facts=facts)

    def say(self, text: str) -> Move:
        turns = self.conversation.turns
        turns.append(Turn(role="person", text=text))
        move = list(self.planner.next(self.conversation))[-1]
        match move:
            case Calls(calls=calls):
                turns.append(Turn(role="mind", calls=calls))
                turns.append(
                    Turn(role="tools", returned=tuple(Returned(call=c, result=Result(text="fine")) for c in calls))
                )
                turns.append(Turn(role="mind", text="fine"))
            case Ask(text=question, options=options):
                turns.append(Turn(role="mind", text=question, options=options))
            case Say(text=answer):
                turns.append(Turn(role="mind", text=answer))
            case _:
                raise AssertionError(f"a planner does not write: {move}")
        return move


@pytest.fixture
def talk() -> Talk:
    return Talk()
