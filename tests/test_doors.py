"""The doors: without an open permit that names the write, none of them changes anything."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.tools.docker.fake_engine import FakeEngine, engine_at
from tests.tools.kubernetes.api_server import CORE, GROUPS, Answer, ApiServer, refusal, serving
from tests.tools.kubernetes.conftest import kubeconfig_text
from tools import programs
from tools.change import WriteFile
from tools.context import Context
from tools.docker.engine import Engine
from tools.errors import Refused, ShipmateError
from tools.handlers import handler_for
from tools.helm.proxy import Proxy
from tools.kubernetes.door.client import AGENT, Cluster
from tools.permit import Permit
from tools.preview import Write
from tools.progress import finish

POD = "/api/v1/namespaces/qa/pods/web"
TAG = "/images/web:1/tag"


class Door(NamedTuple):
    """`use` tries the write with a permit, `landed` tells whether it happened, `write` is how a plan shows it."""

    use: Callable[[Permit | None], object]
    landed: Callable[[], bool]
    write: Write


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with serving() as server:
        server.script |= {"GET /api": CORE, "GET /apis": GROUPS, f"PATCH {POD}": {"kind": "Pod"}}
        yield server


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with engine_at(tmp_path / "engine") as fake:
        fake.answers[f"POST {TAG}"] = (201, [])
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'engine'}")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        yield fake


@pytest.fixture
def ctx(api: ApiServer, tmp_path: Path) -> Context:
    (tmp_path / "kubeconfig").write_text(kubeconfig_text(api.url))
    return Context(kubeconfig=str(tmp_path / "kubeconfig"), cache=tmp_path / "cache", root=tmp_path, state=tmp_path)


def through_proxy(cluster: Cluster, permit: Permit | None) -> int:
    """PATCH as helm would; returns the status of the answer."""
    with closing(Proxy(cluster)) as proxy, proxy.session(permit) as kubeconfig:
        address = urlsplit(json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"])
        connection = http.client.HTTPConnection(address.netloc, timeout=30)
        connection.request("PATCH", address.path + POD, b"{}")
        answer = connection.getresponse()
        if answer.status == 403 and b"was stopped" in (said := answer.read()):
            raise Refused(json.loads(said)["message"])
        return answer.status


@pytest.fixture(params=["kubernetes", "helm proxy", "docker", "program", "file"])
def door(request: pytest.FixtureRequest, ctx: Context, api: ApiServer, engine: FakeEngine, tmp_path: Path) -> Door:
    patch = Write(door="kubernetes", method="PATCH", path=POD)
    file = tmp_path / "made"
    match request.param:
        case "kubernetes":
            return Door(lambda key: ctx.cluster.write(key, "PATCH", POD, {}), lambda: bool(patched(api)), patch)
        case "helm proxy":
            return Door(lambda key: through_proxy(ctx.cluster, key), lambda: bool(patched(api)), patch)
        case "docker":
            write = Write(door="docker", method="POST", path=TAG)
            found = Engine.connect()
            return Door(lambda key: list(found.write(key, "POST", TAG)), lambda: f"POST {TAG}" in engine.asked, write)
        case "program":
            write = Write(door="program", method="touch", path=str(file))
            return Door(lambda key: programs.run(["touch", str(file)], permit=key), file.exists, write)
        case _:
            change = WriteFile(summary="write made", path="made", content="x")
            seen = finish(handler_for(change).preview(ctx, change, ()))

            def put(key: Permit | None) -> object:
                return finish(handler_for(change).apply(ctx, change, seen, key or Permit("p", 1, ())))

            return Door(put, file.exists, seen.writes[0])


def patched(api: ApiServer) -> list[object]:
    return [*api.asked("PATCH", POD)]


def test_without_a_permit_nothing_is_written(door: Door) -> None:
    with pytest.raises(Refused):
        door.use(None)
    assert not door.landed()


def test_a_permit_that_is_not_open_opens_nothing(door: Door) -> None:
    permit = Permit("p", 1, (door.write,))
    with pytest.raises(Refused):
        door.use(permit)
    with permit.opened():
        pass
    with pytest.raises(Refused):
        door.use(permit)
    assert not door.landed()


def test_an_open_permit_for_another_write_opens_nothing(door: Door) -> None:
    others = (
        door.write.model_copy(update={"path": f"{door.write.path}-other"}),
        door.write.model_copy(update={"method": "DELETE"}),
        door.write.model_copy(update={"door": "another"}),
    )
    permit = Permit("p", 1, others)
    with permit.opened(), pytest.raises(Refused):
        door.use(permit)
    assert not door.landed()
    assert permit.used == []


def test_the_write_that_was_shown_passes_and_is_recorded(door: Door) -> None:
    permit = Permit("p", 1, (door.write,))
    with permit.opened():
        door.use(permit)
    assert door.landed()
    assert permit.used == permit.answered == [door.write]
    assert permit.unsure == []
    with pytest.raises(Refused), permit.opened():
        pass


# --- what was refused on the other side was not written -----------------------------------------------------------

REFUSALS = [
    refusal(403, "Forbidden", 'pods "web" is forbidden: exceeded quota: q'),
    refusal(409, "Conflict", "the object has been modified"),
    refusal(422, "Invalid", "spec.replicas: Invalid value"),
    refusal(400, "BadRequest", "cannot be handled"),
    refusal(429, "TooManyRequests", "slow down"),
]


@pytest.mark.parametrize("through", ["client", "proxy"])
@pytest.mark.parametrize("answer", REFUSALS, ids=lambda answer: str(answer.status))
def test_a_refusal_of_the_api_server_is_known_to_have_written_nothing(
    ctx: Context, api: ApiServer, answer: Answer, through: str
) -> None:
    api.script[f"PATCH {POD}"] = answer
    permit = Permit("p", 1, (Write(door="kubernetes", method="PATCH", path=POD),))
    with permit.opened():
        if through == "client":
            with pytest.raises(ShipmateError):
                ctx.cluster.write(permit, "PATCH", POD, {})
        else:
            assert through_proxy(ctx.cluster, permit) == answer.status
    assert len(patched(api)) == 1
    assert permit.used == []


@pytest.mark.parametrize("through", ["client", "proxy"])
@pytest.mark.parametrize("answer", [Answer("crashed", 500), Answer("gateway", 504), Answer(broken=True)])
def test_a_failure_of_the_api_server_leaves_it_open(ctx: Context, api: ApiServer, answer: Answer, through: str) -> None:
    api.script[f"PATCH {POD}"] = answer
    permit = Permit("p", 1, (Write(door="kubernetes", method="PATCH", path=POD),))
    with permit.opened():
        if through == "client":
            with pytest.raises(ShipmateError):
                ctx.cluster.write(permit, "PATCH", POD, {})
        else:
            assert through_proxy(ctx.cluster, permit) >= 500
    assert [write.path for write in permit.used] == [POD]
    assert permit.unsure == permit.used


@pytest.mark.parametrize("through", ["client", "proxy"])
def test_each_write_bears_the_mark_of_its_step(ctx: Context, api: ApiServer, through: str) -> None:
    permit = Permit("p", 1, (Write(door="kubernetes", method="PATCH", path=POD),), journal="j")
    with permit.opened():
        ctx.cluster.write(permit, "PATCH", POD, {}) if through == "client" else through_proxy(ctx.cluster, permit)
    (request,) = api.asked("PATCH", POD)
    assert request.header("User-Agent") == f"{AGENT} (plan/p step/1 journal/j)"


@pytest.mark.parametrize("answer", [(404, {"message": "no such image"}), (200, [{"error": "denied"}])])
def test_what_the_engine_says_failed_was_not_written(engine: FakeEngine, answer: tuple[int, object]) -> None:
    engine.answers[f"POST {TAG}"] = answer
    permit = Permit("p", 1, (Write(door="docker", method="POST", path=TAG),))
    with permit.opened(), pytest.raises(ShipmateError):
        list(Engine.connect().write(permit, "POST", TAG))
    assert permit.used == []


def test_an_engine_that_breaks_off_leaves_it_open(engine: FakeEngine) -> None:
    engine.answers[f"POST {TAG}"] = (200, [{"status": "x" * 100}])
    found = Engine.connect()
    engine.cut = f"POST {TAG}"
    permit = Permit("p", 1, (Write(door="docker", method="POST", path=TAG),))
    with permit.opened(), pytest.raises(ShipmateError):
        list(found.write(permit, "POST", TAG))
    assert [write.path for write in permit.used] == [TAG]
    assert permit.unsure == permit.used
