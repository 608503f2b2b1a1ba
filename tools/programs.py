"""The one runner of external programs: argument lists only, never a shell.

A program sees a short list of environment variables and what the caller adds, so that tokens do not leak into it and
variables that make it run other code (`HELM_PLUGINS`, `KUBECTL_EXTERNAL_DIFF`, …) do not reach it. Sub-commands that
only read are listed here; everything else needs the permit of an approved step that shows exactly that command line.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from tools.errors import BadRequest, Failed, Unreachable
from tools.permit import Permit, require

_PASSED_ON = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "TZ",
        "LANG",
        "LANGUAGE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    ]
)

# Program → how the command lines start that change nothing. What is not here is a write.
_READS: dict[str, tuple[tuple[str, ...], ...]] = {
    "helm": (("version",), ("template",), ("lint",), ("show",), ("pull",)),
    "kubectl": (("version",),),
    "kind": (("version",), ("get",)),
    "minikube": (("version",), ("status",), ("profile", "list"), ("ip",), ("image", "ls")),
    "docker": (("version",), ("info",), ("--version",), ("buildx", "version")),
}
_HELM_DRY = ("install", "upgrade", "rollback", "uninstall")

_MISSING = {
    "helm": "Run `shipmate cluster up`, which brings one, or install Helm 3.13 or later.",
    "kubectl": "Run `shipmate cluster up`, which brings one, or install kubectl.",
}

_GRACE = 5.0  # seconds between asking a program to end and killing it


class Output(NamedTuple):
    """What a program printed, and its exit code."""

    code: int
    stdout: str
    stderr: str


class Line(NamedTuple):
    """One line while a program runs; `error` when it came on the error stream."""

    text: str
    error: bool


def find(program: str, cache: Path | None = None) -> str:
    """Path of a program: on PATH, else in Shipmate's own `bin` folder; raises Unreachable when it is nowhere."""
    found = shutil.which(program)
    if found:
        return found
    own = cache / "bin" / program if cache else None
    if own and os.access(own, os.X_OK):
        return str(own)
    step = _MISSING.get(program, f"Install {program}, or see `shipmate doctor`.")
    raise Unreachable(f"The program {program} is not installed.", step)


def reads_only(program: str, arguments: Sequence[str]) -> bool:
    """Whether this command line is one of those that change nothing."""
    given = tuple(arguments)
    if any(given[: len(start)] == start for start in _READS.get(Path(program).name, ())):
        return True
    dry = [argument for argument in given if argument.startswith("--dry-run")]
    return program == "helm" and given[:1] != () and given[0] in _HELM_DRY and dry == ["--dry-run=server"]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment a program gets: a few harmless variables of ours, then what the caller adds."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {**kept, **(extra or {})}


def run(
    argv: Sequence[str],
    *,
    cache: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    timeout: float = 120,
    permit: Permit | None = None,
    check: bool = True,
) -> Output:
    """Run a program to its end; `timeout` in seconds.

    Raises Unreachable when it is missing, Refused when it writes without a permit, Failed when it takes too long or,
    with `check`, ends with an error (the message is its last lines, redacted).
    """
    with _started(argv, cache, cwd, env, permit, input is not None) as process:
        try:
            out, err = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{argv[0]} did not end within {timeout:.0f} seconds.") from error
    output = Output(process.returncode, out, err)
    if check and output.code:
        raise failure(argv, output)
    return output


def stream(
    argv: Sequence[str],
    *,
    cache: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    permit: Permit | None = None,
) -> Generator[Line, None, Output]:
    """Run a program and yield its lines as they come; returns what it printed.

    Closing the generator stops the program and all it started.
    """
    kept: dict[bool, list[str]] = {False: [], True: []}
    with _started(argv, cache, cwd, env, permit, input is not None) as process:
        lines: queue.Queue[Line | None] = queue.Queue()
        readers = ((process.stdout, False), (process.stderr, True))
        for pipe, error in readers:
            threading.Thread(target=_read, args=(pipe, error, lines), daemon=True).start()
        if input is not None and process.stdin:
            threading.Thread(target=_feed, args=(process.stdin, input), daemon=True).start()
        for _ in readers:
            while line := lines.get():
                kept[line.error].append(line.text)
                yield line
        code = process.wait()
    return Output(code, "\n".join(kept[False]), "\n".join(kept[True]))


def failure(argv: Sequence[str], output: Output) -> Failed:
    """The error for a program that ended badly: its last lines, without secrets."""
    from tools.secrets.redact import redact_text

    said = (output.stderr.strip() or output.stdout.strip())[-2000:]
    words = " ".join(argument for argument in argv[:3] if not argument.startswith("-"))
    return Failed(redact_text(f"{words} ended with code {output.code}: {said or 'it said nothing'}"))


@contextmanager
def _started(
    argv: Sequence[str],
    cache: Path | None,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    permit: Permit | None,
    feeds: bool,
) -> Generator[subprocess.Popen[str]]:
    """A running program in a process group of its own, which is gone when the block ends."""
    if not argv or any("\0" in argument for argument in argv):
        raise BadRequest("A command line must be a list of arguments without null characters.")
    program, arguments = argv[0], argv[1:]
    path = find(program, cache)
    if not reads_only(program, arguments):
        require(permit, "program", program, " ".join(arguments))
    process = subprocess.Popen(
        [path, *arguments],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.PIPE if feeds else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
        if permit and not reads_only(program, arguments):
            permit.confirm("program", program, " ".join(arguments))
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Stop the whole group: first kindly, then for good."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    with suppress(ProcessLookupError, PermissionError):  # also what the program left behind
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with suppress(OSError, ValueError):
                pipe.close()


def _read(pipe: IO[str] | None, error: bool, lines: queue.Queue[Line | None]) -> None:
    try:
        for text in pipe or ():
            lines.put(Line(text.rstrip("\n"), error))
    except ValueError:  # the pipe was closed under us: the program is being stopped
        pass
    finally:
        lines.put(None)


def _feed(pipe: IO[str], text: str) -> None:
    with suppress(OSError, ValueError):
        pipe.write(text)
        pipe.close()
