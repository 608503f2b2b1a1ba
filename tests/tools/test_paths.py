"""A path that the system refuses to look at is told as a mistake of whoever named it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.context import Context
from tools.docker.build import context_root
from tools.errors import BadRequest
from tools.helm.charts import pin
from tools.workspace.files import place

WAYS: dict[str, Callable[[Context, str], object]] = {
    "build": context_root,
    "chart": lambda ctx, path: pin(path, ctx.root, ctx.cache),
    "file": place,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["x" * 300, "x/" * 5_000, "x" * 100_000, "circle/x", "a\0b"])
def test_it_is_told(tmp_path: Path, way: str, path: str) -> None:
    (tmp_path / "circle").symlink_to("circle")
    ctx = Context(root=tmp_path, cache=tmp_path / "cache")
    with pytest.raises(BadRequest) as told:
        WAYS[way](ctx, path)
    assert len(told.value.message) < 400


def test_nobodys_home_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadRequest):
        pin("~nobody-of-this-name/chart", tmp_path, tmp_path)
