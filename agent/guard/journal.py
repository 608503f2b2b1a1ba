"""The journal: an append-only, hash-chained record of what was proposed, approved, done and undone.

One JSON object a line, each carrying the hash of the one before, on the disk before the call returns. Processes take
turns by a file lock. A line that a crash cut off is set aside when the next record is written; earlier records are
never touched. A journal that a newer Shipmate wrote is neither read nor added to, so that nothing is applied.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Literal, NamedTuple, TypedDict, cast

from tools.change import Json
from tools.errors import Failed

VERSION = 1

RecordType = Literal[
    "proposed", "approved", "refused", "intent", "outcome", "verified", "undone", "resolved", "repaired",
    "granted", "revoked", "revealed",
]  # fmt: skip


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


class Mark(NamedTuple):
    """A record that this process has seen, and where: it has to stay there."""

    offset: int
    line: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.line)

    def holds(self, file: int) -> bool:
        return os.pread(file, len(self.line), self.offset) == self.line


class Journal:
    """The journal in `path`; created with mode 0600 on the first record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._id = ""
        self._written: Mark | None = None  # the last record of this process
        self._checked: Mark | None = None  # the last one up to which the chain was found whole

    @property
    def id(self) -> str:
        """What tells this journal from every other; empty while there is no record."""
        if not self._id:
            self._id = next((journal_id(record) for record in self.records()), "")
        return self._id

    def append(self, type: RecordType, plan: str, step: int = 0, **data: Json) -> Record:
        """Write one record and flush it to disk; raises Failed when that is not possible (so nothing may go on)."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked() as file:
                self._require(self._written, file)
                last = self._mend_tail(file)
                record, self._written = _write(file, last, type, plan, step, data)
                return record
        except OSError as error:
            raise Failed(
                f"The journal {self.path} cannot be written: {error.strerror}.",
                "Nothing is changed without it; free some space or set XDG_STATE_HOME to a writable folder.",
            ) from error

    def check(self) -> None:
        """Raise Failed where the chain is broken; what was found whole before needs only to be there still."""
        whole = self._checked
        try:
            with self.path.open("rb") as file:
                self._require(whole, file.fileno())
                start = file.seek(whole.end if whole else 0)
                lines = [line for line in file if line.endswith(b"\n")]
        except FileNotFoundError:
            lines, start = [], 0
            self._require(whole, None)
        except OSError as error:
            raise self._unreadable(error) from error
        after = _parse(whole.line) if whole else None
        if problems := chain_problems((_parse(line) for line in lines), after):
            raise Failed(
                f"The journal {self.path} is broken: {problems[0]}",
                "Nothing is changed on top of it. `shipmate journal verify` tells more; move it away to begin anew.",
            )
        if lines:
            self._checked = Mark(start + sum(map(len, lines[:-1])), lines[-1])

    def records(self) -> Iterator[Record]:
        """All whole records, oldest first; lines that cannot be read are left out (`verify` tells of them)."""
        return (record for line in self._lines() if (record := _parse(line)))

    def of(self, plan: str) -> list[Record]:
        """The records about one plan, oldest first."""
        named = json.dumps(plan).encode()  # finding these bytes is far cheaper than parsing every line
        records = (_parse(line) for line in self._lines() if named in line)
        return [record for record in records if record and record["plan"] == plan]

    def verify(self) -> list[str]:
        """Check the chain; returns what is wrong, the first first, one sentence each (empty = intact)."""
        whole = (line for line in self._lines() if line.endswith(b"\n"))  # a cut-off end is set aside later
        return chain_problems(_parse(line) for line in whole)

    def _lines(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                yield from file
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> Failed:
        return Failed(
            f"The journal {self.path} cannot be read: {error.strerror}.", "Set XDG_STATE_HOME to another folder."
        )

    def _require(self, mark: Mark | None, file: int | None) -> None:
        """Raise Failed where a record that this process knows is gone from its place."""
        if mark and (file is None or not mark.holds(file)):
            raise Failed(
                f"The journal {self.path} was removed, cut or exchanged while Shipmate ran.",
                "Nothing is changed without it: put it back, or start Shipmate again to begin a new one.",
            )

    @contextmanager
    def _locked(self) -> Generator[int]:
        """The file, held by nobody else."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _mend_tail(self, file: int) -> Record | None:
        """Return the last whole record; set aside whatever a crash left behind it."""
        size = os.fstat(file).st_size
        if size == 0:
            _flush_folder(self.path.parent)
            return None
        whole, last = _last_whole_record(file, size)
        if whole == size:
            return last
        torn = os.pread(file, size - whole, whole)
        aside = self.path.with_name(f"{self.path.name}.torn-{whole}")
        with aside.open("wb") as kept:
            kept.write(torn)
            kept.flush()
            os.fsync(kept.fileno())
        os.ftruncate(file, whole)
        return _write(file, last, "repaired", "", 0, {"torn_bytes": len(torn), "kept_in": aside.name})[0]


def journal_id(first: Record) -> str:
    """The id of the journal that begins with this record: part of its hash, so that a journal cannot be exchanged
    for another under the same id."""
    return first["hash"][:16]


def chain_problems(records: Iterable[Record | None], after: Record | None = None) -> list[str]:
    """What is wrong with these records as a chain, in order; None stands for an unreadable line.

    They begin the journal, or follow `after`.
    """
    problems: list[str] = []
    previous, seq = (after["hash"], after["seq"]) if after else (None, 0)
    for number, record in enumerate(records, start=1):
        if record is None:
            problems.append(f"Line {number} cannot be read.")
            continue
        seq += 1
        if record["seq"] != seq or previous not in (None, record["previous"]):
            problems.append(f"Record {record['seq']} does not follow the one before it.")
        if _hash(record) != record["hash"]:
            problems.append(f"Record {record['seq']} was altered.")
        previous, seq = record["hash"], record["seq"]
    return problems


def _last_whole_record(file: int, size: int) -> tuple[int, Record | None]:
    """(offset behind the last whole record, that record), reading from the end in growing blocks."""
    block = 65536
    while True:
        start = max(0, size - block)
        data = os.pread(file, size - start, start)
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
    """The record in a line, None where there is none; raises Failed for one of a newer format."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    version = cast(dict[str, Json], record).get("version")
    if isinstance(version, int) and version > VERSION:  # whatever else it holds, it is not ours to judge
        raise Failed(
            f"The journal was written by a newer Shipmate (format {version}).",
            "Update Shipmate, or set XDG_STATE_HOME to another folder.",
        )
    return cast(Record, record) if record.keys() >= Record.__annotations__.keys() else None


def _hash(record: Record) -> str:
    body = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _write(
    file: int, last: Record | None, type: RecordType, plan: str, step: int, data: dict[str, Json]
) -> tuple[Record, Mark]:
    record: Record = {
        "version": VERSION,
        "seq": last["seq"] + 1 if last else 1,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "type": type,
        "plan": plan,
        "step": step,
        "data": data,
        "previous": last["hash"] if last else token_hex(32),  # so that no two journals begin alike
        "hash": "",
    }
    record["hash"] = _hash(record)
    line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    size = os.fstat(file).st_size
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):  # a full disk takes the beginning of a line
            os.ftruncate(file, size)
        raise
    return record, Mark(size, line)


def _flush_folder(folder: Path) -> None:
    """Make the name of a new file last as well."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
