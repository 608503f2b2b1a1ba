"""What the suites of this folder report at the end, for the figures in docs/safety.md."""

from __future__ import annotations

import pytest

from tests.safety import faults


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many cases of each suite were gone through."""
    if figures := faults.told():
        terminalreporter.write_line(figures)
