"""Errors out of a long log: time and peak memory for a stream of 100 MB, and what redaction costs.

python -m benchmarks.logs [MEGABYTES]
"""

from __future__ import annotations

import random
import resource
import sys
import time
from collections.abc import Iterator

from tools.kubernetes.look.log_templates import Summary, take
from tools.secrets.redact import redact_text


def stream(size: int, seed: int = 1) -> Iterator[bytes]:
    """Lines such as an application, an access log and a framework write, of so many bytes in all."""
    draw = random.Random(seed)  # noqa: S311
    done = number = 0
    while done < size:
        number += 1
        stamp = f"2026-11-24T02:{number // 60 % 60:02d}:{number % 60:02d}.{draw.randrange(999):03d}Z"
        line = f"{stamp} {_line(draw, stamp)}".encode()
        done += len(line) + 1
        yield line


def _line(draw: random.Random, stamp: str) -> str:
    share = draw.random()
    if share < 0.45:
        return (
            f"INFO [exec-{draw.randrange(20)}] GET /api/orders/{draw.randrange(10**6)} 200 {draw.randrange(300)}ms "
            f"user={draw.randrange(10**5)} trace={draw.getrandbits(128):032x}"
        )
    if share < 0.7:
        return f'{{"time":"{stamp}","level":"info","msg":"request finished","id":"{draw.getrandbits(64):016x}"}}'
    if share < 0.85:
        return f'10.1.{draw.randrange(255)}.4 - - "GET /app.js HTTP/1.1" 200 {draw.randrange(9999)} "https://shop.example/"'
    if share < 0.97:
        return f"DEBUG cache hit for key item:{draw.randrange(10_000)} in {draw.random():.3f} ms"
    if share < 0.99:
        return f"ERROR failed to connect to postgres://app:s3cretPw@db:5432/shop after {draw.randrange(9)} tries"
    return f"ERROR order {draw.getrandbits(32):08x} of user {draw.randrange(10**5)} could not be stored: timed out"


def main() -> None:
    """Print the figures."""
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else 100) * 1e6)
    before = _peak()
    began = time.process_time()
    for _ in stream(size):
        pass
    making = time.process_time() - began
    summary = Summary()
    began = time.process_time()
    take(summary, stream(size))
    took = time.process_time() - began - making
    print(
        f"{summary.lines:,} lines, {summary.bytes / 1e6:.0f} MB: {summary.trouble:,} errors, {len(summary.kinds)} kinds"
    )
    print(f"clustered in {took:.1f} s of processor time, {_peak() - before:.0f} MB more memory at the peak")
    text = b"\n".join(stream(10_000_000)).decode()
    began = time.process_time()
    redact_text(text)
    print(f"redaction of 10 MB: {time.process_time() - began:.2f} s")


def _peak() -> float:
    """Most memory that this process had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
