"""The values that a phrase can hold: how each is recognised in a sentence, and what it is in a manifest."""

from __future__ import annotations

import re
import shlex

from agent.minds.planner.drafts import access
from agent.minds.planner.drafts.data import kind_words, table
from agent.minds.planner.drafts.measures import MEASURES, Slot
from agent.minds.planner.reading.lexicon import lexicon

_QUOTED = r"\"[^\"]*\"|`[^`]*`|'[^']*'"
_STOP = (
    r"(?=\s*(?:,|;|$|\x00|\.(?:\s|$)|\s(?:and|with|in|on|using|that|which|every|as|then|from|to|for|at|labell?ed)\s))"
)
_PAIR = rf"[A-Za-z0-9_][\w./-]*\s?(?:=|:(?!\d))\s?(?:{_QUOTED}|[^\s,;\x00]+)"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS = r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|hrs?|d|days?)"


def unquoted(text: str) -> str:
    """The text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" else text


def seconds(text: str) -> int:
    """A length of time in seconds: "90", "5s", "2 minutes"."""
    match = re.match(r"(\d+)\s*([a-zA-Z]?)", text)
    return int(match[1]) * _SECONDS.get(match[2].lower() or "s", 1) if match else 0


def argv(text: str) -> list[str]:
    """A command as Kubernetes wants it; what only a shell understands is given to one."""
    text = unquoted(text)
    if text.startswith("["):
        return [unquoted(part.strip()) for part in text.strip("[]").split(",")]
    if re.search(r"[|&;<>$`*(){}\n]|\b(?:while|for|if)\b", text):
        return ["sh", "-c", text]
    try:
        return shlex.split(text)
    except ValueError:
        return ["sh", "-c", text]


def pairs(text: str) -> dict[str, str]:
    """KEY=value pairs, however they are joined."""
    found = re.finditer(rf"([A-Za-z0-9_][\w./-]*)\s?(?:=|:)\s?({_QUOTED}|[^\s,;\x00]+)", text)
    return {match[1]: unquoted(match[2]) for match in found}


def words(text: str) -> list[str]:
    """Names in a row: "a, b and c"."""
    return [unquoted(part) for part in re.split(r"\s*(?:,|\band\b|&|\s)\s*", text) if part]


def quantity(text: str) -> str:
    """An amount of storage or memory as Kubernetes writes it: "5 GB" is 5Gi, as people mean it."""
    match = re.match(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text)
    if not match:
        return text
    unit = match[2].lower()
    return match[1] + (f"{unit[0].upper()}i" if unit[:1] in "kmgt" and unit else "")


def count_or_share(text: str) -> int | str:
    """A number or a percentage."""
    text = text.replace(" ", "").replace("percent", "%")
    return text if text.endswith("%") else int(text)


def ports(text: str) -> list[dict[str, int]]:
    """Container ports in a row: "80 and 443"."""
    return [{"containerPort": int(port)} for port in re.findall(r"\d+", text)]


_WEEK = "sunday monday tuesday wednesday thursday friday saturday"
_DAYS = {day: str(number) for number, day in enumerate(_WEEK.split())} | {
    "weekday": "1-5", "day": "*", "night": "*", "daily": "*", "nightly": "*", "weekend": "0,6"
}  # fmt: skip
_CLOCK = r"(?:\d{1,2}(?::\d\d)?\s?(?:am|pm|o'clock)?|midnight|noon)"
_WHEN = (
    r"every\s+(?:\d+\s+|other\s+)?(?:minutes?|hours?)|every\s+(?:\d+\s*)[mh]\b|hourly|each\s+(?:hour|minute)"
    rf"|(?:every|each|on)\s+(?:{'|'.join(_DAYS)})s?(?:\s+at)?(?:\s+{_CLOCK})?"
    rf"|(?:daily|nightly|weekly|monthly|once\s+an?\s+(?:day|week|month|hour))(?:\s+at\s+{_CLOCK})?"
    rf"|at\s+{_CLOCK}(?:\s+(?:every|each)\s+(?:{'|'.join(_DAYS)})s?)?"
)


def cron(text: str) -> str:
    """A schedule in words as cron writes it: "every 5 minutes", "daily at 3am", "every monday at 9:30"."""
    low = " ".join(text.lower().replace("other", "2").split())
    if match := re.search(r"(?:every|each) (?:(\d+) ?)?(m|h)(?!onday)", low):
        step = f"*/{match[1]}" if match[1] and match[1] != "1" else "*"
        return f"{step} * * * *" if match[2] == "m" else f"0 {step} * * *"
    if "hour" in low:
        return "0 * * * *"
    clock = re.search(r"(\d{1,2})(?::(\d\d))? ?(am|pm)?|midnight|noon", low)
    hour, minute = (int(clock[1]), int(clock[2] or 0)) if clock and clock[1] else (12 if "noon" in low else 0, 0)
    if clock and clock[3]:
        hour = hour % 12 + (12 if clock[3] == "pm" else 0)
    day = next((number for name, number in _DAYS.items() if re.search(rf"\b{name}s?\b", low)), "*")
    if "week" in low and "weekday" not in low and "weekend" not in low:
        day = "0"
    return f"{minute} {hour} {'1' if 'month' in low else '*'} * {day}"


def _known_images() -> str:
    """Well-known images, and what can only be an image because of its tag, digest or registry."""
    tail = r"(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?(?<![.,])"
    names = "|".join(sorted(map(re.escape, lexicon().images), key=len, reverse=True))
    return (
        rf"(?:{names}){tail}(?![\w/-])|[a-z0-9][\w.-]*(?::\d+)?(?:/[\w.-]+)+{tail}"
        r"|[a-z0-9][\w.-]*:[\w][\w.-]*(?<![.,])"
    )


def _row(one: str) -> str:
    """Several of one kind in a row: "a, b and c"."""
    return rf"{one}(?:(?:\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+(?:the\s+)?|/|\s+){one})*"


NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
SLOTS: dict[str, Slot] = {
    "image": (r"[a-z0-9][\w.-]*(?::\d+(?=/))?(?:/[\w.-]+)*(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]{64})?(?<![.,])", str),
    "known": (_known_images(), str),
    "name": (NAME, str.lower),
    "names": (rf"{NAME}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){NAME})*", words),
    "word": (r"[A-Za-z][\w-]*", str),
    "key": (r"[A-Za-z0-9_][\w./-]*", str),
    "host": (r"\*?[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+|localhost", str.lower),
    "int": (r"\d+", int),
    "port": (r"\d{1,5}", int),
    "path": (r"/[\w./*-]*(?<![.,])", str),
    "duration": (rf"\d+\s?{_UNITS}?\b", seconds),
    "quantity": (r"\d+(?:\.\d+)?\s?(?:[kmgtKMGT](?:i?[bB]?|igs?|egs?|egabytes?|igabytes?|ibibytes?))\b", quantity),
    "share": (r"\d+\s?(?:%|percent)|\d+", count_or_share),
    "value": (rf"{_QUOTED}|[^\s,;\x00]+", unquoted),
    "text": (_QUOTED, unquoted),
    "command": (rf"{_QUOTED}|\[[^\]]*\]|[a-z./][^,;\x00]*?{_STOP}", argv),
    "ports": (r"\d{1,5}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+)\d{1,5})+", ports),
    "when": (_WHEN, cron),
    "cron": (r"[\d*][\d*/,-]*(?:\s[\d*/,A-Za-z-]+){4}", str),
    "var": (r"(?-i:[A-Z][A-Z0-9_]+)", str),
    "zone": (r"(?-i:[A-Z]\w+(?:/\w+)?)", str),
    "saying": (
        rf"{_QUOTED}|[\w-]+(?:\s(?!every|with|using|and|on|in|at|from|then|daily|hourly)[\w-]+){{0,4}}",
        unquoted,
    ),
    "secs": (rf"\d+\s?{_UNITS}?\b|infinity", lambda text: text if text == "infinity" else str(seconds(text))),
    "upper": (rf"(?-i:[A-Z][A-Z0-9_]*)=(?:{_QUOTED}|[^\s,;\x00]+)", pairs),
    "verbs": (
        _row(rf"(?:{'|'.join(table('verbs')['known'])}|{'|'.join(access.SPOKEN)}|all|any|every|full|manage|\*)"),
        access.verbs,
    ),
    "resources": (_row(rf"(?:pods?[ /](?:logs?|exec)|{kind_words()})"), access.resources),
    "probe": (r"liveness|readiness|startup", str.lower),
    "quotedcmd": (_QUOTED, argv),
    **MEASURES,
    "pairs": (rf"{_PAIR}(?:(?:\s*,?\s*and\s+|\s*,\s*|\s+){_PAIR})*", pairs),
}
