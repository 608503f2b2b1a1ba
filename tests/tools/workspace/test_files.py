"""Writing files of the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.change import WriteFile
from tools.context import Context
from tools.errors import BadRequest, Conflict, Refused
from tools.permit import Permit
from tools.preview import Applied, Preview, Risk
from tools.progress import finish
from tools.workspace.files import LARGEST, WriteFileHandler

HANDLER = WriteFileHandler()


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    (tmp_path / "w").mkdir()
    return Context(root=tmp_path / "w", state=tmp_path / "state")


def change(path: str, content: str | None = "new\n") -> WriteFile:
    return WriteFile(summary=f"write {path}", path=path, content=content)


def preview(ctx: Context, one: WriteFile) -> Preview:
    return finish(HANDLER.preview(ctx, one, ()))


def apply(ctx: Context, one: WriteFile, shown: Preview | None = None) -> Applied:
    shown = shown or preview(ctx, one)
    with Permit("test", 1, shown.writes).opened() as permit:
        return finish(HANDLER.apply(ctx, one, shown, permit))


def test_a_new_file_is_written_and_taken_back(ctx: Context) -> None:
    one = change("deep/er/Dockerfile")
    shown = preview(ctx, one)
    assert "+new" in shown.diff
    assert "/dev/null" in shown.diff
    assert shown.risk is Risk.LOW
    applied = apply(ctx, one)
    path = ctx.root / "deep/er/Dockerfile"
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert finish(HANDLER.verify(ctx, one, applied)).healthy
    (back,) = HANDLER.invert(ctx, one, applied).changes
    assert isinstance(back, WriteFile)
    assert "-new" in preview(ctx, back).diff
    apply(ctx, back)
    assert not path.exists()
    assert [entry.name for entry in path.parent.iterdir()] == []


def test_an_overwritten_file_comes_back_with_its_secrets_only_in_the_vault(ctx: Context) -> None:
    path = ctx.root / "a.env"
    path.write_text("DB_PASSWORD=hunter2hunter2\n")
    path.chmod(0o600)
    one = change("a.env")
    shown = preview(ctx, one)
    applied = apply(ctx, one)
    (back,) = HANDLER.invert(ctx, one, applied).changes
    assert isinstance(back, WriteFile)
    texts = (shown.model_dump_json(), applied.model_dump_json(), back.model_dump_json(), preview(ctx, back).diff)
    assert not any("hunter2" in text for text in texts)
    assert path.stat().st_mode & 0o777 == 0o600
    apply(ctx, back)
    assert path.read_text() == "DB_PASSWORD=hunter2hunter2\n"
    assert preview(ctx, back).noop


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "", ".", ".git/config", "link/x", "file-link", "folder", "a\0b"]
)
def test_nothing_outside_of_the_workspace_is_written(ctx: Context, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (ctx.root / "link").symlink_to(tmp_path / "outside")
    (ctx.root / "file-link").symlink_to(tmp_path / "outside/f")
    (ctx.root / "folder").mkdir()
    shown = preview(ctx, change(path))
    assert shown.blockers
    assert shown.writes == ()
    with pytest.raises(BadRequest):
        apply(ctx, change(path), shown)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_that_appears_after_the_preview_is_not_followed(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("")
    shown = preview(ctx, change("x"))
    (ctx.root / "x").symlink_to(tmp_path / "victim")
    with pytest.raises(BadRequest):
        apply(ctx, change("x"), shown)
    assert (tmp_path / "victim").read_text() == ""


def test_a_file_that_changed_since_is_left_alone(ctx: Context) -> None:
    shown = preview(ctx, change("x"))
    (ctx.root / "x").write_text("mine")
    with pytest.raises(Conflict):
        apply(ctx, change("x"), shown)
    assert (ctx.root / "x").read_text() == "mine"


def test_without_a_permit_nothing_is_written(ctx: Context) -> None:
    with pytest.raises(Refused):
        finish(HANDLER.apply(ctx, change("x"), preview(ctx, change("x")), Permit("test", 1, ())))
    assert list(ctx.root.iterdir()) == []


def test_hidden_files_that_exist_are_a_high_risk(ctx: Context) -> None:
    (ctx.root / ".bashrc").write_text("x")
    (ctx.root / ".dockerignore").write_text("x")
    assert preview(ctx, change(".bashrc")).risk is Risk.HIGH
    assert preview(ctx, change(".dockerignore")).risk is Risk.MEDIUM
    assert preview(ctx, change(".new")).risk is Risk.LOW


def test_binary_and_very_large_files_are_refused(ctx: Context) -> None:
    (ctx.root / "b").write_bytes(b"\xff\xfe")
    (ctx.root / "l").write_bytes(b"x" * (LARGEST + 1))
    assert "not a text file" in preview(ctx, change("b")).blockers[0]
    assert "larger than" in preview(ctx, change("l")).blockers[0]


def test_writing_what_is_there_is_nothing_to_do(ctx: Context) -> None:
    (ctx.root / "x").write_text("new\n")
    assert preview(ctx, change("x")).noop
    assert preview(ctx, change("gone", None)).noop


def test_the_diff_shows_a_missing_newline(ctx: Context) -> None:
    assert "no newline at the end" in preview(ctx, change("x", "a")).diff
