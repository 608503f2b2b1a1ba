"""Values wait encrypted, in files of their owner only, and are gone after their time."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from tools.errors import NotFound
from tools.secrets.vault import Vault, is_reference


def test_a_value_comes_back_also_in_another_process(tmp_path: Path) -> None:
    reference = Vault(tmp_path / "v").put("hunter2 ü\n")
    assert is_reference(reference)
    assert "hunter2" not in reference
    again = Vault(tmp_path / "v")
    assert again.get(reference) == "hunter2 ü\n"
    assert again.key == Vault(tmp_path / "v").key
    assert len(again.key) == 32


def test_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v")
    vault.put("hunter2")
    files = list((tmp_path / "v").iterdir())
    assert len(files) == 2  # the key and the value, no draft left behind
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert stat.S_IMODE((tmp_path / "v").stat().st_mode) == 0o700
    assert not any(b"hunter2" in file.read_bytes() for file in files)


def test_the_same_value_never_looks_the_same(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v")
    first, second = vault.put("x"), vault.put("x")
    assert first != second


@pytest.mark.parametrize(
    "reference", ["vault:../key", "vault:key", "vault:", "x", "vault:" + "0" * 32, "vault:" + "0" * 32 + "/.."]
)
def test_what_is_no_reference_opens_nothing(tmp_path: Path, reference: str) -> None:
    vault = Vault(tmp_path / "v")
    vault.put("x")
    with pytest.raises(NotFound):
        vault.get(reference)
    vault.forget(reference)
    assert (tmp_path / "v" / "key").exists()


def test_values_expire_and_are_swept_away(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v", keep=60)
    old, swept, young = vault.put("a"), vault.put("b"), vault.put("c")
    for reference in (old, swept):
        os.utime(tmp_path / "v" / reference.removeprefix("vault:"), (time.time() - 120,) * 2)
    with pytest.raises(NotFound):
        vault.get(old)
    vault.put("d")
    assert not (tmp_path / "v" / swept.removeprefix("vault:")).exists()
    assert vault.get(young) == "c"


def test_a_forgotten_value_and_a_spoiled_one_are_gone(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v")
    forgotten, spoiled = vault.put("a"), vault.put("b")
    vault.forget(forgotten)
    vault.forget(forgotten)
    file = tmp_path / "v" / spoiled.removeprefix("vault:")
    file.write_bytes(file.read_bytes()[:-4] + b"AAAA")
    for reference in (forgotten, spoiled):
        with pytest.raises(NotFound):
            vault.get(reference)
