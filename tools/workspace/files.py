"""Writing a text file of the workspace: shown as a diff, kept inside, written whole or not at all."""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from tools.change import Change, WriteFile
from tools.context import Context
from tools.errors import BadRequest, Conflict, Failed, Refused
from tools.permit import Permit, require
from tools.preview import Applied, Preview, Risk, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.redact import redact_text

LARGEST = 1_000_000  # bytes; what is larger is not a file that one reads and approves


class WriteFileHandler:
    """Create or overwrite one file."""

    def preview(self, ctx: Context, change: WriteFile, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"comparing {change.path}")
        try:
            path = place(ctx, change.path)
            old = _read(path)
        except BadRequest as error:
            return Preview(summary=change.summary, blockers=(str(error),), no_undo="nothing would be done")
        if old == change.content:
            return Preview(summary=f"{change.path} holds that already", noop=True)
        overwritten = old is not None and _is_hidden(change.path)
        warning = f"{change.path} is a hidden file that exists: other programs may depend on it."
        return Preview(
            summary=change.summary,
            diff=_diff(change.path, old, change.content),
            warnings=(warning,) if overwritten else (),
            risk=Risk.HIGH if overwritten else Risk.MEDIUM if old is not None else Risk.LOW,
            undo=f"restore {change.path} as it is now" if old is not None else "",
            no_undo="" if old is not None else "a new file is left where it is: Shipmate removes no files",
            writes=(_write(path),),
            digest=_digest(old),
        )

    def apply(self, ctx: Context, change: WriteFile, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(f"writing {change.path}")
        path = place(ctx, change.path)
        old = _read(path)
        if _digest(old) != preview.digest:
            raise Conflict(f"{change.path} changed since the diff was shown.", "Ask for it again.")
        entry = _write(path)
        require(permit, entry.door, entry.method, entry.path)
        _replace(path, change.content)
        return Applied(
            summary=f"wrote {change.path}", before={"content": ctx.vault.put(old) if old is not None else None}
        )

    def verify(self, ctx: Context, change: WriteFile, applied: Applied) -> Steps[Verification]:
        yield Progress(f"reading {change.path} again")
        same = _read(place(ctx, change.path)) == change.content
        text = f"{change.path} is written." if same else f"{change.path} holds something else by now."
        return Verification(healthy=same, text=text)

    def invert(self, ctx: Context, change: WriteFile, applied: Applied) -> Undo:
        if applied.before["content"] is None:
            raise Refused(f"{change.path} is new, and Shipmate removes no files.", f"Delete {change.path} yourself.")
        content = ctx.vault.get(applied.before["content"])
        summary = f"restore {change.path} as it was before"
        return Undo(changes=(WriteFile(summary=summary, path=change.path, content=content),))


def place(ctx: Context, path: str) -> Path:
    """Where a path of the workspace is; raises BadRequest when it, or a link on its way, leads out of it."""
    root = ctx.workspace.root.resolve()
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts or "\0" in path:
        raise BadRequest(f"{path!r} is not a path inside of the workspace.")
    if parts[0] == ".git":
        raise BadRequest("The folder .git is git's own.", "Use git for it.")
    full = root.joinpath(*parts)
    if full.is_symlink() or not full.resolve().is_relative_to(root):
        raise BadRequest(f"{path} is, or lies behind, a link that leads elsewhere.", "Name the file itself.")
    if full.exists() and not full.is_file():
        raise BadRequest(f"{path} is not a file.")
    return full


def _read(path: Path) -> str | None:
    if not path.exists():
        return None
    if path.stat().st_size > LARGEST:
        raise BadRequest(f"{path.name} is larger than {LARGEST:,} bytes.", "Edit it by hand.")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise BadRequest(f"{path.name} is not a text file.") from None
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}.") from error


def _write(path: Path) -> Write:
    return Write(door="file", method="write", path=str(path))


def _digest(content: str | None) -> str:
    import hashlib

    return "absent" if content is None else hashlib.sha256(content.encode()).hexdigest()


def _diff(path: str, old: str | None, new: str) -> str:
    before = redact_text(old or "").splitlines(keepends=True)
    after = redact_text(new).splitlines(keepends=True)
    start = f"a/{path}" if old is not None else "/dev/null"
    lines = difflib.unified_diff(before, after, start, f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n" for line in lines)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part != ".dockerignore" for part in Path(path).parts)


def _replace(path: Path, content: str) -> None:
    """Write beside the file and swap, so that a crash leaves the old or the new one; keeps the mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode())
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644)
            temporary.replace(path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
    except OSError as error:
        raise Failed(f"{path} could not be written: {error.strerror}.") from error
