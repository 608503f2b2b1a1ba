"""What the way a container ended means. Pure."""

from __future__ import annotations

import signal

_CODES = {
    0: "it finished by itself",
    1: "the program reported an error",
    2: "the program was called wrongly (usage)",
    126: "the command cannot be executed",
    127: "the command does not exist in the image",
    128: "it ended with an invalid exit code",
    255: "the program reported an error",
}
_SIGNALS = {
    "SIGKILL": "it was killed (SIGKILL)",
    "SIGTERM": "it was asked to stop (SIGTERM)",
    "SIGSEGV": "it accessed memory that is not its own (SIGSEGV)",
    "SIGABRT": "it aborted (SIGABRT)",
    "SIGILL": "it ran an instruction that this processor does not have (SIGILL)",
    "SIGBUS": "it accessed memory wrongly (SIGBUS)",
    "SIGFPE": "it divided by zero (SIGFPE)",
    "SIGINT": "it was interrupted (SIGINT)",
}


def meaning(code: int) -> str:
    """An exit code in words."""
    if code in _CODES:
        return _CODES[code]
    if 128 < code < 160:
        try:
            name = signal.Signals(code - 128).name
        except ValueError:
            return f"it was ended by signal {code - 128}"
        return _SIGNALS.get(name, f"it was ended by {name}")
    return "the program reported an error"
