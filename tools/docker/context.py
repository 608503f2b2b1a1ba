"""What a build would send to the engine: every file, its size, and what had better not be among them."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from tools.docker.dockerfile import Dockerfile
from tools.docker.ignore import Ignore
from tools.errors import BadRequest

HUGE = 100_000_000  # bytes; from here on a warning with the lines that mend it
TOO_MUCH = 1_000_000_000  # bytes; no build is started
MOST_FILES = 1_000_000
_SMALL = 1 << 20  # bytes; read at once

# Folders that are made by tools and are never needed to build, and those that some builds do copy.
_JUNK = frozenset(
    ".cache .git .gradle .hg .hypothesis .idea .mypy_cache .next .nox .nuxt .nyc_output .parcel-cache .pytest_cache "
    ".ruff_cache .svn .terraform .tox .turbo .venv .vite .vscode __pycache__ coverage htmlcov node_modules venv".split()
)
_MADE = frozenset("dist build out target vendor tmp logs data".split())
_ENV_FILE = re.compile(r"\.env(\.(?!example$|sample$|template$|dist$)[\w.-]+)?")
_KEY_NAME = re.compile(
    r"id_(rsa|dsa|ecdsa|ed25519)|.+\.(key|p12|pfx|jks|keystore|kdbx)|kubeconfig|\.netrc|\.git-credentials"
)
_TOKEN_FILES = {".npmrc": b"_auth", ".pypirc": b"password", "credentials": b"aws_secret_access_key"}


class Entry(NamedTuple):
    """A file, folder or link of the context; `path` is relative, with forward slashes."""

    path: str
    size: int
    mode: int

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)


@dataclass(frozen=True)
class BuildContext:
    """The exact set that a build of one Dockerfile sends.

    ignored    how many files and folders the ignore file left out (a folder counts once)
    cut_off    there are more than a million files, and counting stopped there
    problems   paths that cannot be sent: no rights, or not a file, folder or link
    """

    root: Path
    dockerfile: Path
    ignore_file: Path | None
    entries: tuple[Entry, ...]
    ignored: int = 0
    cut_off: bool = False
    problems: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        return sum(not stat.S_ISDIR(entry.mode) for entry in self.entries)

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self.entries)

    def folders(self, count: int = 5) -> list[tuple[str, int]]:
        """The largest folders (two levels deep) with their bytes, largest first."""
        sizes: Counter[str] = Counter()
        for entry in self.entries:
            parts = entry.path.split("/")[:-1]
            for depth in range(1, min(len(parts), 2) + 1):
                sizes["/".join(parts[:depth])] += entry.size
        return sizes.most_common(count)

    def largest(self, count: int = 5) -> list[tuple[str, int]]:
        """The largest files with their bytes, largest first."""
        found = sorted(self.entries, key=lambda entry: entry.size, reverse=True)[:count]
        return [(entry.path, entry.size) for entry in found if entry.size]

    def fixes(self) -> list[tuple[str, int]]:
        """Lines for the ignore file and the bytes that each takes out of the context, most first.

        Folders that a build may well need (`dist`, `data`, …) are named only when they alone are huge.
        """
        saved: Counter[str] = Counter()
        for entry in self.entries:
            for part in entry.path.split("/")[:-1]:
                if part in _JUNK or part in _MADE:
                    saved[part] += entry.size
                    break
            else:
                if entry.path.endswith(".log"):
                    saved["*.log"] += entry.size
        kept = {name: size for name, size in saved.items() if name not in _MADE or size > HUGE // 2}
        lines = [(f"**/{name}", size) for name, size in sorted(kept.items(), key=lambda item: -item[1])]
        return lines + [(f"**/{Path(path).name}", 0) for path in self.secrets() if path != ".git"]

    def secrets(self) -> list[str]:
        """Files that look like credentials, and `.git`, whose history may hold some."""
        found = [entry.path for entry in self.entries if entry.is_file and _looks_secret(self.root, entry.path)]
        if any(entry.path == ".git" or entry.path.startswith(".git/") for entry in self.entries):
            found = [path for path in found if not path.startswith(".git/")] + [".git"]
        return found

    def digest(self, target: str | None, build_args: Mapping[str, str]) -> str:
        """SHA-256 over everything that decides the result: paths, contents, modes, Dockerfile, target, arguments.

        Times and owners are left out, so that the same source has the same digest on every machine.
        """
        total = hashlib.sha256()
        _add(total, "dockerfile", _file_digest(str(self.dockerfile), 0))
        _add(total, "target", target or "")
        for name, value in sorted(build_args.items()):
            _add(total, "argument", name, value)
        for entry in self.entries:
            _add(total, *self._identity(entry))
        return total.hexdigest()

    def _identity(self, entry: Entry) -> tuple[str, ...]:
        path = f"{self.root}/{entry.path}"
        if stat.S_ISLNK(entry.mode):
            return "link", entry.path, str(Path(path).readlink())
        if entry.is_file:
            runnable = "x" if entry.mode & stat.S_IXUSR else "-"
            return "file", entry.path, runnable, _file_digest(path, entry.size)
        return "folder", entry.path


def scan(root: Path, dockerfile: Path, target: str | None = None, parsed: Dockerfile | None = None) -> BuildContext:
    """Walk a context and keep what the engine would be sent; never follows links.

    With `parsed` only what its target can reach counts, as BuildKit does it. Raises BadRequest for a bad folder or
    ignore file.
    """
    if not root.is_dir():
        raise BadRequest(f"The build context {root} is not a folder.")
    ignore_file = _ignore_file(root, dockerfile)
    lines = ignore_file.read_text(encoding="utf-8-sig").splitlines() if ignore_file else []
    reach = parsed.copied(target) if parsed else None
    walk = _Walk(root, Ignore(lines), None if reach is None else Ignore(reach))
    entries = sorted(walk.run(), key=lambda entry: entry.path)
    return BuildContext(root, dockerfile, ignore_file, tuple(entries), walk.ignored, walk.cut_off, tuple(walk.problems))


class _Walk:
    """One pass over the tree with both filters: what is ignored, and what the Dockerfile reaches."""

    def __init__(self, root: Path, ignore: Ignore, reach: Ignore | None) -> None:
        self.root = root
        self.ignore = ignore
        self.reach = reach
        self.ignored = 0
        self.cut_off = False
        self.problems: list[str] = []
        self._seen = 0

    def run(self) -> Iterator[Entry]:
        waiting: list[tuple[str, int, int]] = [("", 0, 0)]
        while waiting and not self.cut_off:
            folder, ignored_state, reach_state = waiting.pop()
            for item in self._list(folder):
                path = f"{folder}/{item.name}" if folder else item.name
                left_out, below = self.ignore.step(path, ignored_state)
                reached, reach_below = self.reach.step(path, reach_state) if self.reach else (True, 0)
                if item.is_dir(follow_symlinks=False) and self._descends(path, left_out, reached):
                    waiting.append((path, below, reach_below))
                if left_out:
                    self.ignored += 1
                elif reached and (entry := self._entry(path, item)):
                    yield entry

    def _descends(self, folder: str, left_out: bool, reached: bool) -> bool:
        if left_out and not self.ignore.may_keep_below(folder):
            return False
        return reached or (self.reach is not None and self.reach.may_match_below(folder))

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(f"{self.root}/{folder}") as items:
                found = list(items)
        except OSError as error:
            self.problems.append(f"{folder or '.'} cannot be read ({error.strerror})")
            return []
        self._seen += len(found)
        self.cut_off = self._seen > MOST_FILES
        return found

    def _entry(self, path: str, item: os.DirEntry[str]) -> Entry | None:
        info = item.stat(follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode) or stat.S_ISLNK(info.st_mode):
            return Entry(path, 0, info.st_mode)
        if not stat.S_ISREG(info.st_mode):
            self.problems.append(f"{path} is a socket, pipe or device")
            return None
        return Entry(path, info.st_size, info.st_mode)


def _ignore_file(root: Path, dockerfile: Path) -> Path | None:
    """The file next to the Dockerfile with its name wins over the one of the context."""
    for path in (dockerfile.with_name(dockerfile.name + ".dockerignore"), root / ".dockerignore"):
        if path.is_file():
            return path
    return None


def _looks_secret(root: Path, path: str) -> bool:
    name = path.rpartition("/")[2]
    if _ENV_FILE.fullmatch(name) or _KEY_NAME.fullmatch(name):
        return True
    mark = b"PRIVATE KEY" if name.endswith(".pem") else _TOKEN_FILES.get(name)
    if not mark:
        return False
    try:
        with (root / path).open("rb") as file:
            return mark in file.read(65_536)
    except OSError:
        return False


def _file_digest(path: str, size: int) -> str:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 # half the time of Path.open, for each of many files
            if size <= _SMALL:
                return hashlib.sha256(file.readall()).hexdigest()
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.") from error


class _Sum(Protocol):
    def update(self, data: bytes, /) -> None: ...


def _add(total: _Sum, *parts: str) -> None:
    """Add fields so that no two lists of fields look alike: each with its length before it."""
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        total.update(len(data).to_bytes(8, "big") + data)


def human(size: float) -> str:
    """Bytes for people, in powers of a thousand as the engine counts: 86 kB, 1.2 MB."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    number = f"{size:.1f}".removesuffix(".0") if size < 9.95 else f"{size:.0f}"
    return f"{number} {units[0]}"
