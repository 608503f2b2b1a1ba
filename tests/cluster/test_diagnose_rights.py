"""What a login may not read is told as not checked, kind by kind, and never called healthy."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.cli.findings.levels import verdict
from tests.cluster.test_changes import as_account
from tests.conftest import write_directly
from tools.context import Context
from tools.kubernetes.diagnose.run import examine
from tools.kubernetes.diagnose.snapshot import USUAL
from tools.kubernetes.door.kinds import Resource

_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: guest}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: guest}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: guest}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: guest}
subjects: [{kind: ServiceAccount, name: guest}]
"""


def test_each_kind_that_may_not_be_read_is_told(ctx: Context, apply: Callable[[str], None], tmp_path: Path) -> None:
    apply(_ACCOUNT)
    guest = as_account(ctx, "guest", tmp_path)
    kinds = [kind for kind in USUAL if _kind(ctx, kind).namespaced]
    for missing in (kinds[::2], kinds[1::2]):
        _let_read(ctx, guest, [kind for kind in kinds if kind not in missing], missing)
        found = examine(guest, [], ctx.namespace)
        told = {_label(kind) for kind in missing}
        assert set(found.unchecked) & {_label(kind) for kind in kinds} == told
        assert {"nodes", "namespaces"} <= set(found.unchecked), "a role of one namespace reads nothing beside it"
        assert all("may not list" in found.unchecked[label] for label in told)
        assert not told & set(found.counts)
        assert verdict(found.findings, found.unchecked, "warning", False) == 4


def _label(kind: str) -> str:
    return kind.partition(".")[0]


def _kind(ctx: Context, kind: str) -> Resource:
    return ctx.cluster.kinds.resolve(kind)


def _let_read(ctx: Context, guest: Context, kinds: list[str], missing: list[str]) -> None:
    """Let the account read only these, and wait until the server has heard of it."""
    rules: list[dict[str, Any]] = [
        {"apiGroups": [kind.partition(".")[2]], "resources": [_label(kind)], "verbs": ["get", "list"]} for kind in kinds
    ]
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ctx.namespace}/roles/guest"
    write_directly(ctx.cluster, "PUT", path, {"metadata": {"name": "guest"}, "rules": rules})
    end = time.monotonic() + 30
    while time.monotonic() < end:
        may = {kind for kind in (*kinds, *missing) if guest.cluster.can("list", _kind(ctx, kind), ctx.namespace)}
        if may == set(kinds):
            return
        time.sleep(0.2)
    raise AssertionError("the role never came into force")
