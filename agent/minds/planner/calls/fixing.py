"""An order to mend something, as arguments of the tool that looks for the cause itself and proposes its best fix."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls.looking import one_target
from agent.minds.planner.meaning import Step
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.reading.subjects import Built, place, remembered, unclear_name
from agent.minds.planner.talk.wording import worded

_EVERY = re.compile(r"\b(?:everything|all|every)\b")
_ID = re.compile(r"\bsm-[a-z0-9-]+\b")


def fix(clause: Clause, spoken: Spoken) -> Built:
    """ "fix backend", "repair everything in staging", "fix SM-OOM of web"."""
    named = [target for target in spoken.targets if not target.app and not _ID.fullmatch(target.name)]
    if question := unclear_name(spoken, (_step({"name": "", **place(spoken)}),)):
        return question
    if not named and clause.pronoun:
        named = remembered(spoken)
    given: dict[str, Any] = {}
    if found := _ID.search(clause.text.lower()):
        given["finding"] = found[0].upper()
    if named:
        return [_step({**one_target(target, spoken), **given}) for target in named]
    if _EVERY.search(clause.text.lower()) and not given:
        given["every"] = True
    if clause.says("cluster") and not spoken.namespace:
        given["namespace"] = "*"
    return [_step({**place(spoken), **given})]


def _step(arguments: dict[str, Any]) -> Step:
    return Step("fix", arguments, worded("fix", arguments), change=True)
