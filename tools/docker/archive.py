"""A build context as a tar stream, made while it is sent: no copy on disk, no limit of size."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tools.docker.context import BuildContext, Entry
from tools.errors import Conflict

_PIECE = 1 << 20


def stream(context: BuildContext) -> Iterator[bytes]:
    """The tar archive of a context, piece by piece; raises Conflict when a file changes on the way.

    BuildKit looks at the first bytes to tell an archive from a bare Dockerfile and does not know extended headers
    there, so the Dockerfile comes first, under a plain header.
    """
    name = context.dockerfile.relative_to(context.root).as_posix()
    info = context.dockerfile.stat()
    yield from _member(context.root, Entry(name, info.st_size, info.st_mode))
    for entry in context.entries:
        if entry.path != name:
            yield from _member(context.root, entry)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(root: Path, entry: Entry) -> Iterator[bytes]:
    path = root / entry.path
    head = tarfile.TarInfo(entry.path)
    head.mode = stat.S_IMODE(entry.mode)
    head.mtime = int(path.lstat().st_mtime)
    if stat.S_ISDIR(entry.mode):
        head.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(entry.mode):
        head.type, head.linkname = tarfile.SYMTYPE, str(path.readlink())
    else:
        head.size = entry.size
    yield head.tobuf(tarfile.GNU_FORMAT, errors="surrogateescape")
    if head.size:
        yield from _content(path, head.size)


def _content(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as file:
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise Conflict(f"{path} changed while it was sent.", "Build again.")
            left -= len(piece)
            yield piece
    yield bytes(-size % tarfile.BLOCKSIZE)
