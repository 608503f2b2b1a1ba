"""A plan: the ordered changes proposed in one turn, their previews, and one digest over what would be written where."""

import hashlib
import hmac
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal

from pydantic import Field

from tools.change import Change, Frozen
from tools.preview import Preview, Risk


class Aim(Frozen):
    """The cluster, identity and namespace that a plan is meant for; empty strings where no cluster is involved."""

    context: str = ""
    server: str = ""
    cluster_uid: str = ""
    user: str = ""
    namespace: str = ""


class Step(Frozen):
    change: Change
    preview: Preview


class Plan(Frozen):
    """What is approved, as a whole or not at all.

    request   the person's words
    reading   how they were understood: "I read this as …"
    on_failure  what happens by itself when a step turns out unhealthy; part of the digest
    confirm   what has to be typed to approve it (a name), empty when a yes is enough
    undoes    the plan that this one takes back
    """

    id: str = Field(default_factory=lambda: token_hex(4))
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    request: str = ""
    reading: str = ""
    aim: Aim
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    on_failure: Literal["stop", "roll-back"] = "stop"
    confirm: str = ""
    undoes: str = ""
    digest: str = ""

    @property
    def blockers(self) -> tuple[str, ...]:
        return tuple(blocker for step in self.steps for blocker in step.preview.blockers)

    @property
    def risk(self) -> Risk:
        order = list(Risk)
        return max((step.preview.risk for step in self.steps), key=order.index, default=Risk.LOW)

    def sealed(self, key: bytes) -> "Plan":
        """The same plan with its digest: keyed, so that a short secret in a payload cannot be guessed from it."""
        body = self.model_dump_json(exclude={"digest", "created"})
        return self.model_copy(update={"digest": hmac.new(key, body.encode(), hashlib.sha256).hexdigest()})
