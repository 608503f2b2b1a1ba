"""Ctrl-C stops what runs, even where Python itself would have dropped it."""

from __future__ import annotations

import os
import signal

import pytest

from agent.cli.interrupts import interrupts


class Dropping:
    """Interrupted while it is cleared away, where Python can only ignore what is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(100):  # the handler runs between two of these
            pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_heard_at_the_next_event() -> None:
    with interrupts() as check:
        doomed = Dropping()
        del doomed
        with pytest.raises(KeyboardInterrupt):
            check()


def test_nothing_is_heard_where_nobody_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interrupts() as check:
        check()
    assert signal.getsignal(signal.SIGINT) is before
