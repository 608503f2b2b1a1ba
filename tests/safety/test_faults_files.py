"""Shipmate's own files: a journal cut at any byte, a home that cannot be written, a disk without room."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.guard.journal import Journal
from tests.conftest import CLUSTER_CONTEXT
from tests.safety import faults
from tools.context import Context

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))


def test_a_journal_cut_at_any_byte_goes_on(tmp_path: Path) -> None:
    whole = Journal(tmp_path / "journal.jsonl")
    for number in range(3):
        whole.append("intent", "p", number, text="größer")
    records, content = list(whole.records()), whole.path.read_bytes()
    ends = [number for number, byte in enumerate(content, start=1) if byte == 10]
    for size in range(len(content)):
        cut = Journal(tmp_path / f"{size}" / "journal.jsonl")
        cut.path.parent.mkdir()
        cut.path.write_bytes(content[:size])
        kept = sum(end <= size for end in ends)
        assert list(cut.records()) == records[:kept]
        assert cut.verify() == []
        cut.append("outcome", "p", 1)
        assert list(cut.records())[:kept] == records[:kept]
        assert cut.verify() == []
        torn = [file for file in cut.path.parent.iterdir() if file != cut.path]
        assert b"".join(file.read_bytes() for file in torn) == content[ends[kept - 1] if kept else 0 : size]
        faults.ran("journal cut at a byte")


def shipmate(home: str, *words: str, room: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the program with its state in this folder; without `room` no file can grow beyond a page."""
    limit = None if room else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    env = {**os.environ, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
    return subprocess.run(
        [SHIPMATE, *words], capture_output=True, text=True, check=False, env=env, timeout=120, preexec_fn=limit
    )  # fmt: skip


@pytest.fixture(params=["read-only", "a file in its place", "full"])
def unusable(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, bool]:
    """A home that cannot be written, and whether there is room on the disk."""
    if request.param == "read-only":
        return "/proc/shipmate", True  # nobody, not even root, can make a folder there
    if request.param == "full":
        return str(tmp_path / "home"), False
    (tmp_path / "file").write_text("")
    return str(tmp_path / "file"), True


@pytest.mark.cluster
def test_nothing_is_changed_without_a_record(
    ctx: Context, apply: Callable[[str], None], unusable: tuple[str, bool]
) -> None:
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {value: first}\n")
    home, room = unusable
    place = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
    before = ctx.cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/one")
    for request in ("label configmap one team=blue", "delete configmap one"):
        done = shipmate(home, *place, "ask", "--yes", request, room=room)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr + done.stdout
        assert len(done.stderr.strip().splitlines()[-1]) < 400
        faults.ran("unusable home")
    assert ctx.cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/one") == before


@pytest.mark.cluster
def test_reading_goes_on_without_a_home(ctx: Context, apply: Callable[[str], None], unusable: tuple[str, bool]) -> None:
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {value: first}\n")
    home, room = unusable
    place = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
    done = shipmate(home, *place, "ask", "list configmaps", room=room)
    assert done.returncode == 0, done.stderr
    assert "one" in done.stdout
    for command in (["journal"], ["plan"]):
        done = shipmate(home, *place, *command, room=room)
        assert "Traceback" not in done.stderr, done.stderr
    faults.ran("unusable home")
