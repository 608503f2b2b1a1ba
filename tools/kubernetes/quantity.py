"""Kubernetes quantities and durations: read exactly, told the way people say them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from tools.errors import BadRequest

_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i)?)\Z")
_BINARY = ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki")
_DECIMAL = ("E", "P", "T", "G", "M", "k", "", "m", "u", "n")

# --- Quantities -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)  # a cluster has few that differ, and thousands that do not
def parse(text: str | int | float) -> Decimal:
    """The value in base units (cores, bytes, pieces); raises BadRequest when it is not a quantity."""
    match = _QUANTITY.match(str(text).strip())
    if not match:
        raise BadRequest(
            f"{str(text)[:40]!r} is not a Kubernetes quantity.", "Write for instance 250m, 2, 512Mi or 1Gi."
        )
    number, exponent, suffix = match.groups()
    return Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]


def format_quantity(value: Decimal, family: Literal["binary", "decimal"] = "decimal") -> str:
    """As Kubernetes writes it, without loss: 250m, 2, 1536Mi. Binary suffixes need whole bytes."""
    if value == 0:
        return "0"
    if family == "binary" and value == value.to_integral_value():
        for suffix in _BINARY:
            if value % _SUFFIXES[suffix] == 0:
                return f"{int(value / _SUFFIXES[suffix])}{suffix}"
    for suffix in _DECIMAL:
        scaled = value / _SUFFIXES[suffix]
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{suffix}"
    return f"{value / _SUFFIXES['n']:f}n"


def show(resource: str, value: Decimal) -> str:
    """For people: 1.2 CPU, 512 MiB, 3 pods."""
    if resource == "cpu":
        return f"{_trim(value)} CPU" if abs(value) >= 1 or value == 0 else f"{_trim(value * 1000)}m CPU"
    if resource in ("memory", "ephemeral-storage", "storage") or resource.startswith("hugepages-"):
        noun = {"memory": "memory"}.get(resource, resource)
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if abs(value) >= size:
                return f"{_trim(value / size)} {unit} {noun}"
        return f"{_trim(value)} bytes of {noun}"
    return f"{_trim(value)} {resource}"


def _trim(value: Decimal) -> str:
    text = f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


# --- Durations and times ----------------------------------------------------------------------------------------

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_WORDS = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w",
}  # fmt: skip
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def parse_duration(text: str) -> float:
    """Seconds of 90s, 10m, 1h30m, 2d, "5 minutes"; a bare number means seconds. Raises BadRequest."""
    wanted = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", wanted):
        return float(wanted)
    total, at = 0.0, 0
    while match := _PART.match(wanted, at):
        unit = _WORDS.get(match[2].removesuffix("s") or "s", match[2])
        if unit not in _UNITS:
            break
        total += float(match[1]) * _UNITS[unit]
        at = match.end()
    if at == 0 or at < len(wanted):
        raise BadRequest(f"{text[:40]!r} is not a length of time.", "Write for instance 90s, 10m, 1h30m or 2d.")
    return total


def format_age(seconds: float) -> str:
    """Short and rough, the way kubectl does: 45s, 5m12s, 3h, 2d4h, 1y30d."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d")


def age(timestamp: str | None, now: datetime | None = None) -> str:
    """How long ago an API time (RFC 3339) was; "unknown" without one."""
    if not timestamp:
        return "unknown"
    return format_age(((now or datetime.now(UTC)) - parse_time(timestamp)).total_seconds())


def parse_time(timestamp: str) -> datetime:
    """An API time, with or without fractions of a second (also nine digits of them, as in logs)."""
    fixed = re.sub(r"(\.\d{6})\d+", r"\1", timestamp).replace("Z", "+00:00")
    return datetime.fromisoformat(fixed)


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
