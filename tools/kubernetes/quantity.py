"""Kubernetes quantities: read exactly, told the way people say them."""

from __future__ import annotations

import re
from decimal import Decimal

from tools.errors import BadRequest

_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18), "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
    "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)\Z")


def parse(text: str | int | float) -> Decimal:
    """The value in base units (cores, bytes, pieces); raises BadRequest when it is not a quantity."""
    match = _QUANTITY.match(str(text).strip())
    if not match:
        raise BadRequest(
            f"{str(text)[:40]!r} is not a Kubernetes quantity.", "Write for instance 250m, 2, 512Mi or 1Gi."
        )
    number, exponent, suffix = match.groups()
    return Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]


def _trim(value: Decimal) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


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
