"""The journal keeps what it was given, in order, whatever happens to the process or the file's end."""

import multiprocessing
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


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("proposed", "plan")
    journal.path.write_bytes(journal.path.read_bytes().replace(b'"version":1', b'"version":99'))
    with pytest.raises(Failed, match="newer Shipmate"):
        list(journal.records())


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
