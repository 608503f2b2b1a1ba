"""The person's kubeconfig is theirs: one context comes and goes, everything else stays."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.errors import BadRequest, Failed
from tools.provision import kubeconfig

PRODUCTION = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "production",
    "clusters": [{"name": "production", "cluster": {"server": "https://example.com"}}],
    "users": [{"name": "me", "user": {"token": "secret"}}],
    "contexts": [{"name": "production", "context": {"cluster": "production", "user": "me"}}],
}


def made(server: str = "https://127.0.0.1:6443") -> dict[str, Any]:
    return {
        "clusters": [{"name": "x", "cluster": {"server": server}}],
        "users": [{"name": "y", "user": {"client-key-data": "k"}}],
        "contexts": [{"name": "z", "context": {"cluster": "x", "user": "y"}}],
    }


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "kube" / "config"
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def read(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content))


def names(file: Path, section: str) -> list[str]:
    return [entry["name"] for entry in read(file)[section]]


def test_merging_adds_one_context_and_leaves_the_current_one(config: Path) -> None:
    write(config, PRODUCTION)
    kubeconfig.merge("shipmate", made())
    after = read(config)
    assert after["current-context"] == "production"
    assert after["users"][0] == PRODUCTION["users"][0]
    for section in ("clusters", "users", "contexts"):
        assert "shipmate" in names(config, section)


def test_only_switch_changes_the_current_context(config: Path) -> None:
    write(config, PRODUCTION)
    kubeconfig.merge("shipmate", made(), switch=True)
    assert read(config)["current-context"] == "shipmate"


def test_where_there_is_no_current_context_the_new_one_becomes_it(config: Path) -> None:
    kubeconfig.merge("shipmate", made())
    assert read(config)["current-context"] == "shipmate"


def test_the_file_is_for_its_owner_only(config: Path) -> None:
    kubeconfig.merge("shipmate", made())
    assert config.stat().st_mode & 0o777 == 0o600


def test_removing_restores_what_was_there(config: Path) -> None:
    write(config, PRODUCTION)
    kubeconfig.merge("shipmate", made(), switch=True)
    kubeconfig.remove("shipmate")
    assert read(config) == {**PRODUCTION, "current-context": ""}


def test_merging_again_updates_the_address_and_keeps_the_namespace_that_the_person_chose(config: Path) -> None:
    kubeconfig.merge("shipmate", made())
    content = read(config)
    content["contexts"][0]["context"]["namespace"] = "todo"
    write(config, content)
    kubeconfig.merge("shipmate", made("https://127.0.0.1:7000"))
    after = read(config)
    assert after["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:7000"
    assert after["contexts"] == [
        {"name": "shipmate", "context": {"cluster": "shipmate", "user": "shipmate", "namespace": "todo"}}
    ]


def test_merging_what_is_there_already_does_not_touch_the_file(config: Path) -> None:
    kubeconfig.merge("shipmate", made())
    before = config.stat()
    kubeconfig.merge("shipmate", made())
    assert config.stat().st_ino == before.st_ino


def test_a_context_of_somebody_else_is_neither_overwritten_nor_removed(config: Path) -> None:
    write(config, PRODUCTION)
    with pytest.raises(BadRequest, match="did not make"):
        kubeconfig.check_free("production")
    kubeconfig.remove("production")
    assert read(config) == PRODUCTION


def test_a_link_to_the_kubeconfig_stays_a_link(config: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    write(real, PRODUCTION)
    config.parent.mkdir()
    config.symlink_to(real)
    kubeconfig.merge("shipmate", made())
    assert config.is_symlink()
    assert "shipmate" in names(real, "contexts")


def test_of_several_files_the_first_that_exists_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "missing", tmp_path / "there"
    write(second, PRODUCTION)
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    assert kubeconfig.merge("shipmate", made()) == second
    assert not first.exists()


@pytest.mark.parametrize("content", ["a: [", "- just\n- a list\n"])
def test_a_broken_file_is_left_alone(config: Path, content: str) -> None:
    config.parent.mkdir()
    config.write_text(content)
    with pytest.raises(Failed, match="not a valid kubeconfig"):
        kubeconfig.merge("shipmate", made())
    assert config.read_text() == content
