"""A plan: the ordered changes proposed in one turn, their previews, and one digest over what would be written where."""

import hashlib
import hmac
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal

from pydantic import Field

from agent.guard.policy.ruling import Ruling, strictest
from tools.change import Change, Cure, Frozen, plans_undone
from tools.preview import Preview, Risk
from tools.secrets.told import Told


class Aim(Frozen):
    """The cluster, identity and namespace that a plan is meant for; empty strings where no cluster is involved.

    `user` is the name in the kubeconfig, `identity` the one that the API server sees (empty where it does not tell).
    """

    context: str = ""
    server: str = ""
    cluster_uid: str = ""
    user: str = ""
    identity: str = ""
    namespace: str = ""


class Step(Frozen):
    change: Change
    preview: Preview
    ruling: Ruling = Ruling()


class Plan(Frozen):
    """What is approved, as a whole or not at all.

    request   the person's words
    reading   how they were understood: "I read this as …"
    on_failure  what happens by itself when a step turns out unhealthy; part of the digest
    cure      what it is to mend; what does not help is taken back by itself
    confirm   what has to be typed to approve it (a name), empty when a yes is enough
    """

    id: str = Field(default_factory=lambda: token_hex(4))
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    request: str = ""
    reading: Told = ""
    aim: Aim
    steps: tuple[Step, ...]
    notes: tuple[Told, ...] = ()
    on_failure: Literal["stop", "roll-back"] = "stop"
    confirm: str = ""
    cure: Cure | None = None
    digest: str = ""

    @property
    def undoes(self) -> tuple[str, ...]:
        """The plans that this one takes back."""
        return plans_undone(step.change for step in self.steps)

    @property
    def blockers(self) -> tuple[str, ...]:
        return tuple(blocker for step in self.steps for blocker in step.preview.blockers)

    @property
    def ruling(self) -> Ruling:
        """What the policy says about the plan as a whole: the strictest of what it says about its steps."""
        return strictest(step.ruling for step in self.steps if not step.preview.noop)

    @property
    def risk(self) -> Risk:
        order = list(Risk)
        return max((step.preview.risk for step in self.steps), key=order.index, default=Risk.LOW)

    def sealed(self, key: bytes) -> "Plan":
        """The same plan with its digest: keyed, so that a short secret in a payload cannot be guessed from it."""
        body = self.model_dump_json(exclude={"digest"})
        return self.model_copy(update={"digest": hmac.new(key, body.encode(), hashlib.sha256).hexdigest()})
