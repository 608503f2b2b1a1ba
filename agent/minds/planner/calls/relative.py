"""Amounts of CPU and memory said in relation to what is set now: "double", "20% more", "128Mi less"."""

from __future__ import annotations

import re

from agent.minds.planner.reading.clause import Clause

_STEP = re.compile(r"\bby (?:another )?\d|\b(?:more|additional|extra|another|less|fewer)\b", re.IGNORECASE)
_LESS = re.compile(
    r"\b(?:less|fewer|decrease|reduce|lower|cut|shrink|drop|take|remove|minus|down)\b(?! to\b)", re.IGNORECASE
)


def relative_amounts(clause: Clause) -> dict[str, str]:
    """Arguments of set_resources such as memory_limit="x2"; empty where whole amounts, or none, were said."""
    parts, text = clause.parts, clause.text.lower()
    sign = "-" if clause.concept == "decrease" or _LESS.search(text) else "+"
    roles = [role for role in ("request", "limit") if re.search(rf"\b{role}s?\b", text)] or ["request", "limit"]
    if parts.amounts:
        added = clause.concept == "add" and not any(one.role for one in parts.amounts)
        if not added and not _STEP.search(text):
            return {}
        found = [
            (one.resource, role, one.value) for one in parts.amounts for role in ([one.role] if one.role else roles)
        ]
        return {f"{resource}_{role}": f"{sign}{value}" for resource, role, value in found}
    if parts.percent is not None:
        said = f"x{parts.percent / 100:g}" if parts.percent_is_goal else f"{sign}{parts.percent:g}%"
    elif parts.factor is not None:
        said = f"x{round(1 / parts.factor if sign == '-' and parts.factor > 1 else parts.factor, 4):g}"
    else:
        return {}
    kinds = [kind for kind in ("cpu", "memory") if clause.says(kind)] or ["cpu", "memory"]
    return {f"{kind}_{role}": said for kind in kinds for role in roles}
