"""A build's output, understood: which step runs, how far it is, and why it failed."""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from tools.errors import Failed
from tools.progress import Progress
from tools.secrets.redact import redact_text

_LINE = re.compile(r"#(\d+) (.*)")
_STEP = re.compile(r"\[(?:(?P<stage>[^\]]*?) )?(?P<n>\d+)/(?P<of>\d+)\] (?P<text>.*)")
_FLAGS = re.compile(r"(--[a-z-]+=\S+\s+)*")
_LAYER = re.compile(r"(sha256:[0-9a-f]{64}|extracting|resolve |transferring )")
_TIMED = re.compile(r"\d+\.\d+ ")
_EXIT = re.compile(r"exit code: (\d+)|returned a non-zero code: (\d+)")
_WIDTH = 72  # characters of a step's command
_LONGEST = 400  # characters of a line of output


class Cause(NamedTuple):
    """Why builds fail: what the output then says, the cause in words, and the way out."""

    marks: re.Pattern[str]
    text: str
    step: str


def _cause(marks: str, text: str, step: str) -> Cause:
    return Cause(re.compile(marks, re.IGNORECASE), text, step)


# The first that fits is told, so what explains more comes first.
CAUSES = (
    _cause(
        r"no space left on device|disk quota exceeded",
        "the engine's disk is full",
        "See `docker system df`, and remove what is not needed.",
    ),
    _cause(
        r"CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|self[- ]signed certificate|unknown authority"
        r"|unable to get local issuer",
        "the network re-signs TLS, and the build does not know its certificate authority",
        "Let the Dockerfile mount the build secret `ca` and declare ARG PIP_CERT or NODE_EXTRA_CA_CERTS; set "
        "SHIPMATE_CA if the bundle is not the system's.",
    ),
    _cause(
        r"pull access denied|manifest unknown|manifest for .* not found|failed to resolve source metadata"
        r"|failed to do request: Head|no match for platform",
        "a base image cannot be pulled",
        "Check its name and `docker login`; without a registry `shipmate doctor --fix` makes the usual base images.",
    ),
    _cause(
        r"failure in name resolution|Temporary failure resolving|ENOTFOUND|EAI_AGAIN|Could not resolve host"
        r"|Network is unreachable|no such host|ECONNREFUSED|ETIMEDOUT|ECONNRESET|Connection timed out|i/o timeout",
        "the build has no network to what it downloads from",
        "Check the network and the proxy settings of the engine, then build again.",
    ),
    _cause(
        r"npm ci.{0,40}can only install|package-lock\.json.{0,60}(in sync|out of sync)|ERR_PNPM_OUTDATED_LOCKFILE"
        r"|frozen-lockfile|lockfile needs to be updated|THESE PACKAGES DO NOT MATCH THE HASHES",
        "the lock file is out of step with the packages it locks",
        "Make the lock file anew with the package manager and commit it.",
    ),
    _cause(
        r"failed to (compute cache key|calculate checksum of ref).*not found|ERROR: \"/.*not found|COPY failed"
        r"|failed to walk|lstat .*: no such file or directory",
        "a file that COPY or ADD wants is not in the build context",
        "Check its path, and that the .dockerignore does not leave it out.",
    ),
    _cause(
        r"unknown instruction|dockerfile parse error|the --mount option requires BuildKit|unknown flag"
        r"|failed to solve with frontend dockerfile",
        "this engine does not know the Dockerfile's syntax",
        "Correct the line, or use an engine of version 23 or later.",
    ),
    _cause(
        r"heap out of memory|\bKilled\b|exit code: 137|signal: killed|Cannot allocate memory",
        "it ran out of memory",
        "Give the engine more memory, or let the step use less.",
    ),
    _cause(
        r"gcc.*not found|command 'gcc' failed|fatal error: .*\.h: No such file|pg_config executable not found"
        r"|Package .* was not found in the pkg-config|node-gyp.*not found",
        "a compiler or system library is missing in the image",
        "Install it with apt-get in the building stage, or use a package that ships ready-made.",
    ),
    _cause(
        r"(executable file|command) not found|: not found|No such file or directory",
        "the step runs a program or reads a file that is not in the image",
        "Check the name, and that an earlier step installs or copies it.",
    ),
)


class BuildLog:
    """Reads `--progress=plain` line by line; `total` is how many steps the Dockerfile has."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._names: dict[str, str] = {}
        self._ended: set[str] = set()
        self._failed = ""
        self._tails: dict[str, deque[str]] = {}
        self._last: deque[str] = deque(maxlen=20)

    @property
    def told(self) -> bool:
        """Whether the build said anything yet."""
        return bool(self._last)

    def read(self, line: str) -> Progress | None:
        """The progress that a line tells of, None when it is nothing to show."""
        line = redact_text(line.rstrip()[:_LONGEST])
        if not line.strip():
            return None
        self._last.append(line)
        found = _LINE.fullmatch(line)
        if not found:  # between the steps: the classic builder's lines, and after a failure an excerpt told already
            return None if self._failed else Progress(line, self._fraction)
        return self._step_line(found[1], found[2])

    def failure(self, image: str) -> Failed:
        """The error of a build that failed: the step, its last lines, the cause and the way out where known."""
        step = self._names.get(self._failed, "")
        tail = [line for line in self._tails.get(self._failed, ()) if line.strip()] or list(self._last)
        # The step's own words explain it best; what comes after them may quote the Dockerfile around it.
        said = "\n".join(tail), "\n".join([*tail, *self._last])
        cause = next((one for text in said for one in CAUSES if one.marks.search(text)), None)
        code = _EXIT.search(said[1])
        number = f" (exit code {code[1] or code[2]})" if code and (code[1] or code[2]) else ""
        where = f" at {step}{number}" if step else number
        why = f": {cause.text}" if cause else ""
        lines = "\n".join(f"  {line}" for line in tail[-8:])
        return Failed(
            f"The build of {image} failed{where}{why}. Its last lines:\n{lines}\n",
            cause.step if cause else "Correct the step and build again.",
        )

    @property
    def _fraction(self) -> float:
        return min(len(self._ended) / self._total, 1.0)

    def _step_line(self, number: str, text: str) -> Progress | None:
        step = _STEP.fullmatch(text)
        if step:
            self._names[number] = _name(step)
            return Progress(self._names[number], self._fraction)
        name = self._names.get(number)
        if text.startswith("ERROR"):
            self._failed = number
            self._tails.setdefault(number, deque(maxlen=20)).append(text)
            return Progress(f"{name or 'build'}: {text}", self._fraction)
        if text == "CACHED" or text.startswith("DONE"):
            if name:
                self._ended.add(number)
            return Progress(f"{name}: {'unchanged' if text == 'CACHED' else 'done'}", self._fraction) if name else None
        if _LAYER.match(text):
            return None
        logged = _TIMED.sub("", text, count=1)
        self._tails.setdefault(number, deque(maxlen=20)).append(logged)
        return Progress(f"{name}: {logged}", self._fraction) if name else None


def _name(step: re.Match[str]) -> str:
    """A step for people: its place and its command without flags, on one short line."""
    instruction, _, rest = step["text"].partition(" ")
    words = " ".join(_FLAGS.sub("", rest, count=1).split())
    command = f"{instruction} {words if len(words) <= _WIDTH else words[: _WIDTH - 1] + '…'}"
    stage = f"{step['stage']} " if step["stage"] and not step["stage"].startswith("stage-") else ""
    return f"{stage}step {step['n']}/{step['of']} {command}"
