from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.tools.kubernetes.api_server import CORE, GROUPS, ApiServer, serving
from tools.context import Context
from tools.kubernetes.door.client import Cluster


def kubeconfig_text(server: str, user: dict[str, object] | None = None, **cluster: object) -> str:
    return yaml.safe_dump(
        {
            "current-context": "one",
            "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "u", "user": user or {}}],
        }
    )


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A scripted API server that can be discovered."""
    with serving() as server:
        server.script |= {"GET /api": CORE, "GET /apis": GROUPS}
        yield server


@pytest.fixture
def connect(tmp_path: Path) -> Callable[..., Cluster]:
    """Connect as a kubeconfig says, with its user and cluster entries."""

    def make(api: ApiServer, user: dict[str, object] | None = None, **cluster: object) -> Cluster:
        file = tmp_path / "kubeconfig"
        file.write_text(kubeconfig_text(api.url, user, **cluster))
        return Cluster.connect(str(file), None, None, tmp_path / "cache")

    return make


@pytest.fixture
def cluster(api: ApiServer, connect: Callable[..., Cluster]) -> Cluster:
    return connect(api)


@pytest.fixture
def fake_ctx(cluster: Cluster, tmp_path: Path) -> Context:
    """A context whose cluster is the scripted one."""
    return Context(kubeconfig=str(tmp_path / "kubeconfig"), cache=tmp_path / "cache", root=tmp_path)
