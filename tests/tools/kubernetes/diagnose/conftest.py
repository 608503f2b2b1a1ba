from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools.kubernetes.api_server import ApiServer, serving
from tests.tools.kubernetes.conftest import kubeconfig_text
from tests.tools.kubernetes.diagnose import made_up
from tools.context import Context
from tools.kubernetes.door import transport


@pytest.fixture
def made_up_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Context, ApiServer]]]:
    """Make a cluster that holds some objects, and a context on it."""
    monkeypatch.setattr(transport, "_PAUSES", ())  # what fails here fails for good
    with serving() as api:

        def make(objects: list[Any], spaces: tuple[str, ...] = ("shop",)) -> tuple[Context, ApiServer]:
            made_up.serve(api, objects, spaces)
            (tmp_path / "kubeconfig").write_text(kubeconfig_text(api.url))
            return Context(kubeconfig=str(tmp_path / "kubeconfig"), cache=tmp_path / "cache", root=tmp_path), api

        yield make
