"""Cron schedules: whether one can be read, when it was due last and when it is due next. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_FAR = 366 * 9  # days; a 29th of February comes at the latest after eight years


class Schedule(NamedTuple):
    """The values of each field; `either` when a day may match by date or by weekday."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def after(self, moment: datetime) -> datetime | None:
        """The first time due later than `moment`; None when there is never one."""
        return self._search(moment.replace(second=0, microsecond=0) + timedelta(minutes=1), 1)

    def before(self, moment: datetime) -> datetime | None:
        """The last time due, not later than `moment`."""
        return self._search(moment.replace(second=0, microsecond=0), -1)

    def _search(self, moment: datetime, step: int) -> datetime | None:
        clock = sorted((hour, minute) for hour in self.hours for minute in self.minutes)
        edge = (moment.hour, moment.minute)
        for count in range(_FAR):
            day = moment + timedelta(days=step * count)
            if not self._on(day):
                continue
            fits = [time for time in clock if count or (time >= edge if step > 0 else time <= edge)]
            if fits:
                hour, minute = fits[0] if step > 0 else fits[-1]
                return day.replace(hour=hour, minute=minute)
        return None

    def _on(self, day: datetime) -> bool:
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (by_date or by_weekday if self.either else by_date and by_weekday)


def parse(text: str) -> Schedule:
    """Five fields or a macro such as @hourly; raises ValueError with the reason."""
    fields = _MACROS.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)} fields instead of 5")
    minutes, hours, days, months, weekdays = (
        _values(field.lower(), index) for index, field in enumerate(fields)
    )  # fmt: skip
    either = not fields[2].startswith(("*", "?")) and not fields[4].startswith(("*", "?"))
    return Schedule(minutes, hours, days, months, weekdays, either)


def _values(field: str, index: int) -> frozenset[int]:
    low, high = _RANGES[index]
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span in ("*", "?"):
            start, end = low, high
        else:
            start = _number(first, index)
            end = _number(last, index) if dash else (high if step else start)
        if index == 4 and end == 7:
            found.add(0)
            end = 6
            start = min(start, 7)
        every = int(step) if step.isdigit() else (0 if "/" in part else 1)
        if every < 1 or not (low <= start <= high + (index == 4)) or not (low <= end <= high) or start > end + 1:
            raise ValueError(f"{part!r} is not possible there")
        found.update(range(start, end + 1, every))
    return frozenset(found)


def _number(text: str, index: int) -> int:
    names = {3: _MONTHS, 4: _DAYS}.get(index, [])
    if text in names:
        return names.index(text) + (1 if index == 3 else 0)
    if not text.isdigit():
        raise ValueError(f"{text!r} is no number")
    return int(text)
