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
from tools.errors import BadRequest, Conflict, Failed, NeedsAnswer, NotFound, Refused
from tools.paths import looking_at
from tools.permit import Permit, require
from tools.preview import ANSWERS, Applied, Done, Others, Preview, Risk, Undo, Verification, Write
from tools.progress import Progress, Steps
from tools.secrets.redact import redact_text
from tools.secrets.vault import is_reference

LARGEST = 1_000_000  # bytes; what is larger is not a file that one reads and approves


class WriteFileHandler:
    """Create, overwrite or remove one file."""

    def preview(self, ctx: Context, change: WriteFile, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"comparing {change.path}")
        try:
            path = place(ctx, change.path)
            old, new = _read(path), _content(ctx, change)
        except BadRequest as error:
            return Preview(summary=change.summary, blockers=(str(error),), no_undo="nothing would be done")
        if old == new:
            return Preview(summary=f"{change.path} is so already", noop=True)
        touchy = old is not None and _is_hidden(change.path)
        warning = f"{change.path} is a hidden file that exists: other programs may depend on it."
        return Preview(
            summary=change.summary,
            diff=_diff(change.path, old, new),
            warnings=(warning,) if touchy else (),
            risk=Risk.HIGH if touchy else Risk.LOW if old is None else Risk.MEDIUM,
            undo=f"remove {change.path} again" if old is None else f"restore {change.path} as it is now",
            writes=(_write(path),),
            digest=_digest(old),
        )

    def apply(self, ctx: Context, change: WriteFile, preview: Preview, permit: Permit) -> Steps[Applied]:
        yield Progress(f"writing {change.path}")
        path = place(ctx, change.path)
        old, new = _read(path), _content(ctx, change)
        if _digest(old) != preview.digest:
            raise Conflict(f"{change.path} changed since the diff was shown.", "Ask for it again.")
        kept = ctx.vault.put(old) if old is not None else None
        applied = Applied(
            summary=f"{'wrote' if new is not None else 'removed'} {change.path}",
            before={"content": kept},
            facts={"path": str(path), "digest": _digest(new)},
        )
        permit.keep(applied)
        entry = _write(path)
        require(permit, entry.door, entry.method, entry.path)
        _replace(path, new)
        permit.confirm(entry.door, entry.method, entry.path)
        return applied

    def verify(self, ctx: Context, change: WriteFile, applied: Applied) -> Steps[Verification]:
        yield Progress(f"reading {change.path} again")
        same = _read(place(ctx, change.path)) == _content(ctx, change)
        text = f"{change.path} is as it was asked for." if same else f"{change.path} holds something else by now."
        return Verification(healthy=same, text=text)

    def invert(
        self, ctx: Context, change: WriteFile, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        last = (applied, *(done.applied for done in since))[-1]
        path, content = place(ctx, change.path), applied.before["content"]
        if str(path) != applied.facts.get("path", str(path)):
            folder = str(applied.facts["path"]).removesuffix(change.path)
            raise Refused(
                f"{change.path} was written in {folder}, and this workspace is {ctx.workspace.root}.",
                f"Take it back with: shipmate --workspace {folder} undo",
            )
        now = _digest(_read(path))
        if now == _digest(_former(ctx, change, content)):
            return Undo(notes=(f"{change.path} is as it was before already.",))
        notes = () if now == last.facts.get("digest", now) else (_moved(change.path, how),)
        what = "remove" if content is None else "restore"
        back = WriteFile(summary=f"{what} {change.path}", why="undo", path=change.path, content=content)
        return Undo(changes=(back,), notes=notes)


def _former(ctx: Context, change: WriteFile, content: str | None) -> str | None:
    try:
        return ctx.vault.get(content) if content else None
    except NotFound as error:
        raise Refused(f"What {change.path} held before is no longer kept.", "Write it anew.") from error


def _moved(path: str, how: Others) -> str:
    """What is said where somebody else wrote the file since; raises where it is to stay so."""
    what = f"{path} was changed by somebody else since"
    if how == "ask":
        raise NeedsAnswer(f"{what}. Keep that, or overwrite it with what it held before?", ANSWERS, slot="others")
    if how == "keep":
        raise Refused(f"{what}; it is left as it is.", "Edit it by hand.")
    return f"{what}; that goes as well."


def place(ctx: Context, path: str) -> Path:
    """Where a path of the workspace is; raises BadRequest when it, or a link on its way, leads out of it."""
    root = ctx.workspace.root.resolve()
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts or "\0" in path:
        raise BadRequest(f"{path!r} is not a path inside of the workspace.")
    if parts[0] == ".git":
        raise BadRequest("The folder .git is git's own.", "Use git for it.")
    full = root.joinpath(*parts)
    with looking_at(path):
        leads_out = full.is_symlink() or not full.resolve().is_relative_to(root)
        is_other = full.exists() and not full.is_file()
    if leads_out:
        raise BadRequest(f"{path} is, or lies behind, a link that leads elsewhere.", "Name the file itself.")
    if is_other:
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


def _content(ctx: Context, change: WriteFile) -> str | None:
    """What the file shall hold; raises NotFound when the vault no longer has it."""
    return ctx.vault.get(change.content) if change.content and is_reference(change.content) else change.content


def _write(path: Path) -> Write:
    return Write(door="file", method="write", path=str(path))


def _digest(content: str | None) -> str:
    import hashlib

    return "absent" if content is None else hashlib.sha256(content.encode()).hexdigest()


def _diff(path: str, old: str | None, new: str | None) -> str:
    before = redact_text(old or "").splitlines(keepends=True)
    after = redact_text(new or "").splitlines(keepends=True)
    names = (f"a/{path}" if old is not None else "/dev/null", f"b/{path}" if new is not None else "/dev/null")
    lines = difflib.unified_diff(before, after, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n" for line in lines)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") and part != ".dockerignore" for part in Path(path).parts)


def _replace(path: Path, content: str | None) -> None:
    """Write beside the file and swap, so that a crash leaves the old or the new one; keeps the mode."""
    try:
        if content is None:
            path.unlink()
            return
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
