"""Dates in everyday words: found in a text, and said back."""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = tuple(name.lower() for name in calendar.month_name)[1:]
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_LEAD = r"(?:(?:due|by|on|until|till|before|for|this|coming)\s+)"
_DAY = "|".join(_DAYS)
_SHORT_DAY = "mon|tues?|wed|thu(?:rs?)?|fri|sat|sun"
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + "|sept"
_COUNT = r"\d{1,3}|an?|" + "|".join(_NUMBERS[1:])
_YEAR = r"(?:,?\s+(\d{4}))?"

_Reading = Callable[[re.Match[str], date], date | None]


def _weekday(match: re.Match[str], today: date) -> date:
    wanted = next(index for index, name in enumerate(_DAYS) if name.startswith(match[2][:3].lower()))
    if match[1]:  # "next friday" is the one of next week
        return today + timedelta(days=7 - today.weekday() + wanted)
    return today + timedelta(days=(wanted - today.weekday() - 1) % 7 + 1)


def _distance(match: re.Match[str], today: date) -> date | None:
    word = match[1].lower()
    count = int(word) if word.isdigit() else 1 if word in ("a", "an") else _NUMBERS.index(word)
    unit = match[2].lower()
    if unit.startswith("month"):
        return _months_later(today, count)
    return today + timedelta(days=count * (7 if unit.startswith("week") else 1))


def _months_later(day: date, count: int) -> date:
    months = day.month - 1 + count
    year, month = day.year + months // 12, months % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _named(day: str, month: str, year: str | None, today: date) -> date | None:
    number = next(index for index, name in enumerate(_MONTHS, 1) if name.startswith(month[:3].lower()))
    if year:
        return _valid(int(year), number, int(day))
    # Without a year: the next time that this day comes (29 February may take some years).
    coming = (_valid(year, number, int(day)) for year in range(today.year, today.year + 9))
    return next((day for day in coming if day and day >= today), None)


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


_READINGS: tuple[tuple[str, _Reading], ...] = (
    (r"(?:the\s+)?day after tomorrow", lambda _, today: today + timedelta(days=2)),
    (r"tom+or+ow|tmrw?", lambda _, today: today + timedelta(days=1)),
    (r"today|tonight", lambda _, today: today),
    (r"next week", lambda _, today: today + timedelta(days=7)),
    (r"next month", lambda _, today: _months_later(today, 1)),
    (
        r"(?:(?:the|this|at the)\s+)?weekend",
        lambda _, today: today + timedelta(days=(5 - today.weekday()) % 7),
    ),
    (rf"(next\s+)?({_DAY})", _weekday),
    # "sun" and "sat" are words of their own: the short forms need a "by" or "on" before them.
    (rf"(?:(?<=\bon )|(?<=\bby )|(?<=\bdue )|(?<=\buntil ))(next\s+)?({_SHORT_DAY})", _weekday),
    (rf"(?:in\s+)({_COUNT})\s+(days?|weeks?|months?)", _distance),
    (rf"({_COUNT})\s+(days?|weeks?|months?)\s+from (?:now|today)", _distance),
    (r"(\d{4})-(\d{1,2})-(\d{1,2})", lambda m, _: _valid(int(m[1]), int(m[2]), int(m[3]))),
    (r"(\d{1,2})\.(\d{1,2})\.(\d{4})", lambda m, _: _valid(int(m[3]), int(m[2]), int(m[1]))),
    (
        rf"(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_MONTH}){_YEAR}",
        lambda m, today: _named(m[1], m[2], m[3], today),
    ),
    (
        rf"({_MONTH})\s+(?:the\s+)?(\d{{1,2}})(?:st|nd|rd|th)?{_YEAR}",
        lambda m, today: _named(m[2], m[1], m[3], today),
    ),
)
_PATTERNS = tuple(
    (re.compile(rf"\b{_LEAD}*(?:{words})(?![\w-])", re.IGNORECASE), reading) for words, reading in _READINGS
)
_PART_OF_DAY = re.compile(r"^\s+(morning|afternoon|evening)\b", re.IGNORECASE)


def take_date(text: str, today: date) -> tuple[str, date | None]:
    """The last date that the text names, and the text without it."""
    found: tuple[re.Match[str], date] | None = None
    for pattern, reading in _PATTERNS:
        for match in pattern.finditer(text):
            day = reading(match, today)
            # The later one wins; of two at one place, the longer.
            if day and (found is None or (match.end(), -match.start()) > (found[0].end(), -found[0].start())):
                found = match, day
    if found is None:
        return text, None
    match, day = found
    after = _PART_OF_DAY.sub(r" in the \1", text[match.end() :])
    rest = " ".join(f"{text[: match.start()].rstrip(' ,;:')} {after.lstrip(',;:')}".split())
    return rest.strip(" ,;:"), day


def say(day: date, today: date) -> str:
    """As a person would: "tomorrow", "Friday", "4 December", "4 January 2028"."""
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    distance = (day - today).days
    if distance in near:
        return near[distance]
    if 1 < distance < 7:
        return _DAYS[day.weekday()].capitalize()
    plain = f"{day.day} {_MONTHS[day.month - 1].capitalize()}"
    return plain if day.year == today.year else f"{plain} {day.year}"
