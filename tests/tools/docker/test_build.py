"""Building on a real engine, by the docker program and by the engine's own BuildKit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tools.change import BuildImage, RemoveImage, TagImage, WriteFile
from tools.context import Context
from tools.docker import builder
from tools.docker.build import BuildHandler
from tools.docker.images import RemoveHandler, TagHandler
from tools.errors import Conflict, Failed, Refused
from tools.handlers import handler_for
from tools.permit import Permit
from tools.preview import Applied, Preview
from tools.progress import finish

pytestmark = pytest.mark.engine
BASE = "python:3.13-slim"  # the one that the example's images are made from


@pytest.fixture
def name(ctx: Context) -> Iterator[str]:
    name = f"shipmate-test-{token_hex(4)}"
    yield name
    for image in ctx.engine.images():
        for tag in image.get("RepoTags") or ():
            if tag.startswith(f"{name}:"):
                remove(ctx, tag)


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/hello").write_text("hello")
    return Context(root=tmp_path, state=tmp_path / "state")


@pytest.fixture(params=["program", "engine"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "engine":
        monkeypatch.setattr(builder, "program", lambda: None)
    return str(request.param)


def write(ctx: Context, text: str) -> None:
    (ctx.root / "Dockerfile").write_text(text)


def change(name: str, tag: str = "1", **more: str) -> BuildImage:
    return BuildImage(summary=f"build {name}", image=f"{name}:{tag}", context=".", **more)


def preview(ctx: Context, one: BuildImage) -> Preview:
    return finish(BuildHandler().preview(ctx, one, ()))


def apply(ctx: Context, one: BuildImage, told: Callable[[str], object] = lambda _: None) -> Applied:
    shown = preview(ctx, one)
    assert shown.blockers == ()
    with Permit("test", 1, shown.writes).opened() as permit:
        steps = BuildHandler().apply(ctx, one, shown, permit)
        while True:
            try:
                told(next(steps).text)
            except StopIteration as end:
                return end.value


def remove(ctx: Context, image: str) -> None:
    one = RemoveImage(summary="remove", image=image)
    shown = finish(RemoveHandler().preview(ctx, one, ()))
    with Permit("test", 1, shown.writes).opened() as permit:
        finish(RemoveHandler().apply(ctx, one, shown, permit))


def test_an_image_is_built_verified_and_taken_back(ctx: Context, name: str, way: str) -> None:
    write(ctx, "FROM scratch AS a\nCOPY app/ /app/\nFROM scratch\nCOPY --from=a /app /app\n")
    one, told = change(name), list[str]()
    shown = preview(ctx, one)
    assert "1 files, 5 B, 4 steps" in shown.summary
    applied = apply(ctx, one, told.append)
    assert any("COPY" in line for line in told)
    assert finish(BuildHandler().verify(ctx, one, applied)).healthy
    assert ctx.engine.image(one.image)["Config"]["Labels"][builder.LABEL] == shown.digest  # type: ignore[index]
    (back,) = BuildHandler().invert(ctx, one, applied).changes
    assert isinstance(back, RemoveImage)
    assert back.image == one.image
    remove(ctx, one.image)
    assert ctx.engine.image(one.image) is None
    assert not finish(BuildHandler().verify(ctx, one, applied)).healthy


def test_a_tag_that_moved_goes_back_to_the_image_before(ctx: Context, name: str) -> None:
    write(ctx, "FROM scratch\nCOPY app /\n")
    first = apply(ctx, change(name))
    (ctx.root / "app/hello").write_text("other")
    second = apply(ctx, change(name))
    assert second.before == {"id": first.facts["id"]}
    (back,) = BuildHandler().invert(ctx, change(name), second).changes
    assert isinstance(back, TagImage)
    shown = finish(TagHandler().preview(ctx, back, ()))
    with Permit("test", 1, shown.writes).opened() as permit:
        applied = finish(TagHandler().apply(ctx, back, shown, permit))
    assert ctx.engine.image(f"{name}:1")["Id"] == first.facts["id"]  # type: ignore[index]
    assert finish(TagHandler().verify(ctx, back, applied)).healthy
    assert finish(TagHandler().preview(ctx, back, ())).noop


def test_unchanged_source_is_not_built_again(ctx: Context, name: str) -> None:
    write(ctx, "FROM scratch\nCOPY app /\n")
    one = change(name)
    pinned = one.model_copy(update={"context_digest": preview(ctx, one).digest})
    apply(ctx, pinned)
    assert preview(ctx, pinned).noop
    assert not preview(ctx, one).noop  # without a digest it was asked to build in any case
    (ctx.root / "app/hello").write_text("new")
    assert "changed since" in preview(ctx, pinned).blockers[0]


def test_source_that_changes_after_the_preview_is_not_built(ctx: Context, name: str) -> None:
    write(ctx, "FROM scratch\nCOPY app /\n")
    shown = preview(ctx, change(name))
    (ctx.root / "app/hello").write_text("changed")
    with Permit("test", 1, shown.writes).opened() as permit, pytest.raises(Conflict):
        finish(BuildHandler().apply(ctx, change(name), shown, permit))
    assert ctx.engine.image(f"{name}:1") is None


def test_without_a_permit_nothing_is_built(ctx: Context, name: str, way: str) -> None:
    write(ctx, "FROM scratch\nCOPY app /\n")
    with pytest.raises(Refused):
        finish(BuildHandler().apply(ctx, change(name), preview(ctx, change(name)), Permit("test", 1, ())))
    assert ctx.engine.image(f"{name}:1") is None


def test_a_failing_step_is_named_with_its_output_and_cause(ctx: Context, name: str, way: str) -> None:
    write(ctx, f"FROM {BASE}\nRUN echo almost there && cat /{name}\n")
    with pytest.raises(Failed) as caught:
        apply(ctx, change(name))
    assert f"step 2/2 RUN echo almost there && cat /{name} (exit code 1)" in caught.value.message
    assert "almost there" in caught.value.message
    assert "not in the image" in caught.value.message
    assert ctx.engine.image(f"{name}:1") is None


def test_a_missing_file_is_named(ctx: Context, name: str, way: str) -> None:
    write(ctx, "FROM scratch\nCOPY gone /\n")
    with pytest.raises(Failed, match="COPY or ADD wants"):
        apply(ctx, change(name))


def test_stopping_a_build_stops_it_and_keeps_the_image_before(ctx: Context, name: str, way: str) -> None:
    write(ctx, "FROM scratch\nCOPY app /\n")
    before = apply(ctx, change(name)).facts["id"]
    write(ctx, f"FROM {BASE}\nRUN echo started-{name} && sleep 600\n")
    shown = preview(ctx, change(name))
    with Permit("test", 1, shown.writes).opened() as permit:
        steps = BuildHandler().apply(ctx, change(name), shown, permit)
        for progress in steps:
            if progress.text.endswith(f": started-{name}"):
                break
        steps.close()
    assert ctx.engine.image(f"{name}:1")["Id"] == before  # type: ignore[index]


def test_the_certificates_of_this_machine_reach_the_build_and_stay_out_of_the_image(
    ctx: Context, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("CERT OF A COMPANY")
    monkeypatch.setenv("SHIPMATE_CA", str(bundle))
    write(
        ctx,
        f"FROM {BASE} AS a\nARG PIP_CERT\nRUN --mount=type=secret,id=ca,target=/run/ca.crt grep -q COMPANY $PIP_CERT\n"
        "FROM a\nRUN test ! -s /run/ca.crt\n",
    )
    apply(ctx, change(name))


def test_a_dockerfile_that_mounts_secrets_needs_the_program(
    ctx: Context, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "program", lambda: None)
    write(ctx, f"FROM {BASE}\nRUN --mount=type=secret,id=x true\n")
    assert "docker-buildx" in preview(ctx, change(name)).blockers[0]


def test_what_is_in_the_way_is_said_before(ctx: Context, name: str) -> None:
    assert "no Dockerfile" in preview(ctx, change(name)).blockers[0]
    write(ctx, "FROOM x\n")
    assert "does not parse" in preview(ctx, change(name)).blockers[0]
    write(ctx, "FROM 127.0.0.1:9/none:1\n")
    (blocker,) = preview(ctx, change(name)).blockers
    assert "127.0.0.1:9/none:1" in blocker
    assert "shipmate doctor --fix" in blocker
    outside = BuildImage(summary="b", image=f"{name}:1", context="../..")
    assert "outside of the workspace" in preview(ctx, outside).blockers[0]
    write(ctx, "FROM scratch\nCOPY . /\n")
    (ctx.root / ".env").write_text("A=1")
    assert ".env" in preview(ctx, change(name)).warnings[0]


def test_a_huge_context_is_warned_of_and_a_monstrous_one_stopped(ctx: Context, name: str) -> None:
    write(ctx, "FROM scratch\nCOPY . /\n")
    modules = ctx.root / "web/node_modules"
    modules.mkdir(parents=True)
    with (modules / "big").open("wb") as file:
        file.truncate(150_000_000)
    (warning,) = preview(ctx, change(name)).warnings
    assert "150 MB" in warning
    assert "**/node_modules" in warning
    with (modules / "big").open("wb") as file:
        file.truncate(2_000_000_000)
    (blocker,) = preview(ctx, change(name)).blockers
    assert "2 GB" in blocker
    assert "**/node_modules" in blocker


def test_a_build_of_a_file_yet_to_be_written_is_previewed_again(ctx: Context, name: str) -> None:
    earlier = WriteFile(summary="w", path="Dockerfile", content="FROM scratch\n")
    assert finish(BuildHandler().preview(ctx, change(name), (earlier,))).provisional


def test_removing_the_last_name_says_that_it_cannot_be_undone(ctx: Context, name: str) -> None:
    write(ctx, "FROM scratch\nCOPY app /\n")
    apply(ctx, change(name))
    tag = TagImage(summary="t", source=f"{name}:1", image=f"{name}:2")
    shown = finish(TagHandler().preview(ctx, tag, ()))
    with Permit("test", 1, shown.writes).opened() as permit:
        finish(TagHandler().apply(ctx, tag, shown, permit))
    one = RemoveImage(summary="r", image=f"{name}:2")
    assert finish(RemoveHandler().preview(ctx, one, ())).undo
    remove(ctx, f"{name}:2")
    last = finish(RemoveHandler().preview(ctx, RemoveImage(summary="r", image=f"{name}:1"), ()))
    assert last.no_undo
    assert finish(RemoveHandler().preview(ctx, one, ())).noop


def test_every_image_change_has_its_handler() -> None:
    assert isinstance(handler_for(change("a")), BuildHandler)
    assert isinstance(handler_for(RemoveImage(summary="", image="a")), RemoveHandler)
