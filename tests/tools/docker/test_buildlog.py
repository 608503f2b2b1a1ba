"""A build's output: progress, and why it failed."""

from __future__ import annotations

import base64

import pytest

from tools.docker.buildlog import BuildLog
from tools.docker.trace import Trace
from tools.progress import Progress

PLAIN = """\
#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 127B done
#1 DONE 0.0s
#4 [build 1/3] FROM docker.io/library/python:3.13-slim
#4 CACHED
#5 [build 2/3] RUN --mount=type=cache,target=/root/.cache   pip install   x
#5 sha256:0123456789012345678901234567890123456789012345678901234567890123
#5 1.234 Collecting x
#5 DONE 2.0s
#6 [build 3/3] COPY app /srv
#6 DONE 0.1s
#7 [stage-1 1/1] COPY --from=build /srv /srv
#7 DONE 0.1s
#8 exporting to image
#8 DONE 0.2s
"""


def read(text: str, total: int = 4) -> tuple[BuildLog, list[Progress]]:
    log = BuildLog(total)
    return log, [progress for line in text.splitlines() if (progress := log.read(line))]


def test_steps_and_their_output_are_told_with_the_part_that_is_done() -> None:
    _, told = read(PLAIN)
    assert [one.text for one in told] == [
        "build step 1/3 FROM docker.io/library/python:3.13-slim",
        "build step 1/3 FROM docker.io/library/python:3.13-slim: unchanged",
        "build step 2/3 RUN pip install x",
        "build step 2/3 RUN pip install x: Collecting x",
        "build step 2/3 RUN pip install x: done",
        "build step 3/3 COPY app /srv",
        "build step 3/3 COPY app /srv: done",
        "step 1/1 COPY /srv /srv",
        "step 1/1 COPY /srv /srv: done",
    ]
    fractions = [one.fraction for one in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_no_secret_of_a_build_is_shown() -> None:
    log, told = read("#5 [1/1] RUN x\n#5 0.1 token=ghp_0123456789abcdefghijABCDEFGHIJ012345\n#5 ERROR: exit code: 1\n")
    assert "ghp_" not in "".join(one.text for one in told)
    assert "ghp_" not in str(log.failure("web"))


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "re-signs TLS"),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "re-signs TLS"),
        ("npm error code ENOTFOUND", "no network"),
        ("Temporary failure resolving 'deb.debian.org'", "no network"),
        ("write /layer: no space left on device", "disk is full"),
        (
            "npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync",
            "lock file",
        ),
        ("/bin/sh: 1: gcc: not found", "compiler"),
        ("Error: pg_config executable not found.", "compiler"),
        ("FATAL ERROR: JavaScript heap out of memory", "memory"),
        ("/bin/sh: 1: curl: not found", "not in the image"),
    ],
)
def test_known_causes_are_named_with_a_way_out(said: str, cause: str) -> None:
    error = read(f"#5 [2/3] RUN make it\n#5 0.2 {said}\n#5 ERROR: process did not complete: exit code: 2\n")[0].failure(
        "web"
    )
    assert cause in error.message
    assert "step 2/3 RUN make it (exit code 2)" in error.message
    assert said in error.message
    assert error.next_step


def test_a_missing_file_of_the_context_is_named() -> None:
    text = '#5 [2/2] COPY gone /x\n#5 ERROR: "/gone" not found: not found\nfailed to compute cache key\n'
    assert "COPY or ADD wants" in read(text)[0].failure("web").message


def test_a_failure_of_unknown_cause_shows_its_last_lines_only() -> None:
    lines = "".join(f"#5 {n}.0 line {n}\n" for n in range(50))
    error = read(f"#5 [1/1] RUN x\n{lines}#5 ERROR: exit code: 9\n")[0].failure("web")
    assert "line 49" in error.message
    assert "line 3\n" not in error.message


def test_very_long_lines_are_cut() -> None:
    _, told = read("#5 [1/1] RUN x\n#5 0.1 " + "y" * 100_000 + "\n")
    assert max(len(one.text) for one in told) < 1000


# --- The engine's own progress, in protobuf ---------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields: bytes) -> dict[str, str]:
    return {"id": "moby.buildkit.trace", "aux": base64.b64encode(b"".join(fields)).decode()}


def vertex(name: str, *more: bytes) -> bytes:
    return field(1, field(1, name.encode()) + field(3, f"[{name}] RUN x".encode()) + b"".join(more))


def log_line(name: str, text: bytes) -> bytes:
    return field(3, field(1, name.encode()) + field(2, field(1, 5)) + field(3, 1) + field(4, text))


def test_the_engines_trace_reads_like_plain_progress() -> None:
    trace = Trace()
    sent = [
        message(vertex("1/3"), vertex("2/3")),
        message(vertex("1/3", field(4, 1), field(6, b"t"))),
        message(log_line("2/3", b"he"), log_line("2/3", b"llo\nwor")),
        message(log_line("2/3", b"ld\n"), varint(9 << 3 | 1) + bytes(8)),
        message(vertex("2/3", field(6, b"t"), field(7, b"exit code: 1"))),
        {"stream": "Step 1/2 : FROM x\n"},
        {"aux": "other"},
    ]
    assert [line for one in sent for line in trace.lines(one)] == [
        "#1 [1/3] RUN x",
        "#2 [2/3] RUN x",
        "#1 CACHED",
        "#2 hello",
        "#2 world",
        "#2 ERROR: exit code: 1",
        "Step 1/2 : FROM x",
    ]
