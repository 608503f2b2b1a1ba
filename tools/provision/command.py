"""External programs of provisioning: argument lists, the whole environment, output kept in a log file."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.errors import Failed, Unreachable
from tools.progress import Progress, Steps
from tools.provision.folders import cache_folder

TICK = 0.5  # seconds between two lines of progress
TAIL = 6  # lines of output that an error quotes


def find(program: str) -> str | None:
    """Path of a program on PATH, else None."""
    return shutil.which(program)


def run(
    argv: Sequence[str],
    *,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = 120,
) -> str:
    """Run a short program and return its standard output; raises Failed with the end of its error output."""
    result = attempt(argv, stdin=stdin, env=env, timeout=timeout)
    if result.returncode != 0:
        raise Failed(_why(argv, result.returncode, (result.stderr or result.stdout).decode(errors="replace")))
    return result.stdout.decode(errors="replace")


def attempt(
    argv: Sequence[str],
    *,
    stdin: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run a short program and return how it ended; raises only where it cannot be started or takes too long."""
    data = stdin.encode() if isinstance(stdin, str) else stdin or b""
    try:
        return subprocess.run(
            list(argv), input=data, capture_output=True, env=_environment(env), timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise Unreachable(f"The program {argv[0]} is not installed.", "See `shipmate doctor`.") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{_short(argv)} gave no answer within {timeout:.0f} seconds.") from error


def lines(argv: Sequence[str]) -> Iterator[bytes]:
    """The lines that a program prints, as they come, with their ends; raises Failed when it ends badly."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
        except FileNotFoundError as error:
            raise Unreachable(f"The program {argv[0]} is not installed.", "See `shipmate doctor`.") from error
        with process:
            try:
                yield from process.stdout or ()
            except GeneratorExit:
                process.terminate()
                raise
        if process.returncode != 0:
            said.seek(0)
            raise Failed(_why(argv, process.returncode, said.read().decode(errors="replace")))


def steps(
    argv: Sequence[str],
    label: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hint: str = "",
    relay: bool = False,
) -> Steps[str]:
    """Run a long program, telling every moment how long it has been at it; returns its output.

    The output goes to a log file that the error names. `relay` shows the program's latest line as progress.
    """
    handle, name = tempfile.mkstemp(prefix=f"{Path(argv[0]).name}-", suffix=".log", dir=cache_folder("log"))
    log = Path(name)
    with os.fdopen(handle, "wb") as sink:
        try:
            process = subprocess.Popen(
                list(argv), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=_environment(env), cwd=cwd
            )
        except FileNotFoundError as error:
            raise Unreachable(f"The program {argv[0]} is not installed.", "See `shipmate doctor`.") from error
        try:
            yield from _watch(process, label, log if relay else None)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    output = log.read_text(errors="replace")
    if process.returncode != 0:
        raise Failed(_why(argv, process.returncode, output), hint or f"The whole output is in {log}.")
    log.unlink()
    return output


def _watch(process: subprocess.Popen[bytes], label: str, relayed: Path | None) -> Steps[None]:
    started = time.monotonic()
    while True:
        last = _last_line(relayed) if relayed else ""
        yield Progress(f"{label} ({_clock(time.monotonic() - started)}){': ' + last if last else ''}")
        try:
            process.wait(timeout=TICK)
            return
        except subprocess.TimeoutExpired:
            continue


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:100] if lines else ""


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(extra or {})}


def _short(argv: Sequence[str]) -> str:
    return f"`{' '.join([Path(argv[0]).name, *argv[1:3]])}`"


def _why(argv: Sequence[str], code: int, output: str) -> str:
    lines = [line.strip() for line in output.strip().splitlines() if line.strip()]
    reason = " | ".join(lines[-TAIL:]) or "no output"
    return f"{_short(argv)} failed ({code}): {reason}"
