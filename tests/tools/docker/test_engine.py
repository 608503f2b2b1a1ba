"""The door to the engine: what passes without a permit, what does not, and how its errors read."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.docker.fake_engine import FakeEngine, engine_at
from tools.docker.engine import Engine, api_path
from tools.errors import BadRequest, Failed, Forbidden, NotFound, Refused, Unreachable
from tools.permit import Permit
from tools.preview import Write

TAG = Write(door="docker", method="POST", path="/images/web:1/tag")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with engine_at(tmp_path / "s") as fake:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 's'}")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        yield fake


def test_reads_pass(fake: FakeEngine) -> None:
    fake.answers["GET /images/web:1/json"] = (200, {"Id": "sha256:1"})
    engine = Engine.connect()
    assert engine.version["Version"] == "20.10.24"
    assert engine.image("web:1") == {"Id": "sha256:1"}
    assert engine.image("other:1") is None


def test_a_write_without_a_permit_never_reaches_the_engine(fake: FakeEngine) -> None:
    engine = Engine.connect()
    before = list(fake.asked)
    for method, path in (("POST", "/images/web:1/tag"), ("DELETE", "/images/web:1"), ("PUT", "/x"), ("POST", "/build")):
        with pytest.raises(Refused):
            list(engine.write(None, method, path))
    assert fake.asked == before


def test_no_function_of_the_docker_library_is_a_back_door(fake: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    client = Engine.connect()._client  # pyright: ignore[reportPrivateUsage]
    before = list(fake.asked)
    writes = (
        lambda: client.build(path=str(tmp_path)),
        lambda: client.pull("alpine"),
        lambda: client.push("web"),
        lambda: client.tag("web:1", "web", "2"),
        lambda: client.remove_image("web:1"),
        lambda: client.create_container("web:1"),
        lambda: client.start("c"),
        lambda: client.exec_create("c", "id"),
        lambda: client.prune_images(),
        lambda: client.remove_volume("v"),
        lambda: client.post(client.base_url + "/v1.41/containers/c/kill"),
        lambda: client.request("delete", client.base_url + "/v1.41/images/web:1"),
    )
    for write in writes:
        with pytest.raises(Refused):
            write()
    assert fake.asked == before


def test_a_permit_lets_through_exactly_what_it_names_while_it_is_open(fake: FakeEngine) -> None:
    fake.answers["POST /images/web:1/tag"] = (201, [])
    engine = Engine.connect()
    permit = Permit("p", 1, (TAG,))
    with permit.opened():
        list(engine.write(permit, "POST", "/images/web:1/tag", repo="web", tag="2"))
        with pytest.raises(Refused):
            list(engine.write(permit, "POST", "/images/other:1/tag"))
    with pytest.raises(Refused):
        list(engine.write(permit, "POST", "/images/web:1/tag"))
    assert permit.used == [TAG]
    assert fake.asked.count("POST /images/web:1/tag") == 1


def test_the_permit_of_one_write_does_not_linger_while_its_answer_streams(fake: FakeEngine) -> None:
    fake.answers["POST /images/web:1/tag"] = (200, [{"status": "a"}, {"status": "b"}])
    engine = Engine.connect()
    permit = Permit("p", 1, (TAG,))
    with permit.opened():
        messages = engine.write(permit, "POST", "/images/web:1/tag")
        assert next(messages) == {"status": "a"}
        with pytest.raises(Refused):
            engine._client.tag("web:1", "web")  # pyright: ignore[reportPrivateUsage]
        messages.close()


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (404, "No such image: web:1", NotFound),
        (403, "denied: requested access to the resource is denied", Forbidden),
        (500, "Get https://r.example/v2/: dial tcp: lookup r.example: no such host", Unreachable),
        (500, "unauthorized: authentication required", Forbidden),
        (500, "write /var/lib/docker/tmp: no space left on device", Failed),
    ],
)
def test_errors_of_the_engine_become_ours(fake: FakeEngine, status: int, message: str, error: type[Exception]) -> None:
    fake.answers["GET /x"] = (status, {"message": message})
    with pytest.raises(error):
        Engine.connect().get("/x")


def test_an_error_in_the_stream_is_raised_and_holds_no_secret(fake: FakeEngine) -> None:
    fake.answers["POST /images/web:1/tag"] = (200, [{"status": "x"}, {"error": "bad: password=hunter2hunter2"}])
    permit = Permit("p", 1, (TAG,))
    with permit.opened(), pytest.raises(Failed) as caught:
        list(Engine.connect().write(permit, "POST", "/images/web:1/tag"))
    assert "hunter2" not in str(caught.value)


def test_an_engine_that_goes_away_is_unreachable(fake: FakeEngine) -> None:
    fake.answers["POST /images/web:1/tag"] = (200, [{"status": "x" * 100}])
    engine = Engine.connect()
    fake.cut = "POST /images/web:1/tag"
    permit = Permit("p", 1, (TAG,))
    with permit.opened(), pytest.raises((Unreachable, Failed)):
        list(engine.write(permit, "POST", "/images/web:1/tag"))


def test_no_engine_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    with pytest.raises(Unreachable, match="No Docker engine answers") as caught:
        Engine.connect()
    assert "shipmate doctor --fix" in caught.value.next_step


def test_no_rights_to_the_socket_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def denied(*_: object, **__: object) -> None:
        raise requests.exceptions.ConnectionError("('Connection aborted.', PermissionError(13, 'Permission denied'))")

    monkeypatch.setattr(requests.Session, "send", denied)
    with pytest.raises(Forbidden, match="no rights") as caught:
        Engine.connect()
    assert "group docker" in caught.value.next_step


def test_the_docker_context_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / ".docker"))
    meta = tmp_path / ".docker/contexts/meta" / hashlib.sha256(b"lab").hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"Host": f"unix://{tmp_path / 's'}", "SkipTLSVerify": False}
    (meta / "meta.json").write_text(json.dumps({"Name": "lab", "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    (tmp_path / ".docker/config.json").write_text(json.dumps({"currentContext": "lab"}))
    with engine_at(tmp_path / "s"):
        assert Engine.connect().host == f"unix://{tmp_path / 's'}"


def test_credentials_come_from_the_docker_configuration(fake: FakeEngine, tmp_path: Path) -> None:
    login = base64.b64encode(b"me:s3cret").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.example": {"auth": login}}}))
    engine = Engine.connect()
    header = json.loads(base64.urlsafe_b64decode(engine.credentials("r.example/web:1")["X-Registry-Auth"]))
    assert (header["username"], header["password"]) == ("me", "s3cret")
    other = engine.credentials("other.example/web:1")["X-Registry-Auth"]
    assert json.loads(base64.urlsafe_b64decode(other)) == {}


def test_paths_are_compared_without_version_and_query() -> None:
    assert (
        api_path("http+docker://localhost/v1.41/images/127.0.0.1%3A5001/web/push?tag=1")
        == "/images/127.0.0.1:5001/web/push"
    )
    assert api_path("http+docker://localhost/version") == "/version"


def test_the_program_is_sent_to_the_same_engine(fake: FakeEngine) -> None:
    assert Engine.connect().program_env["DOCKER_HOST"] == os.environ["DOCKER_HOST"]


def test_a_docker_context_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(BadRequest, match="gone"):
        Engine.connect()
