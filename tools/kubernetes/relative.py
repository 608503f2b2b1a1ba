"""Amounts said in relation to what is there: "x2", "x0.5", "+20%", "-128Mi"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from tools.errors import BadRequest
from tools.kubernetes import quantity

_RELATIVE = re.compile(r"(?:x(?P<factor>\d+(?:\.\d+)?)|(?P<sign>[+-])(?:(?P<percent>\d+(?:\.\d+)?)%|(?P<amount>.+)))\Z")
_STEP = {"cpu": Decimal("0.001"), "memory": Decimal(2**20)}  # results are whole millicores and MiB


def is_relative(said: str) -> bool:
    """Whether an amount only says how much more or less than now."""
    return bool(_RELATIVE.match(said.strip()))


def resolved(said: Mapping[str, str], live: Mapping[str, str], of: str) -> dict[str, str]:
    """Amounts of `cpu` and `memory` with relative ones worked out; those of which nothing is set now are left out.

    Raises BadRequest when less than nothing would remain.
    """
    found: dict[str, str] = {}
    for key, value in said.items():
        match = _RELATIVE.match(value.strip())
        if match is None:
            found[key] = value
        elif key in live:
            found[key] = _worked_out(key, quantity.parse(live[key]), match, of)
    return found


def _worked_out(key: str, now: Decimal, match: re.Match[str], of: str) -> str:
    sign = -1 if match["sign"] == "-" else 1
    if match["factor"]:
        after = now * Decimal(match["factor"])
    elif match["percent"]:
        after = now * (1 + sign * Decimal(match["percent"]) / 100)
    else:
        after = now + sign * quantity.parse(match["amount"])
    step = _STEP[key]
    after = (after / step).quantize(Decimal(1), ROUND_HALF_UP) * step
    if after <= 0:
        raise BadRequest(f"{of} has {quantity.show(key, now)}; that much less leaves nothing.", "Say a smaller step.")
    return quantity.format_quantity(after, "binary" if key == "memory" else "decimal")
