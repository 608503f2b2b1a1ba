"""From source to a name that the cluster can pull, on a real engine and cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from tests.conftest import CLUSTER_CONTEXT
from tools.change import BuildImage, Change, DeliverImage, RemoveImage, TagImage
from tools.context import Context
from tools.docker.images import DeliverHandler
from tools.docker.read import list_images
from tools.docker.registry import Destination
from tools.errors import BadRequest, NeedsAnswer, NotFound, Refused
from tools.handlers import handler_for
from tools.permit import Permit
from tools.preview import Applied, Preview
from tools.progress import finish
from tools.workspace import images
from tools.workspace.images import build_context, build_image, image_plan

NAME = f"shipmate-test-{token_hex(4)}"


@pytest.fixture
def ctx(tmp_path: Path, cluster_uid: str) -> Iterator[Context]:
    """A workspace of two components with source and one without, on the test cluster."""
    root = tmp_path / "w"
    for part in ("front", "back"):
        (root / part / "app").mkdir(parents=True)
        (root / part / "app/x").write_text(f"{part} {token_hex(8)}")
        (root / part / "Dockerfile").write_text("FROM scratch\nCOPY app /app\n")
    (root / "shipmate.yaml").write_text(
        f"name: t\ncomponents:\n  front: {{source: front, image: {NAME}-front}}\n"
        f"  back: {{source: back, image: {NAME}-back}}\n  db: {{image: '{NAME}-db:1'}}\n"
    )
    ctx = Context(context=CLUSTER_CONTEXT, root=root, state=tmp_path / "state")
    yield ctx
    for image in ctx.engine.images():
        for tag in image.get("RepoTags") or ():
            if NAME in tag:
                carry_out(ctx, (RemoveImage(summary="r", image=tag),))


def preview(ctx: Context, one: Change, earlier: tuple[Change, ...] = ()) -> Preview:
    return finish(handler_for(one).preview(ctx, one, earlier))


def carry_out(ctx: Context, changes: tuple[Change, ...]) -> list[Applied]:
    done: list[Applied] = []
    for one in changes:
        shown = preview(ctx, one)
        assert shown.blockers == ()
        with Permit("test", 1, shown.writes).opened() as permit:
            done.append(finish(handler_for(one).apply(ctx, one, shown, permit)))
        assert finish(handler_for(one).verify(ctx, one, done[-1])).healthy
    return done


pytestmark = [pytest.mark.cluster, pytest.mark.engine]


def test_a_component_is_built_pushed_and_then_there(ctx: Context) -> None:
    back = ctx.workspace.component("back")
    plan = image_plan(ctx, back)
    build, push = plan.changes
    assert isinstance(build, BuildImage)
    assert isinstance(push, DeliverImage)
    assert plan.reference == push.image == f"localhost:5001/{build.image}"
    assert preview(ctx, push, (build,)).provisional  # what it pushes is not there yet
    assert preview(ctx, push).blockers
    carry_out(ctx, plan.changes)
    again = image_plan(ctx, back)
    assert again.changes == ()
    assert again.reference == plan.reference
    assert preview(ctx, push).noop
    (ctx.root / "back/app/x").write_text("changed")
    other = image_plan(ctx, back)
    assert len(other.changes) == 2
    assert other.reference != plan.reference  # a new name, so that the cluster can never serve the old image for it
    (forced, _) = image_plan(ctx, back, force=True).changes
    assert isinstance(forced, BuildImage)
    assert not preview(ctx, forced).noop


def test_what_the_engine_has_is_only_pushed(ctx: Context) -> None:
    back = ctx.workspace.component("back")
    carry_out(ctx, build_image(ctx, component="back").changes)
    (push,) = image_plan(ctx, back).changes
    assert isinstance(push, DeliverImage)


def test_a_tag_that_exists_is_used_as_it_is(ctx: Context) -> None:
    back = ctx.workspace.component("back")
    carry_out(ctx, image_plan(ctx, back, tag="v1").changes)
    (ctx.root / "back/app/x").write_text("changed")
    plan = image_plan(ctx, back, tag="v1")
    assert plan.changes == ()
    assert plan.reference == f"localhost:5001/{NAME}-back:v1"
    assert "as it is" in plan.notes[0]
    assert len(image_plan(ctx, back, tag="v2").changes) == 2
    assert len(image_plan(ctx, back, tag="v1", force=True).changes) == 2


def test_pushing_over_a_tag_is_warned_of(ctx: Context) -> None:
    back = ctx.workspace.component("back")
    carry_out(ctx, image_plan(ctx, back, tag="v1").changes)
    (ctx.root / "back/app/x").write_text("changed")
    build, push = image_plan(ctx, back, tag="v1", force=True).changes
    carry_out(ctx, (build,))
    assert "will name the new image" in preview(ctx, push).warnings[0]


def test_an_image_of_others_is_brought_where_the_cluster_can_pull_it(ctx: Context) -> None:
    db = ctx.workspace.component("db")
    lost = image_plan(ctx, db)
    assert lost.changes == ()
    assert lost.reference == f"{NAME}-db:1"
    assert "could not be found" in lost.notes[0]
    (build,) = build_image(ctx, component="back").changes
    assert isinstance(build, BuildImage)
    carry_out(ctx, (build, TagImage(summary="t", source=build.image, image=f"{NAME}-db:1")))
    plan = image_plan(ctx, db)
    assert plan.reference == f"localhost:5001/library/{NAME}-db:1"
    carry_out(ctx, plan.changes)
    assert image_plan(ctx, db) == (plan.reference and ((), plan.reference, ()))


def test_a_registry_that_does_not_answer_is_said_before(ctx: Context) -> None:
    (build,) = build_image(ctx, component="back").changes
    assert isinstance(build, BuildImage)
    carry_out(ctx, (build,))
    push = DeliverImage(summary="p", source=build.image, image="127.0.0.1:9/x:1")
    assert "cannot reach the registry" in preview(ctx, push).blockers[0]


def test_a_push_that_turns_out_to_be_done_already_still_may_run(ctx: Context) -> None:
    plan = image_plan(ctx, ctx.workspace.component("back"))
    carry_out(ctx, plan.changes)
    shown = preview(ctx, plan.changes[1], plan.changes[:1])
    now = preview(ctx, plan.changes[1])
    assert shown.provisional
    assert now.noop
    assert set(now.writes) <= set(shown.writes)
    with Permit("test", 1, now.writes).opened() as permit:
        finish(handler_for(plan.changes[1]).apply(ctx, plan.changes[1], now, permit))


def test_what_was_pushed_stays(ctx: Context) -> None:
    push = DeliverImage(summary="p", source="a:1", image="localhost:5001/a:1")
    with pytest.raises(Refused, match="stays where it was delivered"):
        DeliverHandler().invert(ctx, push, Applied(summary=""))


def test_the_build_tool_finds_what_is_meant(ctx: Context) -> None:
    (build,) = build_image(ctx, component="back").changes
    (same,) = build_image(ctx, path="back").changes
    assert build == same
    assert isinstance(build, BuildImage)
    assert build.image.startswith(f"{NAME}-back:")
    assert build.image.endswith(build.context_digest[:12])
    (named,) = build_image(ctx, component="back", tag="v3").changes
    (other,) = build_image(ctx, component="back", image="me/other:v4").changes
    assert isinstance(named, BuildImage)
    assert isinstance(other, BuildImage)
    assert (named.image, other.image) == (f"{NAME}-back:v3", "me/other:v4")
    carry_out(ctx, (build,))
    done = build_image(ctx, component="back")
    assert done.changes == ()
    assert "built already" in done.notes[0]


def test_the_build_tool_asks_or_refuses(ctx: Context) -> None:
    with pytest.raises(NeedsAnswer) as asked:
        build_image(ctx)
    assert asked.value.options == ("front", "back")
    assert asked.value.slot == "component"
    for wrong in ({"component": "db"}, {"path": "../.."}, {"path": "none"}, {"component": "back", "tag": "a b"}):
        with pytest.raises(BadRequest):
            build_image(ctx, **wrong)
    with pytest.raises(NotFound):
        build_image(ctx, component="bakc")


def test_the_context_tool_measures(ctx: Context) -> None:
    (ctx.root / "back/app/node_modules").mkdir()
    (ctx.root / "back/app/node_modules/m").write_text("x" * 5000)
    (ctx.root / "back/app/.env").write_text("A=1")
    result = build_context(ctx, component="back")
    assert result.data["bytes"] > 5000
    assert "**/node_modules (-5 kB)" in result.text
    assert "app/.env" in result.text


def test_images_are_listed_by_name(ctx: Context) -> None:
    carry_out(ctx, build_image(ctx, component="back").changes)
    result = list_images(ctx, name=f"{NAME}-back")
    assert f"{NAME}-back" in result.text
    assert len(result.data) == 1
    assert "no image with" in list_images(ctx, name="nothing-like-this").text


class _Elsewhere:
    """A cluster that announces no registry, with one node."""

    def __init__(self, node: dict[str, object]) -> None:
        self.node = node
        self.kinds = self

    def resolve(self, name: str) -> str:
        return name

    def read(self, ref: object) -> dict[str, object]:
        raise NotFound("nothing announced")

    def list(self, resource: object, **_: object) -> Iterator[dict[str, object]]:
        return iter([self.node])


@pytest.mark.parametrize(
    ("node", "destination"),
    [
        ({"metadata": {"name": "m", "labels": {"minikube.k8s.io/name": "dev"}}}, Destination("minikube", name="dev")),
        ({"metadata": {"name": "docker-desktop"}}, Destination("shared")),
    ],
)
def test_local_clusters_are_loaded_by_their_own_program(
    ctx: Context, node: dict[str, object], destination: Destination
) -> None:
    ctx.cluster = _Elsewhere(node)  # type: ignore[assignment]
    assert images.find_destination(ctx) == destination
    plan = image_plan(ctx, ctx.workspace.component("back"))
    delivered = [one for one in plan.changes if isinstance(one, DeliverImage)]
    assert [(one.how, one.cluster) for one in delivered] == ([("minikube", "dev")] if destination.name else [])
    assert plan.reference.startswith(f"{NAME}-back:")
    if delivered:
        (load,) = preview(ctx, delivered[0], plan.changes[:1]).writes
        assert load.method == "minikube"
        assert load.path == f"image load {plan.reference} --profile dev"
    node["status"] = {"images": [{"names": [f"docker.io/library/{plan.reference}"]}]}
    assert not any(
        isinstance(one, DeliverImage)
        for one in image_plan(ctx, ctx.workspace.component("back"), tag=plan.reference.partition(":")[2]).changes
    )


def test_any_other_cluster_needs_to_be_told_its_registry(ctx: Context) -> None:
    ctx.cluster = _Elsewhere({"metadata": {"name": "ip-10-0-0-1"}})  # type: ignore[assignment]
    with pytest.raises(NeedsAnswer) as asked:
        image_plan(ctx, ctx.workspace.component("back"))
    assert asked.value.slot == "registry"
    file = ctx.root / "shipmate.yaml"
    file.write_text("registry: ghcr.io/me\n" + file.read_text())
    del ctx.workspace
    assert images.find_destination(ctx) == Destination("push", host="ghcr.io/me")
