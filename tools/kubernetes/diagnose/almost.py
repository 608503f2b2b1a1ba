"""Why an account lacks a right though somebody meant to give it: what binding, role or account is almost right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tools.change import Patch
from tools.finding import Fix
from tools.kubernetes.diagnose.roles import Right, bindings_in, binds, covers, granted, role_of, verbs
from tools.kubernetes.diagnose.rule import change_fix, near
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

_CHANGEABLE = ("Deployment", "StatefulSet", "DaemonSet")


class Slip(NamedTuple):
    """What is almost right, and the fix that makes it so, if a change can."""

    why: str
    fix: Fix | None = None


def slips(snap: Snapshot, workload: Object, space: str, rights: Sequence[Right]) -> Iterator[Slip]:
    """What explains that these rights are missing, the likeliest first."""
    account = rights[0].account
    if account == "default" and (found := _forgotten(snap, workload, space, rights)):
        yield found
    for binding in bindings_in(snap, space):
        role, name = role_of(snap, binding), binding["metadata"]["name"]
        if binds(binding, account, space):
            yield from _of_role(snap, binding, role, rights)
        elif role and all(covers(role, right) and right.place == space for right in rights):
            elsewhere = [one for one in binding.get("subjects") or () if one["kind"] == "ServiceAccount"
                         and one["name"] == account]  # fmt: skip
            if elsewhere:
                told = elsewhere[0].get("namespace")
                why = f"rolebinding {name} gives it to account {account} of namespace {told}, not of {space}"
                yield Slip(why, _rebind(binding, elsewhere[0], space))


def _of_role(snap: Snapshot, binding: Object, role: Object | None, rights: Sequence[Right]) -> Iterator[Slip]:
    """What is wrong with the role that the account has by a binding of its namespace."""
    kind, named, name = binding["roleRef"]["kind"].lower(), binding["roleRef"]["name"], binding["metadata"]["name"]
    if role is None:
        space = binding["metadata"]["namespace"]
        known = [item["metadata"]["name"] for item in snap.all("roles.rbac.authorization.k8s.io")
                 if item["metadata"].get("namespace") == space]  # fmt: skip
        best = near(named, known)
        yield Slip(
            f"rolebinding {name} names {kind} {named}, which does not exist{f'; there is {best}' if best else ''}"
        )
        return
    if any(not right.place and covers(role, right) for right in rights):
        yield Slip(f"{kind} {named} has it, but is bound for its namespace only, not for the whole cluster")
    for right in rights:
        if not covers(role, right) and (given := verbs(role, right)):
            yield Slip(f"{kind} {named} lets it {', '.join(given)} {right.resource}, but not {right.verb}")


def _forgotten(snap: Snapshot, workload: Object, space: str, rights: Sequence[Right]) -> Slip | None:
    """Another account has the rights, bears the workload's name or is the only one, and nobody uses it."""
    named = {
        one["name"]
        for binding in bindings_in(snap, space)
        for one in binding.get("subjects") or ()
        if one["kind"] == "ServiceAccount" and one.get("namespace", space) == space
    }
    able = [
        name
        for name in sorted(named - {"default"})
        if snap.find("serviceaccounts", name, space)
        and all(granted(snap, right._replace(account=name), space) for right in rights)
    ]
    used = {pod["spec"].get("serviceAccountName") for pod in snap.pods if pod["metadata"].get("namespace") == space}
    mine = [name for name in able if name == workload["metadata"]["name"]]
    best = (mine or [name for name in able if name not in used] or [""])[0]
    if not best or (not mine and len(able) > 1):
        return None
    ref = ref_of(workload)
    patch = {"spec": {"template": {"spec": {"serviceAccountName": best}}}}
    change = Patch(summary=f"let {ref} run as account {best}", ref=ref, verb="set account", patch=patch)
    fix = change_fix(f"Let {ref} run as service account {best}.", change) if ref.kind in _CHANGEABLE else None
    return Slip(f"its pods run as account default, while service account {best} has that right", fix)


def _rebind(binding: Object, wrong: Object, space: str) -> Fix:
    ref = ref_of(binding)
    subjects: list[dict[str, Any]] = [
        {**one, "namespace": space} if one is wrong else dict(one) for one in binding["subjects"]
    ]
    told = f"let {ref} mean account {wrong['name']} of {space}"
    change = Patch(summary=told, ref=ref, verb="set subjects", type="merge", patch={"subjects": subjects})
    return change_fix(f"Let rolebinding {ref.name} name the account of {space}.", change)
