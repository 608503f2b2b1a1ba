"""What all tests share: a home of their own, and a fresh namespace on a cluster that Shipmate made."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from hypothesis import HealthCheck, settings

from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.door.client import Cluster

CLUSTER_CONTEXT = os.environ.get("SHIPMATE_TEST_CONTEXT", "shipmate")

# The same examples each time, however busy the machine is; `--hypothesis-profile=search` looks for new ones.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")


def pytest_configure() -> None:
    """Temporary files go to memory where there is enough of it: the journal syncs each record, and disks are slow."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
    if roomy and not os.statvfs(memory).f_flag & os.ST_NOEXEC and "TMPDIR" not in os.environ:
        os.environ["TMPDIR"] = tempfile.tempdir = str(memory)


_MINUTES = ("test_faults.py", "test_adversary.py")  # one test of minutes each


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What uses the cluster is marked so, nobody needs to remember it; it comes first, the largest files before all.

    Side by side, the processes then wait for the cluster together and share the many small files at the end.
    """
    for item in items:
        if "cluster_uid" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)
    waiting = Counter(item.path for item in items if any(map(item.get_closest_marker, ("cluster", "engine"))))
    every = Counter(item.path for item in items)
    items.sort(
        key=lambda item: (item.path.name not in _MINUTES, -waiting[item.path], -every[item.path], str(item.path))
    )


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes a person's own state, settings or keys."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in list(os.environ):
        if name.startswith(("SHIPMATE_", "OPENAI_")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def cluster_uid() -> str:
    """The cluster that tests may use: the one of context `shipmate`, and only if Shipmate made it."""
    from tools.provision.made import made_by_us

    uid = Context(context=CLUSTER_CONTEXT).cluster.uid()
    if not made_by_us(uid):
        pytest.fail(f"context {CLUSTER_CONTEXT} is not a cluster that Shipmate made; run `shipmate cluster up`")
    return uid


@pytest.fixture
def namespace(cluster_uid: str, tmp_path: Path) -> Iterator[str]:
    """A fresh namespace, deleted afterwards."""
    name = f"t-{token_hex(4)}"
    cluster = Context(context=CLUSTER_CONTEXT).cluster
    write_directly(cluster, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for given in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):  # what the cluster itself puts there
        _until_there(cluster, f"/api/v1/namespaces/{name}/{given}")
    yield name
    write_directly(cluster, "DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def ctx(namespace: str, tmp_path: Path) -> Context:
    """A context on the test cluster in the fresh namespace, with its own state."""
    return Context(context=CLUSTER_CONTEXT, namespace=namespace, root=tmp_path, state=tmp_path / "state" / "shipmate")


def _until_there(cluster: Cluster, path: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            cluster.get(path)
            return
        except NotFound:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def write_directly(cluster: object, method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """Set the stage of a test: a write that is not the subject of the test, with a permit for just that."""
    from tools.permit import Permit
    from tools.preview import Write

    assert isinstance(cluster, Cluster)
    permit = Permit("test", 0, (Write(door="kubernetes", method=method, path=path),), journal="stage")
    with permit.opened():
        return cluster.write(permit, method, path, body).body


@pytest.fixture
def apply(ctx: Context) -> Callable[[str], None]:
    """Put YAML documents into the fresh namespace."""
    import yaml

    def put(text: str) -> None:
        for document in yaml.safe_load_all(text):
            if document:
                kind = ctx.cluster.kinds.resolve(document["kind"])
                path = ctx.cluster.collection(kind, ctx.namespace if kind.namespaced else None)
                write_directly(ctx.cluster, "POST", path, document)

    return put
