"""Whether a fix did it: the same diagnosis again, until what was found is gone and nothing new stays."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.change import Cure, Ref
from tools.context import Context
from tools.finding import Finding, Severity
from tools.kubernetes.diagnose.run import Look, look
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.progress import Progress, Steps

_REVISION = "deployment.kubernetes.io/revision"
_PAUSE = 1.0  # seconds between two looks
_STEADY = 3.0  # seconds that it must stay well: what is new may come a moment later

Sign = tuple[str, str, str, str]


class Proof(NamedTuple):
    """`left` of what was to be mended, and what is `new`; `seen` is the last look. Unchecked kinds prove nothing."""

    left: tuple[Finding, ...]
    new: tuple[Finding, ...]
    seen: Look

    @property
    def cured(self) -> bool:
        return not self.left and not self.new


class Afterwards(Snapshot):
    """How it is after a change: without pods of former revisions.

    A rollout that does not get on leaves some of them, and with them what was wrong before.
    """

    def all(self, kind: str) -> list[Object]:
        """Every object of a kind; of pods only those that are to stay."""
        if kind == "pods" and kind not in self._lists:
            former = self._former()
            self._lists[kind] = [pod for pod in super().all(kind) if not _owners(pod) & former]
        return super().all(kind)

    def _former(self) -> set[str]:
        """The uids of ReplicaSets that a later one of the same workload stands for."""
        latest: dict[str, tuple[int, str]] = {}
        former: set[str] = set()
        for item in self.all("replicasets.apps"):
            notes: Mapping[str, str] = item["metadata"].get("annotations") or {}
            mine = int(notes.get(_REVISION, "0")), str(item["metadata"]["uid"])
            for owner in _owners(item):
                older, newer = sorted((latest.get(owner, mine), mine))
                latest[owner] = newer
                former |= {older[1]} - {newer[1]}
        return former


def _owners(item: Mapping[str, Any]) -> set[str]:
    return {str(owner["uid"]) for owner in item["metadata"].get("ownerReferences") or () if owner.get("controller")}


def prove(ctx: Context, cure: Cure, patience: float) -> Steps[Proof]:
    """Look until it is well and stays so, at most `patience` seconds."""
    yield Progress("looking again whether it is fixed")
    ends = time.monotonic() + patience
    well_since: float | None = None
    while True:
        proof = compare(cure, look(ctx, namespace=cure.namespace or "*", snapshot=Afterwards))
        now = time.monotonic()
        if proof.cured and patience and well_since is None:
            well_since, ends = now, max(ends, now + _STEADY)
        elif not proof.cured:
            well_since = None
        if (well_since is not None and now - well_since >= _STEADY) or now >= ends:
            return proof
        yield Progress("looking again whether it is fixed" if not proof.cured else "watching that it stays so")
        time.sleep(_PAUSE)


def compare(cure: Cure, seen: Look) -> Proof:
    """What a look says about a cure."""
    meant = {_sign(trouble.id, trouble.subject) for trouble in cure.troubles}
    known = {_sign(trouble.id, trouble.subject) for trouble in cure.known}
    left: list[Finding] = []
    new: list[Finding] = []
    for item, _ in seen.folded:
        sign = _sign(item.id, item.subject)
        if sign in meant:
            left.append(item)
        elif sign not in known and item.severity is not Severity.INFO:
            new.append(item)
    return Proof(tuple(left), tuple(new), seen)


def _sign(id: str, ref: Ref) -> Sign:
    """The same thing whatever version it was read in."""
    return id, ref.kind, ref.namespace or "", ref.name
