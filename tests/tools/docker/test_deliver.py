"""Bringing images to registries and local clusters: what an engine and the loaders answer, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.docker.fake_engine import FakeEngine, engine_at
from tools.change import DeliverImage
from tools.context import Context
from tools.docker.images import DeliverHandler
from tools.errors import Failed, Forbidden, NotFound
from tools.permit import Permit
from tools.preview import Applied
from tools.progress import Progress, finish

HANDLER = DeliverHandler()
PUSH = DeliverImage(summary="push", source="web:1", image="localhost:5001/web:1")
TARGET = "127.0.0.1:5001/web"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with engine_at(tmp_path / "s") as fake:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 's'}")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        fake.answers["GET /images/web:1/json"] = (200, {"Id": "sha256:1", "RepoDigests": []})
        fake.answers["POST /images/web:1/tag"] = (201, [])
        yield fake


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    return Context(root=tmp_path, state=tmp_path / "state")


def apply(ctx: Context, change: DeliverImage) -> tuple[Applied, list[Progress]]:
    shown = finish(HANDLER.preview(ctx, change, ()))
    told: list[Progress] = []
    with Permit("test", 1, shown.writes).opened() as permit:
        steps = HANDLER.apply(ctx, change, shown, permit)
        while True:
            try:
                told.append(next(steps))
            except StopIteration as end:
                return end.value, told


def test_a_push_tells_how_far_it_is_and_what_the_registry_has(fake: FakeEngine, ctx: Context) -> None:
    fake.answers[f"POST /images/{TARGET}/push"] = (
        200,
        [
            {"status": "Preparing", "id": "a"},
            {"status": "Pushing", "id": "a", "progressDetail": {"current": 50, "total": 100}},
            {"status": "Pushing", "id": "b", "progressDetail": {"current": 400, "total": 300}},
            {"progressDetail": {}, "aux": {"Tag": "1", "Digest": "sha256:d", "Size": 1}},
        ],
    )
    applied, told = apply(ctx, PUSH)
    assert applied.facts == {"digest": "sha256:d"}
    assert [one.fraction for one in told] == [0.5, 350 / 400]
    fake.answers[f"GET /distribution/{TARGET}:1/json"] = (200, {"Descriptor": {"digest": "sha256:d"}})
    assert finish(HANDLER.verify(ctx, PUSH, applied)).healthy
    fake.answers[f"GET /distribution/{TARGET}:1/json"] = (200, {"Descriptor": {"digest": "sha256:e"}})
    assert not finish(HANDLER.verify(ctx, PUSH, applied)).healthy


def test_a_registry_that_denies_is_told_with_the_login(fake: FakeEngine, ctx: Context) -> None:
    fake.answers[f"GET /distribution/{TARGET}:1/json"] = (403, {"message": "denied"})  # to be tried all the same
    fake.answers[f"POST /images/{TARGET}/push"] = (200, [{"error": "denied: requested access is denied"}])
    with pytest.raises(Forbidden) as caught:
        apply(ctx, PUSH)
    assert "docker login" in caught.value.next_step


def test_a_push_that_ends_without_a_digest_failed(fake: FakeEngine, ctx: Context) -> None:
    fake.answers[f"POST /images/{TARGET}/push"] = (200, [{"status": "x"}])
    with pytest.raises(Failed):
        apply(ctx, PUSH)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Loaders that write down how they were called and end as `code` says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("minikube", "kind"):
        path = folder / name
        path.write_text(
            f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/called\n'
            f'[ "$2" = ls ] && echo docker.io/library/web:1 && exit 0\necho loading; exit $(cat {tmp_path}/code)\n'
        )
        path.chmod(0o755)
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("minikube", "minikube image load web:1 --profile dev"),
        ("kind", "kind load docker-image web:1 --name dev"),
    ],
)
def test_local_clusters_are_loaded_by_their_program(
    fake: FakeEngine, ctx: Context, programs: Path, how: str, line: str
) -> None:
    change = DeliverImage(summary="l", source="web:1", image="web:1", how=how, cluster="dev")  # type: ignore[arg-type]
    applied, told = apply(ctx, change)
    assert (programs / "called").read_text().splitlines()[0] == line
    assert [one.text for one in told] == ["loading"]
    assert finish(HANDLER.verify(ctx, change, applied)).healthy


def test_a_loader_that_fails_says_what_it_said(fake: FakeEngine, ctx: Context, programs: Path) -> None:
    (programs / "code").write_text("3")
    change = DeliverImage(summary="l", source="web:1", image="web:1", how="kind", cluster="dev")
    with pytest.raises(Failed, match="loading"):
        apply(ctx, change)
    del fake.answers["GET /images/web:1/json"]
    assert "build it first" in finish(HANDLER.preview(ctx, change, ())).blockers[0]
    with pytest.raises(NotFound):
        apply(ctx, change)
