"""`--since`: a time as people write it."""

import re
from datetime import UTC, datetime, timedelta

from tools.errors import BadRequest

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str) -> datetime:
    """`90m`, `24h`, `7d` ago, or a date (local unless it says otherwise); raises BadRequest."""
    try:
        if found := re.fullmatch(r"(\d+)([smhdw])", text.strip()):
            return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(f"{text!r} is not a time.", "Write 24h, 7d, or a date like 2026-11-23T20:00.") from error
