"""Reading Dockerfiles and image names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.docker.dockerfile import Dockerfile
from tools.docker.reference import Reference
from tools.docker.registry import Destination, announced, for_engine, loader
from tools.errors import BadRequest


def parse(text: str, **build_args: str) -> Dockerfile:
    return Dockerfile.parse(text, build_args)


def test_base_images_with_their_arguments() -> None:
    text = "ARG V=3.13\nARG IMAGE=python:${V}\nFROM ${IMAGE}-slim AS Build\nFROM build\nCOPY --from=nginx:1 /a /a\n"
    assert parse(text).images() == ("python:3.13-slim", "nginx:1")
    assert parse(text, V="3.14").images() == ("python:3.14-slim", "nginx:1")


@pytest.mark.parametrize(
    ("word", "image"),
    [("${X:-a}", "a"), ("${X-a}", "a"), ("${Y:+b}c", "bc"), ("${X:+b}c", "c"), ("$Y", "y"), ("${Y:-a}", "y")],
)
def test_arguments_are_filled_in_as_a_shell_does(word: str, image: str) -> None:
    assert parse(f"ARG X\nARG Y=y\nFROM {word}\n").images() == (image,)


def test_only_the_stages_of_the_target_count() -> None:
    text = "FROM a AS one\nRUN x\nFROM b AS two\nFROM scratch\nCOPY --from=one /x /x\nRUN --mount=from=c,target=/c y\n"
    parsed = parse(text)
    assert parsed.images() == ("a", "c")
    assert parsed.images("two") == ("b",)
    assert parsed.steps() == 2 + 3
    with pytest.raises(BadRequest, match="one, two"):
        parsed.images("three")


def test_a_frontend_has_to_be_pulled_too() -> None:
    assert parse("# syntax=docker/dockerfile:1\nFROM scratch\n").images() == ("docker/dockerfile:1",)
    assert parse("FROM scratch\n# syntax=docker/dockerfile:1\n").images() == ()


def test_secrets_and_arguments_are_seen() -> None:
    parsed = parse("FROM a\nARG PIP_CERT\nRUN --mount=type=secret,id=ca,target=/run/ca.crt x\n")
    assert parsed.secret_mount("ca") == "/run/ca.crt"
    assert parsed.secrets() == ("ca",)
    assert "PIP_CERT" in parsed.arguments
    assert parse("FROM a\nRUN --mount=type=secret,id=ca x\n").secret_mount("ca") == "/run/secrets/ca"


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        ("COPY a ./b/ /x", ("a", "b")),
        ("COPY . /x", None),
        ("COPY $A /x", None),
        ("COPY <<EOF /x\nhi\nEOF", ()),
        ('COPY ["a b", "/x"]', ("a b",)),
        ("ADD https://e.com/a b /x", ("b",)),
        ("RUN --mount=type=bind,source=reqs.txt,target=/r x", ("reqs.txt",)),
        ("RUN --mount=target=/src x", None),
        ("RUN --mount=type=cache,target=/c x", ()),
    ],
)
def test_what_a_dockerfile_takes_from_the_context(text: str, copied: tuple[str, ...] | None) -> None:
    assert parse(f"FROM scratch\n{text}\n").copied() == copied


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "RUN x\n", "FROM\n", "FROM a b\n", "FROM a AS\n", "FROM $X\n", "FROM a\nNOPE x\n"]
)
def test_what_is_not_a_dockerfile_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        Dockerfile.read(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRequest):
        Dockerfile.read(tmp_path / "binary")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("nginx", ("docker.io", "nginx", "", "")),
        ("me/web:1.2", ("docker.io", "me/web", "1.2", "")),
        ("localhost:5001/web:1", ("localhost:5001", "web", "1", "")),
        ("localhost/web", ("localhost", "web", "", "")),
        ("ghcr.io/a/b/c@sha256:" + "0" * 64, ("ghcr.io", "a/b/c", "", "sha256:" + "0" * 64)),
        ("index.docker.io/a/b", ("docker.io", "a/b", "", "")),
        ("[::1]:5000/web", ("[::1]:5000", "web", "", "")),
    ],
)
def test_image_names_are_taken_apart(text: str, parts: tuple[str, ...]) -> None:
    assert tuple(Reference.parse(text)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UPPER",
        "a b",
        "web:",
        "web:-x",
        "web@sha256:1",
        "a//b",
        "/a",
        "-a.b/web",
        "web:" + "x" * 129,
        "a/" * 130 + "a",
    ],
)
def test_bad_image_names_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        Reference.parse(text)


@given(st.from_regex(r"([a-z]{1,5}\.io/)?[a-z0-9]{1,5}(/[a-z0-9]{1,5})?(:[a-z0-9]{1,5})?", fullmatch=True))
def test_a_parsed_name_reads_as_it_was(text: str) -> None:
    assert str(Reference.parse(text)) == text


def hosting(text: str) -> Destination | None:
    return announced({"localRegistryHosting.v1": text})


def test_a_cluster_announces_its_registry() -> None:
    web = Reference.parse("web:1")
    plain = hosting('host: "localhost:5001"')
    assert plain
    assert str(plain.target(web)) == str(plain.reference(web)) == "localhost:5001/web:1"
    two = hosting('host: "localhost:5000"\nhostFromContainerRuntime: "registry:5000"')
    assert two
    assert str(two.target(web)) == "localhost:5000/web:1"
    assert str(two.reference(web)) == "registry:5000/web:1"
    own = hosting('host: "localhost:5001"\nhostFromContainerRuntime: "127.0.0.1:5000"')
    assert own
    assert str(own.reference(web)) == "localhost:5001/web:1"
    assert hosting("") is None
    assert hosting("host: [") is None
    assert hosting("help: x") is None
    assert announced({}) is None


def test_images_go_to_a_registry_under_its_path() -> None:
    there = Destination("push", host="ghcr.io/me")
    assert str(there.target(Reference.parse("web:1"))) == "ghcr.io/me/web:1"
    assert str(there.target(Reference.parse("ghcr.io/other/web:1"))) == "ghcr.io/other/web:1"


def test_local_clusters_are_told_by_their_node() -> None:
    assert loader({"metadata": {"name": "m", "labels": {"minikube.k8s.io/name": "dev"}}}) == Destination(
        "minikube", name="dev"
    )
    kind = {"metadata": {"name": "k"}, "spec": {"providerID": "kind://docker/lab/lab-control-plane"}}
    assert loader(kind) == Destination("kind", name="lab")
    assert loader({"metadata": {"name": "docker-desktop"}, "spec": {}}) == Destination("shared")
    assert loader({"metadata": {"name": "ip-10-0-0-1"}, "spec": {"providerID": "aws:///x"}}) is None


def test_the_engine_reaches_registries_of_this_machine_by_address() -> None:
    assert for_engine("localhost:5001/web:1") == "127.0.0.1:5001/web:1"
    assert for_engine("localhost.example/web") == "localhost.example/web"
