"""Counts the faults that a run went through, for the figures in docs/safety.md."""

_ran = 0


def ran(number: int = 1) -> None:
    """So many more cases were gone through, to their end."""
    global _ran
    _ran += number


def total() -> int:
    """The cases of this run so far."""
    return _ran
