"""A program may not do in the cluster what it tries: which rule is missing for which account.

Example: the log says "pods is forbidden: User "system:serviceaccount:shop:watcher" cannot list resource "pods" …",
and no binding of the account gives it that. A right that was given since is no fault. Logs are read of containers
that are not well and of pods with an account of their own. What a log asks for is only believed of the pod's own
account. Where a binding, role or account is almost right, that is told and corrected; else the fix is a change for
reading harmless things in its own namespace, and words for everything more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import ApplyManifest, Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.almost import slips
from tools.kubernetes.diagnose.roles import Right, granted
from tools.kubernetes.diagnose.rule import Seen, change_fix, log, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot, Unit
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-RIGHTS": "an account lacks a right that its program needs"}
_DENIED = re.compile(
    r'(?:[\w./-]+ (?:\\?"(?P<name>[^"\\ ]+)\\?" )?is forbidden: )?'
    r'[Uu]ser \\?"system:serviceaccount:(?P<space>[a-z0-9-]+):(?P<account>[a-z0-9.-]+)\\?" cannot (?P<verb>[a-z]+) '
    r'resource \\?"(?P<resource>[a-z0-9./-]+)\\?" in API group \\?"(?P<group>[a-z0-9.-]*)\\?"'
    r'(?: in the namespace \\?"(?P<place>[a-z0-9-]+)\\?"| at the cluster scope)'
)
_HARMLESS = ("get", "list", "watch")
_DELICATE = re.compile(r"^secrets|^serviceaccounts|/(?:exec|attach|proxy|portforward|log)$|role|certificatesigning")
_MOST_LOGS = 30  # containers that are well and whose log is read all the same


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each workload whose log complains about rights that are still missing."""
    lacking: dict[str, tuple[Unit, set[Right]]] = {}
    for unit, _ in snap.one_each(_suspects(snap)):
        if rights := _denials(snap, unit):
            uid = unit.owner["metadata"]["uid"]
            lacking.setdefault(uid, (unit, set()))[1].update(rights)
    for unit, rights in lacking.values():
        yield _finding(snap, unit, sorted(rights))


def denied(snap: Snapshot, unit: Unit) -> set[Right]:
    """The rights that a container's log says its account lacks, also those that it was given since."""
    meta, spec = unit.pod["metadata"], unit.pod["spec"]
    account = spec.get("serviceAccountName") or "default"
    found: set[Right] = set()
    for line in snap.last_words(unit).splitlines():
        match = _DENIED.search(line)
        if match and (match["space"], match["account"]) == (meta.get("namespace"), account):
            found.add(Right(account, match["verb"], match["group"], match["resource"], match["place"] or "",
                            match["name"] or ""))  # fmt: skip
    return found


def _denials(snap: Snapshot, unit: Unit) -> list[Right]:
    space = unit.pod["metadata"].get("namespace") or ""
    return sorted(right for right in denied(snap, unit) if not granted(snap, right, space))


def _suspects(snap: Snapshot) -> Iterator[Unit]:
    """Containers that are not well; in one namespace also those with an account of their own."""
    read: set[str] = set()
    for unit in snap.units():
        own = (unit.pod["spec"].get("serviceAccountName") or "default") != "default"
        if unit.init and unit.status.get("ready"):
            continue
        started = unit.status.get("restartCount") or (unit.status.get("state") or {}).get("running")
        if started and not unit.status.get("ready"):
            yield unit
        elif own and snap.namespace and len(read) < _MOST_LOGS:
            read.add(unit.owner["metadata"]["uid"] + unit.spec["name"])
            yield unit


def _finding(snap: Snapshot, unit: Unit, rights: list[Right]) -> Seen:
    ref, space = ref_of(unit.owner), unit.pod["metadata"].get("namespace") or ""
    account = rights[0].account
    told = "; ".join(f"{', '.join(verbs)} {what}" for what, verbs in _grouped(rights).items())
    broken = not unit.status.get("ready")
    lines = [match[0].replace('\\"', '"') for match in _DENIED.finditer(snap.last_words(unit))]
    found = list(slips(snap, unit.owner, space, rights))
    why = found[0].why if found else f"no role gives service account {account}: {told}"
    return seen(
        "SM-RIGHTS",
        unit.owner,
        f"{ref} may not do what it tries: service account {account} lacks the right to {told}.",
        severity=Severity.CRITICAL if broken else Severity.WARNING,
        chain=(f"the API server refuses what {ref} asks for", why),
        evidence=(log(dict.fromkeys(lines[-2:])),),
        fixes=(*(_careful(one.fix, rights, space) for one in found), _fix(account, space, rights)),
    )


def _grouped(rights: list[Right]) -> dict[str, list[str]]:
    """Verbs by what they are about."""
    found: dict[str, list[str]] = {}
    for right in rights:
        kind = f"{right.resource}.{right.group}" if right.group else right.resource
        found.setdefault(f"{kind} in {right.place or 'the whole cluster'}", []).append(right.verb)
    return found


def _harmless(rights: list[Right], space: str) -> bool:
    """Whether all it is about is reading what is no secret in its own namespace."""
    return all(
        right.place == space and right.verb in _HARMLESS and not _DELICATE.search(right.resource) for right in rights
    )


def _careful(fix: Fix | None, rights: list[Right], space: str) -> Fix | None:
    """Only words where more is at stake: a program could write anything into its log."""
    return fix if fix is None or _harmless(rights, space) else Fix(text=fix.text)


def _fix(account: str, space: str, rights: list[Right]) -> Fix:
    kind = "Role" if all(right.place for right in rights) else "ClusterRole"
    if not _harmless(rights, space):
        told = "; ".join(f"{', '.join(verbs)} {what}" for what, verbs in _grouped(rights).items())
        return Fix(
            text=f"If {account} is meant to {told}, give it that by a {kind} and a {kind}Binding; "
            "or use an account that has it."
        )
    name = f"{account}-reads"[:63]
    rules: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        rules.setdefault((right.group, right.resource), []).append(right.verb)
    body = [{"apiGroups": [g], "resources": [r], "verbs": sorted(verbs)} for (g, r), verbs in rules.items()]
    subject = {"kind": "ServiceAccount", "name": account, "namespace": space}
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    return change_fix(
        f"Create role {name} with just these rights, and bind it to service account {account}.",
        _manifest("Role", name, space, {"rules": body}),
        _manifest("RoleBinding", name, space, {"subjects": [subject], "roleRef": role_ref}),
    )


def _manifest(kind: str, name: str, space: str, parts: Object) -> ApplyManifest:
    ref = Ref(api_version="rbac.authorization.k8s.io/v1", kind=kind, name=name, namespace=space)
    meta = {"name": name, "namespace": space}
    body = {"apiVersion": ref.api_version, "kind": kind, "metadata": meta, **parts}
    return ApplyManifest(summary=f"create {ref}", ref=ref, manifest=body, create_only=True)
