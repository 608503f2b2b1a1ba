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
    kinds = [kind for kind in USUAL if ctx.cluster.kinds.resolve(kind).namespaced]
    for missing in kinds:
        _let_read(ctx, guest, [kind for kind in kinds if kind != missing], missing)
        found = examine(guest, [], ctx.namespace)
        assert set(found.unchecked) & {_label(kind) for kind in kinds} == {_label(missing)}
        assert {"nodes", "namespaces"} <= set(found.unchecked), "a role of one namespace reads nothing beside it"
        assert "may not list" in found.unchecked[_label(missing)]
        assert _label(missing) not in found.counts
        assert verdict(found.findings, found.unchecked, "warning", False) == 4, missing


def _label(kind: str) -> str:
    return kind.partition(".")[0]


def _let_read(ctx: Context, guest: Context, kinds: list[str], missing: str) -> None:
    """Let the account read only these, and wait until the server has heard of it."""
    rules: list[dict[str, Any]] = [
        {"apiGroups": [kind.partition(".")[2]], "resources": [_label(kind)], "verbs": ["get", "list"]} for kind in kinds
    ]
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{ctx.namespace}/roles/guest"
    write_directly(ctx.cluster, "PUT", path, {"metadata": {"name": "guest"}, "rules": rules})
    end = time.monotonic() + 30
    while time.monotonic() < end:
        known = {
            kind: guest.cluster.can("list", ctx.cluster.kinds.resolve(kind), ctx.namespace)
            for kind in (*kinds, missing)
        }
        if all(known[kind] for kind in kinds) and not known[missing]:
            return
        time.sleep(0.2)
    raise AssertionError(f"the role never came into force: {known}")
