"""The clusters that Shipmate made, remembered by the UID of their kube-system namespace.

Names and addresses can come to mean another cluster; the UID cannot. Demo and tests only touch what is listed here.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.errors import Failed
from tools.provision.folders import state_folder


@dataclass(frozen=True)
class Record:
    """One cluster: how it is reached from the host (`registry` as host:port, `ingress` as a URL, or empty)."""

    uid: str
    name: str
    driver: str
    container: str = ""
    registry: str = ""
    ingress: str = ""


def all_records() -> list[Record]:
    """Every cluster that was made and not removed."""
    file = _file()
    if not file.exists():
        return []
    try:
        return [Record(**entry) for entry in json.loads(file.read_text())]
    except (ValueError, TypeError) as error:
        raise Failed(f"{file} cannot be read: {error}.", "Remove it; `shipmate cluster up` writes it again.") from error


def made_by_us(uid: str) -> bool:
    """Whether the cluster whose kube-system namespace has this UID was made here."""
    return bool(uid) and any(record.uid == uid for record in all_records())


def by_name(name: str) -> Record | None:
    """The cluster of that name, if it was made here."""
    return next((record for record in all_records() if record.name == name), None)


def remember(record: Record) -> None:
    """Write the record, replacing an older one of the same name."""
    others = [known for known in all_records() if known.name != record.name]
    if record not in all_records():
        _save([*others, record])


def forget(name: str) -> None:
    """Drop the record of that name."""
    records = all_records()
    kept = [record for record in records if record.name != name]
    if kept != records:
        _save(kept)


def _file() -> Path:
    return state_folder() / "clusters.json"


def _save(records: list[Record]) -> None:
    file = _file()
    if not records:
        file.unlink(missing_ok=True)
        return
    write_whole(file, json.dumps([asdict(record) for record in records], indent=2) + "\n")


def write_whole(file: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only; a reader never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    with os.fdopen(handle, "w") as sink:
        sink.write(text)
    Path(name).replace(file)
