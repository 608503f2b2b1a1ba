"""Counts the faults that a run went through, by sort, for the figures in docs/safety.md."""

from collections import Counter

_RAN: Counter[str] = Counter()


def ran(sort: str) -> None:
    """One more case of that sort was gone through, to its end."""
    _RAN[sort] += 1


def told() -> str:
    """The figures of this run, empty when there were none."""
    return f"faults: {_RAN.total()} ({', '.join(f'{sort} {n}' for sort, n in sorted(_RAN.items()))})" if _RAN else ""
