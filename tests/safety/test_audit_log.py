"""Audit logs as they come: plain, packed, in batches, still being written, or no logs at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from agent.guard.witness.audit_log import read_events
from tests.safety.test_witness import PATH, Story, event
from tests.safety.test_witness import story as story
from tools.errors import BadRequest, NotFound


def lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in events)


def test_plain_packed_and_listed_files_hold_the_same(story: Story, tmp_path: Path) -> None:
    other, last = (event("PATCH", PATH, user="jo") for _ in range(2))
    (tmp_path / "audit.log").write_bytes(lines([*story.events[:4], other, last]))
    (tmp_path / "audit-old.log.gz").write_bytes(gzip.compress(lines(story.events[4:8])))
    (tmp_path / "batch.json").write_bytes(
        b"2026-11-23T22:00:00Z "
        + lines([{"apiVersion": "audit.k8s.io/v1", "kind": "EventList", "items": story.events[8:]}])
    )
    paths = [str(tmp_path / name) for name in ("audit.log", "audit-old.log.gz", "batch.json")]
    found = list(read_events(paths))
    assert found == [*story.events[:4], last, *story.events[4:]]  # the last of a file tells how far it reaches


def test_a_line_that_is_still_written_is_left_out(story: Story, tmp_path: Path) -> None:
    (tmp_path / "audit.log").write_bytes(lines(story.events)[:-10])
    assert list(read_events([str(tmp_path / "audit.log")])) == story.events[:-1]


@pytest.mark.parametrize("text", [b"shipmate was here\n", b'{"shipmate": 1}\n', b'["shipmate"]\n', b'"\x00\n'])
def test_what_is_no_audit_log_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "audit.log").write_bytes(text)
    with pytest.raises(BadRequest, match=r"Line 1 .* is not an audit event"):
        list(read_events([str(tmp_path / "audit.log")]))


def test_a_log_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="There is no file"):
        list(read_events(["/nowhere/audit.log"]))
