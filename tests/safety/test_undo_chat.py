"""Undo in a conversation without a model: the phrases that people use, and the question that it may ask."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.events import Answered, Asked, Errored, Event, PlanProposed
from agent.minds.planner.planner import Planner
from agent.session import Session
from tests.safety.test_undo import Hand
from tools.context import Context

Put = Callable[[str], None]
MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: %s}\ndata: {a: '%s'}"


class Talk:
    """A conversation in which every plan gets a yes."""

    def __init__(self, ctx: Context) -> None:
        self.hand = Hand(ctx)
        self.session = Session(ctx, Planner(ctx))

    def say(self, text: str) -> Event:
        (*_, last) = self.session.send(text)
        if isinstance(last, PlanProposed):
            (*_, last) = self.session.approve(last.plan, last.plan.digest, "yes", typed=last.plan.confirm)
        return last

    def set(self, value: str) -> None:
        told = self.say(MANIFEST % (self.hand.ctx.namespace, value))
        assert isinstance(told, Answered), told
        assert told.outcome == "done"

    @property
    def value(self) -> str:
        return self.hand.data["a"]


@pytest.fixture
def talk(ctx: Context) -> Talk:
    return Talk(ctx)


def test_undo_redo_the_last_two_and_everything(talk: Talk) -> None:
    for value in "1234":
        talk.set(value)
    talk.say("undo that")
    assert talk.value == "3"
    talk.say("redo that")
    assert talk.value == "4"
    talk.say("undo the last two")
    assert talk.value == "2"
    talk.say("revert everything you did")
    assert not talk.hand.there("configmap", "settings")
    nothing = talk.say("undo that")
    assert "nothing to undo" in getattr(nothing, "text", getattr(nothing, "message", ""))


def test_a_plan_is_taken_back_by_its_id_and_not_by_a_wrong_one(talk: Talk) -> None:
    talk.set("1")
    talk.set("2")
    plan = talk.session.guard.store.plan(
        next(t.plan_id for t in reversed(talk.session.conversation.turns) if t.plan_id)
    )
    assert plan
    talk.say("undo plan 00000000")
    talk.say("undo plan zzz")
    assert talk.value == "2"
    talk.say(f"take back plan {plan[0].id}")
    assert talk.value == "1"


def test_the_question_about_what_others_did_is_answered_in_the_chat(talk: Talk) -> None:
    talk.set("1")
    talk.set("2")
    talk.hand.by_hand("configmap", "settings", {"data": {"a": "theirs"}})
    asked = talk.say("undo that")
    assert isinstance(asked, Asked), asked
    assert asked.options == ("keep", "overwrite")
    kept = talk.say("keep")
    assert not isinstance(kept, Errored), kept
    assert talk.value == "theirs"
    assert isinstance(talk.say("undo that"), Asked)
    talk.say("overwrite")
    assert talk.value == "1"
