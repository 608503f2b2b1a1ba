"""The journal keeps what it was given, in order, whatever happens to the process or the file's end."""

import multiprocessing
import os
import resource
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.guard.journal import Journal
from tools.errors import Failed


def test_records_form_a_chain(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for number in range(5):
        journal.append("proposed", f"plan{number}", request=f"request {number}")
    records = list(journal.records())
    assert [record["plan"] for record in records] == [f"plan{n}" for n in range(5)]
    assert [record["seq"] for record in records] == [1, 2, 3, 4, 5]
    assert journal.verify() == []


def test_it_is_private(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state" / "journal.jsonl")
    journal.append("proposed", "plan")
    assert journal.path.stat().st_mode & 0o077 == 0


def test_an_altered_record_is_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("proposed", "plan", request="scale to 3")
    journal.append("approved", "plan")
    journal.path.write_bytes(journal.path.read_bytes().replace(b"scale to 3", b"scale to 9"))
    assert journal.verify() == ["Record 1 was altered."]


def test_the_first_fault_is_told_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for number in range(6):
        journal.append("proposed", f"plan{number}")
    lines = journal.path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"plan1", b"plan9")
    lines[3] = b"rubbish\n"
    journal.path.write_bytes(b"".join(lines))
    assert journal.verify() == [
        "Record 2 was altered.", "Line 4 cannot be read.", "Record 5 does not follow the one before it.",
    ]  # fmt: skip


def test_a_removed_record_is_found(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for _ in range(3):
        journal.append("proposed", "plan")
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(lines[0] + lines[2])
    assert journal.verify() == ["Record 3 does not follow the one before it."]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(min_value=0))
def test_a_tail_cut_at_any_byte_loses_only_the_cut_record(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.path.unlink(missing_ok=True)
    for number in range(3):
        journal.append("intent", f"plan{number}", 1)
    whole = journal.path.read_bytes()
    cut %= len(whole)
    kept = whole[:cut].count(b"\n")
    journal.path.write_bytes(whole[:cut])
    journal = Journal(journal.path)  # as a later process finds it
    journal.append("outcome", "after")
    plans = [record["plan"] for record in journal.records() if record["type"] != "repaired"]
    assert plans == [f"plan{n}" for n in range(kept)] + ["after"]
    assert journal.verify() == []


def _write_many(path: Path, name: str) -> None:
    for _ in range(25):
        Journal(path).append("proposed", name)


def test_processes_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_many, args=(path, f"p{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(list(Journal(path).records())) == 75
    assert Journal(path).verify() == []


@pytest.mark.parametrize("newer", [b'{"version":99}\n', b'{"version":2,"at":"later","what":[1]}\n'])
def test_a_newer_format_is_neither_read_nor_added_to(tmp_path: Path, newer: bytes) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("proposed", "plan")
    journal.path.write_bytes(journal.path.read_bytes() + newer)
    before = journal.path.read_bytes()
    for use in (journal.verify, lambda: list(journal.records()), lambda: journal.append("approved", "plan")):
        with pytest.raises(Failed, match="newer Shipmate"):
            use()
    assert journal.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [journal.path]


def test_the_id_is_the_journals_own(tmp_path: Path) -> None:
    journals = [Journal(tmp_path / name) for name in "ab"]
    assert journals[0].id == ""
    for journal in journals:
        journal.append("proposed", "plan")
    assert journals[0].id != journals[1].id
    journals[0].append("approved", "plan")
    assert Journal(journals[0].path).id == journals[0].id


def _append_with_little_room(path: Path, room: int) -> None:
    """Exits with 7 when the journal says that it cannot be written; a file may grow by `room` bytes only."""
    size = path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, size + room))
    try:
        Journal(path).append("intent", "plan", 1, text="x" * 200)
    except Failed as error:
        os._exit(7 if "cannot be written" in error.message else 1)


@pytest.mark.parametrize("room", [0, 1, 150])
def test_a_full_disk_leaves_no_half_record(tmp_path: Path, room: int) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("proposed", "plan")
    before = journal.path.read_bytes()
    writer = multiprocessing.get_context("fork").Process(target=_append_with_little_room, args=(journal.path, room))
    writer.start()
    writer.join()
    assert writer.exitcode == 7
    assert journal.path.read_bytes() == before
    journal.append("approved", "plan")
    assert journal.verify() == []


def _write_until_killed(path: Path, name: str) -> None:
    while True:
        Journal(path).append("intent", name, 1, text="x" * 5000)


def test_killed_writers_lose_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    fork = multiprocessing.get_context("fork")
    for round_ in range(5):
        writers = [fork.Process(target=_write_until_killed, args=(path, f"p{n}")) for n in range(3)]
        before = path.read_bytes() if path.exists() else b""
        for writer in writers:
            writer.start()
        while not path.exists() or path.stat().st_size < len(before) + 20_000 * (round_ + 1):
            time.sleep(0.005)
        for writer in writers:
            writer.kill()
            writer.join()
        Journal(path).append("verified", f"after {round_}")
        assert path.read_bytes().startswith(before)
        assert Journal(path).verify() == []


def test_a_folder_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Failed, match="cannot be written"):
        Journal(tmp_path / "file" / "journal.jsonl").append("proposed", "plan")


@pytest.mark.parametrize("rubbish", [b"rubbish\n", b'{"hash": 1}\n', b"[]\n", b"\xff\xfe\n"])
def test_a_line_that_cannot_be_read_is_told_and_hides_no_other(tmp_path: Path, rubbish: bytes) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("proposed", "first")
    journal.append("proposed", "second")
    first, second = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(first + rubbish + second)
    assert [record["plan"] for record in journal.records()] == ["first", "second"]
    assert journal.verify() == ["Line 2 cannot be read."]
