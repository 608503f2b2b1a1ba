"""What a build sends: the engine's own ignore rules, what the Dockerfile reaches, sizes, secrets and the digest."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from e2b_dockerfile_utils import PatternMatcher
from hypothesis import given
from hypothesis import strategies as st

from tools.docker.archive import stream
from tools.docker.context import BuildContext, human, scan
from tools.docker.dockerfile import Dockerfile
from tools.docker.ignore import Ignore
from tools.errors import BadRequest, Conflict

_SEGMENT = st.sampled_from(["a", "b", "ab", ".e", "*", "**", "?", "a*", "*.b", "[ab]", "[^a]", "[a-c]", "a\\*", "**a"])
_LINE = st.builds(
    lambda no, slash, parts: no + slash + "/".join(parts),
    st.sampled_from(["", "", "!"]), st.sampled_from(["", "", "/"]), st.lists(_SEGMENT, min_size=1, max_size=3),
)  # fmt: skip
_PATH = st.lists(st.sampled_from(["a", "b", "ab", ".e", "c", "x.b", "a*", "abc"]), min_size=1, max_size=4).map("/".join)


@given(lines=st.lists(_LINE, min_size=1, max_size=5), path=_PATH)
def test_ignore_rules_agree_with_a_port_of_the_engines(lines: list[str], path: str) -> None:
    try:
        oracle = PatternMatcher(lines)
    except ValueError:
        with pytest.raises(BadRequest):
            Ignore(lines)
        return
    ignore = Ignore(lines)
    assert ignore.ignores(path) == oracle.matches(path)
    assert ignore.may_keep_below(path) == oracle.may_match_under(path)


@pytest.mark.parametrize(
    ("line", "path", "ignored"),
    [
        ("node_modules", "node_modules/x/y.js", True),
        ("node_modules", "web/node_modules/x", False),
        ("**/node_modules", "web/node_modules/x", True),
        ("/build/", "build/x", True),
        ("# a", "# a", False),
        (" # a", "# a", True),
        ("*.log", "a/b.log", False),
    ],
)
def test_well_known_cases(line: str, path: str, ignored: bool) -> None:
    assert Ignore([line]).ignores(path) is ignored


@pytest.mark.parametrize("line", ["a[", "!", "a\\"])
def test_a_broken_pattern_is_named(line: str) -> None:
    with pytest.raises(BadRequest):
        Ignore([line])


def make(root: Path, files: dict[str, str], dockerfile: str = "FROM scratch\nCOPY . /\n") -> Path:
    for name, text in {"Dockerfile": dockerfile, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def context(root: Path, dockerfile: str = "Dockerfile", target: str | None = None) -> BuildContext:
    path = root / dockerfile
    return scan(root, path, target, Dockerfile.read(path))


def paths(found: BuildContext) -> list[str]:
    return [entry.path for entry in found.entries if entry.is_file]


def test_only_what_the_ignore_file_leaves_is_sent(tmp_path: Path) -> None:
    root = make(tmp_path, {".dockerignore": "*\n!app\n**/*.pyc\n", "app/a.py": "1", "app/a.pyc": "22", "x/y": "3"})
    found = context(root)
    assert paths(found) == ["app/a.py"]
    assert found.bytes == 1


def test_the_dockerfiles_own_ignore_file_wins(tmp_path: Path) -> None:
    files = {".dockerignore": "a\n", "Other": "FROM scratch\nCOPY . /\n", "Other.dockerignore": "b\n", "a": "", "b": ""}
    root = make(tmp_path, files)
    assert "a" in paths(context(root, "Other"))
    assert "b" not in paths(context(root, "Other"))
    assert "a" not in paths(context(root))


def test_only_what_the_target_reaches_counts(tmp_path: Path) -> None:
    dockerfile = (
        "FROM scratch AS docs\nCOPY docs /docs\n"
        "FROM scratch AS build\nCOPY src/*.c lib/ /src/\n"
        "FROM scratch\nCOPY --from=build /src /\nADD https://example.com/x /x\n"
    )
    root = make(tmp_path, {"src/a.c": "", "src/a.h": "", "lib/deep/z": "", "docs/d": "", "big": "x" * 100}, dockerfile)
    assert paths(context(root)) == ["lib/deep/z", "src/a.c"]
    assert paths(context(root, target="docs")) == ["docs/d"]


def test_links_are_sent_as_links_and_loops_do_no_harm(tmp_path: Path) -> None:
    root = make(tmp_path / "c", {"d/a": "1"})
    (root / "d/loop").symlink_to("..")
    (root / "out").symlink_to("/etc/passwd")
    found = context(root)
    assert sorted(entry.path for entry in found.entries) == ["Dockerfile", "d", "d/a", "d/loop", "out"]
    assert next(entry.size for entry in found.entries if entry.path == "out") == 0


def test_sockets_and_pipes_are_named(tmp_path: Path) -> None:
    root = make(tmp_path, {})
    os.mkfifo(root / "pipe")
    assert context(root).problems == ("pipe is a socket, pipe or device",)


def test_names_of_any_kind_are_counted_and_sent(tmp_path: Path) -> None:
    root = make(tmp_path, {"a\nb": "1", "ü" * 60: "2", "x" * 200: "3"})
    (root / os.fsdecode(b"\xff\xfe")).write_text("4")
    found = context(root)
    assert found.files == 5
    archive = tarfile.open(fileobj=io.BytesIO(b"".join(stream(found))))  # noqa: SIM115
    assert archive.getnames()[0] == "Dockerfile"
    assert sorted(archive.getnames()) == sorted(entry.path for entry in found.entries)
    assert found.digest(None, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "A=1"),
        ("web/.env.production", "A=1"),
        ("id_ed25519", ""),
        ("tls/server.key", ""),
        ("tls/x.pem", "-----BEGIN RSA PRIVATE KEY-----"),
        (".npmrc", "//r/:_authToken=x"),
        (".git/config", ""),
    ],
)
def test_credentials_are_found(tmp_path: Path, name: str, text: str) -> None:
    assert context(make(tmp_path, {name: text})).secrets() == [".git" if name.startswith(".git/") else name]


@pytest.mark.parametrize(
    ("name", "text"),
    [(".env.example", ""), ("ca.pem", "-----BEGIN CERTIFICATE-----"), (".npmrc", "save-exact=true"), ("keys.py", "")],
)
def test_harmless_files_are_not_called_credentials(tmp_path: Path, name: str, text: str) -> None:
    assert context(make(tmp_path, {name: text})).secrets() == []


def test_the_lines_that_make_it_smaller_come_with_what_they_save(tmp_path: Path) -> None:
    root = make(tmp_path, {"web/node_modules/a/b.js": "x" * 900, "app/x.log": "y" * 30, "app/a.py": "z"})
    found = context(root)
    assert found.fixes() == [("**/node_modules", 900), ("**/*.log", 30)]
    assert found.folders(1) == [("web", 900)]
    (root / ".dockerignore").write_text("\n".join(line for line, _ in found.fixes()))
    assert context(root).bytes == found.bytes - 930 + len((root / ".dockerignore").read_bytes())


def test_the_digest_follows_the_source_and_nothing_else(tmp_path: Path) -> None:
    root = make(tmp_path, {"a": "1", ".dockerignore": ".dockerignore\nREADME\n", "README": "x"})
    first = context(root).digest(None, {})
    os.utime(root / "a", (1, 1))
    (root / "README").write_text("other")
    assert context(root).digest(None, {}) == first
    others = [context(root).digest("t", {}), context(root).digest(None, {"A": "1"})]
    (root / "a").chmod(0o755)
    others.append(context(root).digest(None, {}))
    (root / "a").write_text("2")
    others.append(context(root).digest(None, {}))
    (root / "a").rename(root / "b")
    others.append(context(root).digest(None, {}))
    assert len({first, *others}) == 6


def test_a_file_that_shrinks_while_it_is_sent_is_noticed(tmp_path: Path) -> None:
    found = context(make(tmp_path, {"a": "12345"}))
    (tmp_path / "a").write_text("1")
    with pytest.raises(Conflict):
        list(stream(found))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (86_400, "86 kB"),
        (999_999, "1 MB"),
        (1_250_000, "1.2 MB"),
        (3e15, "3000 TB"),
    ],
)
def test_sizes_for_people(size: float, text: str) -> None:
    assert human(size) == text
