"""The cluster's programs: when they are built anew, what is fetched, how they become images."""

import hashlib
import http.server
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.errors import Failed
from tools.progress import finish
from tools.provision.drivers import archive, binaries, downloads
from tools.provision.drivers.archive import ProgramImage
from tools.provision.drivers.downloads import Download


def test_every_module_has_its_sums_and_needs_no_newer_go_than_we_look_for() -> None:
    for module in binaries.MODULES:
        text = (module.folder / "go.mod").read_text()
        version = next(line.split()[1] for line in text.splitlines() if line.startswith("go "))
        assert tuple(map(int, version.split(".")[:2])) <= (1, 26)
        assert "require" not in text or (module.folder / "go.sum").exists()


def test_the_version_that_is_told_is_the_one_that_is_built() -> None:
    assert f"k8s.io/kubernetes v{binaries.KUBERNETES}\n" in (binaries.MODULES[-1].folder / "go.mod").read_text()


def test_a_stamp_changes_with_the_machine_and_not_from_call_to_call() -> None:
    module = binaries.MODULES[0]
    assert module.stamp("amd64") == module.stamp("amd64") != module.stamp("arm64")


def program(folder: Path, name: str, text: bytes = b"#!/bin/sh\n") -> Path:
    path = folder / name
    path.write_bytes(text)
    path.chmod(0o755)
    return path


def test_an_archive_holds_each_program_with_true_digests(tmp_path: Path) -> None:
    source = program(tmp_path, "thing-123", b"binary")
    target = tmp_path / "images.tar"
    archive.write([ProgramImage("shipmate/thing:1", source, "thing", "7:7")], "amd64", target)
    with tarfile.open(target) as packed:
        (manifest,) = json.load(packed.extractfile("manifest.json") or b"")
        config = (packed.extractfile(manifest["Config"]) or b"").read()
        layer = (packed.extractfile(manifest["Layers"][0]) or b"").read()
    assert manifest["RepoTags"] == ["shipmate/thing:1"]
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert json.loads(config)["config"]["User"] == "7:7"


def test_the_same_programs_give_the_same_archive(tmp_path: Path) -> None:
    image = ProgramImage("shipmate/thing:1", program(tmp_path, "thing"), "thing")
    first, second = tmp_path / "1.tar", tmp_path / "2.tar"
    archive.write([image], "amd64", first)
    archive.write([image], "amd64", second)
    assert first.read_bytes() == second.read_bytes()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL that serves it."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def publish(folder: Path, name: str, data: bytes, digest: str | None = None) -> None:
    (folder / name).write_bytes(data)
    (folder / f"{name}.sha256").write_text(digest or hashlib.sha256(data).hexdigest())


def test_programs_with_their_published_digest_are_kept(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    publish(folder, "kubectl", b"program")
    target = tmp_path / "programs"
    assert finish(downloads.fetch([Download(url + "kubectl", url + "kubectl.sha256")], target))
    assert (target / "kubectl").read_bytes() == b"program"
    assert (target / "kubectl").stat().st_mode & 0o111


def test_a_program_can_come_out_of_an_archive(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    program(tmp_path, "etcd", b"store")
    with tarfile.open(folder / "etcd.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "etcd", "etcd-v1/etcd")
    digest = hashlib.sha256((folder / "etcd.tar.gz").read_bytes()).hexdigest()
    (folder / "SUMS").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  etcd.tar.gz\n")
    target = tmp_path / "programs"
    assert finish(downloads.fetch([Download(url + "etcd.tar.gz", url + "SUMS", "etcd-v1/etcd")], target))
    assert [path.name for path in target.iterdir()] == ["etcd"]
    assert (target / "etcd").read_bytes() == b"store"


@pytest.mark.parametrize("damage", ["digest", "missing program", "missing digest", "nobody there"])
def test_whatever_is_wrong_nothing_is_kept(site: tuple[Path, str], tmp_path: Path, damage: str) -> None:
    folder, url = site
    publish(folder, "kubelet", b"good")
    publish(folder, "kubectl", b"program", "0" * 64 if damage == "digest" else None)
    if damage == "missing program":
        (folder / "kubectl").unlink()
    if damage == "missing digest":
        (folder / "kubectl.sha256").unlink()
    second = "http://127.0.0.1:9/" if damage == "nobody there" else url
    wanted = [
        Download(url + "kubelet", url + "kubelet.sha256"),
        Download(second + "kubectl", second + "kubectl.sha256"),
    ]
    target = tmp_path / "programs"
    assert not finish(downloads.fetch(wanted, target))
    assert not target.exists()
    assert not target.with_suffix(".partial").exists()


def test_an_error_page_is_not_a_digest() -> None:
    with pytest.raises(Failed):
        downloads.digest_of("kubectl", "<html>not found</html>")


def test_the_table_names_every_program_of_a_node() -> None:
    wanted = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}
    assert {download.program for download in downloads.kubernetes("1.35.4", "3.6.5", "arm64")} == wanted
