"""Errors out of a stream: grouped by wording, with times, samples and traces, in little memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from tools.kubernetes.look.log_templates import Summary, is_trouble, take, template_of


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24 02:00:00 ERROR could not store order 7",
        '{"level": "error", "msg": "boom"}',
        "level=fatal msg=gone",
        "[error] 12#0: upstream prematurely closed",
        "E1124 02:00:00.000 1 main.go:1] lost the lease",
        "Traceback (most recent call last):",
        "java.lang.IllegalStateException: no session",
        "dial tcp 10.0.0.1:5432: connection refused",
    ],
)
def test_trouble_is_known_by_level_or_words(line: str) -> None:
    assert is_trouble(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"level": "info", "logger": "uvicorn.error", "message": "Started"}',
        "INFO done, 0 errors",
        "INFO retry after error was successful",
        "DEBUG failed=0",
        "2026-11-24 02:00:00 GET /errors 200",
    ],
)
def test_what_only_speaks_of_errors_is_none(line: str) -> None:
    assert not is_trouble(line)


def test_numbers_ids_and_times_do_not_make_a_new_kind() -> None:
    one = "ERROR 2026-11-24T02:00:01.5Z order 3f2a9c81 of 10.1.2.3:80 failed in 12 ms (0x7f, api-7d9f8b6c5d-x2x4z)"
    two = "ERROR 2026-11-25T12:31:59Z order 90aa17be of 10.9.9.9:81 failed in 7.5 ms (0x1a2b, api-7d9f8b6c5d-9zqwk)"
    assert template_of(one) == template_of(two)
    assert template_of(one) != template_of(one.replace("failed", "refused"))


def test_a_trace_belongs_to_its_error() -> None:
    lines = [
        b"2026-11-24T02:00:01Z ERROR cannot handle request 1",
        b"2026-11-24T02:00:01Z Traceback (most recent call last):",
        b'2026-11-24T02:00:01Z   File "main.py", line 3, in run',
        b"2026-11-24T02:00:01Z ZeroDivisionError: division by zero",
        b"2026-11-24T02:00:02Z INFO all well",
        b"2026-11-24T02:05:00Z ERROR cannot handle request 2",
    ]
    summary = Summary()
    take(summary, lines, "web/web")
    assert summary.lines == 6
    error = next(kind for kind in summary.ordered() if "cannot handle" in kind.sample)
    assert (error.count, error.first, error.last) == (2, "2026-11-24T02:00:01Z", "2026-11-24T02:05:00Z")
    trace = next(kind for kind in summary.ordered() if "Traceback" in kind.sample)
    assert trace.more == ['  File "main.py", line 3, in run', "ZeroDivisionError: division by zero"]


def test_a_long_stream_takes_little_memory() -> None:
    def stream() -> Iterator[bytes]:
        for number in range(60_000):
            yield b"2026-11-24T02:00:01Z INFO request %d done" % number
            if not number % 50:
                yield b"2026-11-24T02:00:01Z ERROR wording %s of %d" % (b"x" * (number % 900), number)

    summary = Summary()
    tracemalloc.start()
    take(summary, stream())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert summary.trouble == 1200
    assert peak < 8_000_000
