"""The journal: an append-only, hash-chained record of what was proposed, approved, done and undone.

One JSON object a line, each carrying the hash of the one before, flushed to disk before the call returns. Processes
take turns by a file lock. A line that a crash cut off is set aside when the next record is written; earlier records
are never touched.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal, TypedDict, cast

from tools.change import Json
from tools.errors import Failed

VERSION = 1
GENESIS = "0" * 64

RecordType = Literal[
    "proposed", "approved", "refused", "intent", "outcome", "verified", "undone", "resolved", "repaired"
]


class Record(TypedDict):
    """One line; `step` counts from 1 and is 0 where the record is about the plan as a whole."""

    version: int
    seq: int
    at: str
    type: RecordType
    plan: str
    step: int
    data: dict[str, Json]
    previous: str
    hash: str


class Journal:
    """The journal in `path`; created with mode 0600 on the first record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._id = ""

    @property
    def id(self) -> str:
        """What tells this journal from every other: the beginning of its first record's hash, so that nobody can
        exchange the journal and keep the id. Empty while there is no record."""
        if not self._id:
            self._id = next((journal_id(record) for record in self.records()), "")
        return self._id

    def append(self, type: RecordType, plan: str, step: int = 0, **data: Json) -> Record:
        """Write one record and flush it to disk; raises Failed when that is not possible (so nothing may go on)."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked() as file:
                last = self._mend_tail(file)
                return _write(file, last, type, plan, step, data)
        except OSError as error:
            raise Failed(
                f"The journal {self.path} cannot be written: {error.strerror}.",
                "Nothing is changed without it; free some space or set XDG_STATE_HOME to a writable folder.",
            ) from error

    def records(self) -> Iterator[Record]:
        """All whole records, oldest first; lines that cannot be read are left out (`verify` tells of them)."""
        for line in self._lines():
            record = _parse(line)
            if record is None:
                continue
            if record["version"] > VERSION:
                raise Failed(
                    f"The journal was written by a newer Shipmate (format {record['version']}).",
                    "Update Shipmate, or set XDG_STATE_HOME to another folder.",
                )
            yield record

    def of(self, plan: str) -> list[Record]:
        """The records about one plan, oldest first."""
        named = json.dumps(plan).encode()  # finding these bytes is far cheaper than parsing every line
        records = (_parse(line) for line in self._lines() if named in line)
        return [record for record in records if record and record["plan"] == plan]

    def _lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return
        except OSError as error:
            raise Failed(
                f"The journal {self.path} cannot be read: {error.strerror}.", "Set XDG_STATE_HOME to another folder."
            ) from error

    def verify(self) -> list[str]:
        """Check the chain; returns what is wrong, one sentence each (empty = intact)."""
        lines = enumerate(self._lines(), start=1)
        whole = ((number, line) for number, line in lines if line.endswith(b"\n"))  # a cut-off end is set aside later
        problems = [f"Line {number} cannot be read." for number, line in whole if _parse(line) is None]
        previous, seq = GENESIS, 0
        for record in self.records():
            seq += 1
            if record["seq"] != seq or record["previous"] != previous:
                problems.append(f"Record {record['seq']} does not follow the one before it.")
            if _hash(record) != record["hash"]:
                problems.append(f"Record {record['seq']} was altered.")
            previous, seq = record["hash"], record["seq"]
        return problems

    @contextmanager
    def _locked(self) -> Generator[IO[bytes]]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _mend_tail(self, file: IO[bytes]) -> Record | None:
        """Return the last whole record; set aside whatever a crash left behind it."""
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return None
        whole, last = _last_whole_record(file, size)
        if whole == size:
            return last
        file.seek(whole)
        torn = file.read()
        self.path.with_name(f"{self.path.name}.torn-{whole}").write_bytes(torn)
        file.truncate(whole)
        return _write(file, last, "repaired", "", 0, {"torn_bytes": len(torn)})


def journal_id(first: Record) -> str:
    """The id of the journal that begins with this record."""
    return first["hash"][:16]


def _last_whole_record(file: IO[bytes], size: int) -> tuple[int, Record | None]:
    """(offset behind the last whole record, that record), reading from the end in growing blocks."""
    block = 65536
    while True:
        start = max(0, size - block)
        file.seek(start)
        data = file.read(size - start)
        lines = data.splitlines(keepends=True)
        if start:
            lines = lines[1:]  # may have been cut by the block's edge
        end = size
        for line in reversed(lines):
            record = _parse(line)
            if record is not None:
                return end, record
            end -= len(line)
        if not start:
            return 0, None
        block *= 8


def _parse(line: bytes) -> Record | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(record, dict) and record.keys() >= Record.__annotations__.keys()
    return cast(Record, record) if whole else None


def _hash(record: Record) -> str:
    body = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _write(
    file: IO[bytes], last: Record | None, type: RecordType, plan: str, step: int, data: dict[str, Json]
) -> Record:
    record: Record = {
        "version": VERSION,
        "seq": last["seq"] + 1 if last else 1,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "type": type,
        "plan": plan,
        "step": step,
        "data": data,
        "previous": last["hash"] if last else GENESIS,
        "hash": "",
    }
    record["hash"] = _hash(record)
    file.seek(0, os.SEEK_END)
    file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
    return record
