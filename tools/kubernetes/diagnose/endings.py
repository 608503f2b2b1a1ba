"""What the way a container ended means. Pure."""

from __future__ import annotations

import signal

_CODES = {
    0: "it finished by itself",
    1: "the program reported an error",
    2: "the program was called wrongly (usage)",
    64: "the program was called wrongly (usage)",
    66: "an input file of the program is missing",
    69: "something that the program needs is not available",
    70: "the program found an error in itself",
    73: "the program cannot create a file",
    74: "the program cannot read or write",
    77: "the program lacks a permission",
    78: "the settings of the program are wrong",
    125: "the container could not be started",
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
    "SIGPIPE": "it wrote to a connection that was closed (SIGPIPE)",
    "SIGQUIT": "it was asked to stop at once (SIGQUIT)",
    "SIGSYS": "it made a system call that is forbidden to it (SIGSYS, seccomp)",
    "SIGTRAP": "it stopped at a breakpoint or a failed assertion (SIGTRAP)",
    "SIGXCPU": "it used more processor time than it may (SIGXCPU)",
    "SIGXFSZ": "it wrote a file larger than it may (SIGXFSZ)",
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
