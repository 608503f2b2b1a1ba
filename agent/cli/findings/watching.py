"""What is new and what is gone between two looks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tools.finding import Finding

Key = tuple[str, str, str, str]


class Difference(NamedTuple):
    """`lost` are findings that are no longer seen while something that could be read before no longer can."""

    new: list[Finding]
    gone: list[Finding]
    lost: list[Finding]
    unreadable: dict[str, str]
    readable: list[str]

    def __bool__(self) -> bool:
        return any(self)


class Watch:
    """Remembers what is known to be wrong; what is lost from sight stays known until it can be looked at again."""

    def __init__(self) -> None:
        self._known: dict[Key, Finding] = {}
        self._lost: set[Key] = set()
        self._unchecked: dict[str, str] = {}

    def look(self, findings: Sequence[Finding], unchecked: Mapping[str, str]) -> Difference:
        """Compare with the look before."""
        now = {_key(finding): finding for finding in findings}
        away = {key: finding for key, finding in self._known.items() if key not in now}
        unreadable = {kind: why for kind, why in unchecked.items() if kind not in self._unchecked}
        blind = bool(unreadable) or bool(unchecked and self._lost)
        lost = [finding for key, finding in away.items() if blind and key not in self._lost]
        gone = [] if blind else list(away.values())
        difference = Difference(
            [finding for key, finding in now.items() if key not in self._known],
            gone,
            lost,
            unreadable,
            sorted(set(self._unchecked) - set(unchecked)),
        )
        self._known = {**away, **now} if blind else now
        self._lost = set(away) if blind else set()
        self._unchecked = dict(unchecked)
        return difference


def _key(finding: Finding) -> Key:
    subject = finding.subject
    return finding.id, subject.kind, subject.namespace or "", subject.name
