"""A program on a pseudo terminal, driven as a person would: type, wait for what shows, press keys."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from contextlib import suppress

CTRL_C, CTRL_D, CTRL_U, TAB, UP = "\x03", "\x04", "\x15", "\t", "\x1b[A"
_ESCAPES = re.compile(r"\x1b\][^\x07]*\x07|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]|\r")


class Terminal:
    """One program on a terminal of `columns` × 50."""

    def __init__(self, *argv: str, columns: int = 100, env: dict[str, str] | None = None) -> None:
        self.raw = ""
        self._from = 0  # in the text without its escapes
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
            plain = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}  # nobody asks where the cursor is
            given = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
            os.execvpe(argv[0], argv, {**given, **plain, **(env or {})})

    def see(self, text: str, seconds: float = 120) -> str:
        """Wait until the text shows, and return what showed up to it since the last call."""
        ends = time.monotonic() + seconds
        while (at := (shown := _ESCAPES.sub("", self.raw)).find(text, self._from)) < 0:
            rest = re.sub(r"\n\s+", "\n", shown[self._from :])
            assert time.monotonic() < ends, f"{text!r} did not show within {seconds} s, but: {rest}"
            assert self._read(0.2), f"the program ended without showing {text!r}: {rest}"
        before, self._from = self._from, at + len(text)
        return shown[before : self._from]

    def shows(self, text: str, seconds: float) -> bool:
        """Whether the text shows within that time; if not, nothing counts as seen."""
        with suppress(AssertionError):
            self.see(text, seconds)
            return True
        return False

    def type(self, text: str) -> None:
        """Keys as they are; a carriage return is the Enter key."""
        keys = text.encode()
        while keys:  # in pieces, reading between them: both sides of a terminal have small buffers
            self._read(0)
            if select.select([], [self._terminal], [], 0.2)[1]:
                keys = keys[os.write(self._terminal, keys[:512]) :]

    def say(self, text: str) -> None:
        """A line and the Enter key; waits until the terminal has echoed it."""
        self.type(f"{text}\r")
        self.see(f"{text}\n")

    def leave(self) -> int:
        """Ctrl-D at the next prompt; returns the exit code."""
        self.see("›")
        self.type(CTRL_D)
        return self.wait()

    def wait(self, seconds: float = 120) -> int:
        """Read to the program's end; returns its exit code."""
        ends = time.monotonic() + seconds
        while self._read(0.2):
            assert time.monotonic() < ends, f"it did not end within {seconds} s: {self.raw[-500:]}"
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def _read(self, seconds: float) -> bool:
        """Take what came; False when the program has ended."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return True
        try:
            new = os.read(self._terminal, 65536)
        except OSError:  # the other side of a terminal is closed
            return False
        self.raw += new.decode(errors="replace")
        if b"\x1b[6n" in new:  # where is the cursor?
            os.write(self._terminal, b"\x1b[1;1R")
        return bool(new)
