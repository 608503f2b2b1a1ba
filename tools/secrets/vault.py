"""Keeps the few secret values that must wait for a while (a change between its plan and its yes, undo).

Each value is one encrypted file that expires; the key lies beside them, readable only by its owner. That guards
against backups, listings and the journal showing a value, not against whoever can read the owner's files.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import Failed, NotFound, Refused

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_PREFIX = "vault:"
_ID = re.compile(r"[0-9a-f]{32}\Z")
_DAYS = 30
_KEY_BYTES = 32


class Vault:
    """A folder of encrypted values; `keep` is the number of seconds after which a value is gone."""

    def __init__(self, path: Path, keep: float = _DAYS * 86400.0) -> None:
        self._path = path
        self._keep = keep
        self._key = b""

    @property
    def key(self) -> bytes:
        """A secret of this vault, for digests that must not let a short value be guessed."""
        if not self._key:
            self._key = self._load_key()
        return self._key

    def put(self, value: str) -> str:
        """Store a value; the reference that comes back says nothing about it."""
        identifier = secrets.token_hex(16)
        try:
            self._sweep()
            _write_new(self._path / identifier, self._cipher().encrypt(value.encode()))
        except OSError as error:
            raise self._unusable(error) from error
        return _PREFIX + identifier

    def get(self, reference: str) -> str:
        """The value behind a reference; raises NotFound when it is gone or cannot be read any more."""
        from cryptography.fernet import InvalidToken

        identifier = reference.removeprefix(_PREFIX)
        gone = NotFound("A secret value that this needs is no longer kept.", "Give the value again.")
        if not is_reference(reference):
            raise gone
        file = self._path / identifier
        try:
            if time.time() - file.stat().st_mtime > self._keep:
                file.unlink(missing_ok=True)
                raise gone
            return self._cipher().decrypt(file.read_bytes()).decode()
        except (OSError, InvalidToken) as error:
            raise gone from error

    def forget(self, reference: str) -> None:
        """Remove a value before its time; one that is gone already is fine."""
        if is_reference(reference):
            (self._path / reference.removeprefix(_PREFIX)).unlink(missing_ok=True)

    def _cipher(self) -> Fernet:
        import base64
        import hashlib

        from cryptography.fernet import Fernet

        # Not the key itself: digests made with `key` and the encryption must not share one.
        return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"values" + self.key).digest()))

    def _load_key(self) -> bytes:
        file = self._path / "key"
        try:
            for folder in (self._path.parent, self._path):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _check_others(folder, stat.S_IWOTH)
            with suppress(FileExistsError):
                _write_new(file, secrets.token_bytes(_KEY_BYTES))
            _check_others(file, stat.S_IRWXO)
            key = file.read_bytes()
        except OSError as error:
            raise self._unusable(error) from error
        if len(key) != _KEY_BYTES:
            raise Failed(
                f"The key {file} is damaged.",
                f"Move {self._path} away: plans and secrets kept until now are void then.",
            )
        return key

    def _unusable(self, error: OSError) -> Failed:
        return Failed(
            f"The vault {self._path} cannot be used: {error.strerror}.",
            "Free some space, or set XDG_STATE_HOME to a writable folder.",
        )

    def _sweep(self) -> None:
        """Remove what has expired."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in self._path.iterdir():
            if _ID.match(file.name) and time.time() - file.stat().st_mtime > self._keep:
                file.unlink(missing_ok=True)


def is_reference(value: object) -> bool:
    """Whether this is the reference of a value in a vault."""
    return isinstance(value, str) and value.startswith(_PREFIX) and bool(_ID.match(value.removeprefix(_PREFIX)))


def _check_others(path: Path, rights: int) -> None:
    """Raise Refused where every user of the machine has one of these rights: what a plan rests on is no secret then."""
    mode = path.stat().st_mode
    if mode & rights and not (path.is_dir() and mode & stat.S_ISVTX):
        raise Refused(
            f"{path} is open to every user of this machine, who could forge approvals with it.",
            f"Close it: chmod -R go-rwx {path.parent}",
        )


def _write_new(path: Path, content: bytes) -> None:
    """Create a file with its whole content at once, mode 0600; raises FileExistsError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike rename, fails when somebody else was first
    finally:
        draft.unlink()
