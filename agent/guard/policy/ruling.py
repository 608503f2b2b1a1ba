"""What was decided about a step, and by what: the vocabulary of policy."""

from collections.abc import Iterable
from enum import StrEnum

from tools.change import Frozen


class Decision(StrEnum):
    """What a change needs, from the weakest to the strictest.

    allow    in `auto` mode it is applied without a question; elsewhere it waits for a yes like any other
    ask      a yes
    confirm  the name, typed
    deny     it is never applied
    """

    ALLOW = "allow"
    ASK = "ask"
    CONFIRM = "confirm"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        return list(Decision).index(self)


class Ruling(Frozen):
    """The decision about one step.

    by         what decided: a rule with its file and line, the floor, or nothing in particular ("no rule")
    word       the name to type, for `confirm`
    each_time  a standing grant never covers it: the floor, or a rule stricter than `ask`, decided
    roll_back  the rule wants it rolled back by itself when it turns out unhealthy
    trace      what each file and the floor said, for `shipmate policy why`
    """

    decision: Decision = Decision.ASK
    by: str = "no rule"
    reason: str = ""
    word: str = ""
    each_time: bool = False
    roll_back: bool = False
    trace: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What decided, and why, in one line."""
        return f"{self.by}: {self.reason}" if self.reason else self.by


def strictest(rulings: Iterable[Ruling]) -> Ruling:
    """The strictest of them, of equals the one that says why; a plain question where there are none.

    Whether a standing grant may cover it, and whether it is rolled back by itself, is gathered from all of them.
    """
    found = list(rulings)
    if not found:
        return Ruling()
    top = max(found, key=lambda one: (one.decision.strictness, one.each_time, one.reason != ""))
    return top.model_copy(
        update={
            "each_time": any(ruling.each_time for ruling in found),
            "roll_back": any(ruling.roll_back for ruling in found),
            "trace": tuple(dict.fromkeys(line for ruling in found for line in ruling.trace)),
        }
    )
