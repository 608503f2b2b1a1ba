"""Run all rules over one snapshot, fold symptoms into causes, and tell what concerns the question."""

from __future__ import annotations

import gc
import pkgutil
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from tools.catalog import Result
from tools.change import Ref
from tools.context import Context
from tools.errors import BadRequest, NeedsAnswer, NotFound, ShipmateError
from tools.finding import Finding
from tools.kubernetes.diagnose import report, rules
from tools.kubernetes.diagnose.folding import Key, fold, key
from tools.kubernetes.diagnose.related import related
from tools.kubernetes.diagnose.rule import Seen, cut
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.lookup import get_one
from tools.kubernetes.workload_changes import ref_of

_OTHER_KINDS = ("pod", "service", "job", "persistentvolumeclaim", "ingress", "horizontalpodautoscaler", "node")


@cache
def all_rules() -> tuple[ModuleType, ...]:
    """Every module of the rules folder."""
    names = sorted(info.name for info in pkgutil.iter_modules(rules.__path__))
    return tuple(import_module(f"{rules.__name__}.{name}") for name in names)


def run(
    ctx: Context, name: str | None, kind: str | None, namespace: str | None, number: int = 1, every: bool = False
) -> Result:
    """The answer of the `diagnose` tool."""
    seen = look(ctx, name, kind, namespace)
    if seen.target is not None:
        return report.of_object(seen.snap, seen.target, seen.findings, number, every)
    return report.of_namespace(seen.snap, seen.findings, number, every)


class Look(NamedTuple):
    """What was looked at and found, the worst first; `target` is None where everything was meant.

    `seen` is what the rules said about the whole snapshot, `folded` its causes with the objects that suffer from each.
    """

    snap: Snapshot
    target: Object | None
    findings: tuple[Finding, ...]
    seen: tuple[Seen, ...]
    folded: tuple[tuple[Finding, frozenset[Key]], ...]


def look(
    ctx: Context,
    name: str | None = None,
    kind: str | None = None,
    namespace: str | None = None,
    snapshot: type[Snapshot] = Snapshot,
) -> Look:
    """Diagnose one object (by name, with kind if need be), a namespace, or ("*", or no home) the cluster."""
    if name:
        target = _target(ctx, name, kind, None if namespace == "*" else namespace)
        return _look(snapshot(ctx, target["metadata"].get("namespace")), target)
    if kind:
        raise BadRequest(f"Which {kind} is meant?", "Name it, or leave the kind out to look at everything.")
    if namespace and namespace != "*":
        from tools.kubernetes.look.lookup import check_exists

        check_exists(ctx, namespace)
    home = ctx.cluster.namespace if ctx.cluster.namespace != "default" else None
    return _look(snapshot(ctx, None if namespace == "*" else namespace or ctx.namespace or home))


def _look(snap: Snapshot, target: Object | None = None) -> Look:
    seen = tuple(check(snap))
    folded = tuple(fold(seen))
    found = concerning(snap, target, folded) if target else [finding for finding, _ in folded]
    return Look(snap, target, tuple(found), seen, folded)


class Diagnosis(NamedTuple):
    """What a look found: `unchecked` says what could not be read and why, `counts` how many of each kind were."""

    place: str
    findings: tuple[Finding, ...]
    unchecked: Mapping[str, str]
    counts: Mapping[str, int]


def examine(ctx: Context, targets: Sequence[str], namespace: str | None) -> Diagnosis:
    """Look at a namespace (None: at all), or only at targets such as "web" or "service/web"; worst first."""
    if namespace:
        from tools.kubernetes.look.lookup import check_exists

        check_exists(ctx, namespace)
    snap = Snapshot(ctx, namespace)
    folded = fold(check(snap))
    if targets:
        wanted = [_target(ctx, name, kind or None, namespace) for kind, _, name in (t.rpartition("/") for t in targets)]
        meant = {key(ref_of(obj)) for target in wanted for obj in related(snap, target)}
        folded = [pair for pair in folded if pair[1] & meant]
        place = f"with {', '.join(str(ref_of(target)) for target in wanted)}"
    else:
        place = f"in namespace {namespace}" if namespace else "in the cluster"
    unchecked, counts = dict(sorted(snap.unchecked.items())), dict(sorted(snap.counts.items()))
    return Diagnosis(place, tuple(finding for finding, _ in folded), unchecked, counts)


def meanings() -> dict[str, str]:
    """Each finding id and what it means."""
    return {id: text for rule in all_rules() for id, text in rule.IDS.items()}


def findings_for(ctx: Context, ref: Ref) -> tuple[Finding, ...]:
    """What is wrong with one object; nothing when it cannot be looked at."""
    try:
        snap = Snapshot(ctx, ref.namespace)
        target = ctx.cluster.read(ref)
        return tuple(concerning(snap, target, fold(check(snap))))
    except ShipmateError:
        return ()


def check(snap: Snapshot) -> list[Seen]:
    """What the rules see. One that fails on something unforeseen is told as not checked and stops no other."""
    found: list[Seen] = []
    with _no_collection():
        snap.read_ahead()
        for rule in all_rules():
            try:
                found += rule.check(snap)
            except ShipmateError:
                raise
            except Exception as error:
                name = rule.__name__.rpartition(".")[2]
                snap.unchecked[f"rule {name}"] = f"a bug in Shipmate, {type(error).__name__}: {cut(str(error), 120)}"
    return found


@contextmanager
def _no_collection() -> Generator[None]:
    """Decoded JSON has no cycles; looking for some in ever more of it would take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def concerning(snap: Snapshot, target: Object, found: Iterable[tuple[Finding, frozenset[Key]]]) -> list[Finding]:
    """Those findings that the target or what belongs to it suffers from."""
    meant = {key(ref_of(obj)) for obj in related(snap, target)}
    return [finding for finding, keys in found if keys & meant]


def _target(ctx: Context, name: str, kind: str | None, namespace: str | None) -> dict[str, Any]:
    """The object meant: a workload by any of its names, else something else called exactly so."""
    if kind and ctx.cluster.kinds.resolve(kind).kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return get_one(ctx, kind, name, namespace)[1]
    try:
        return find_workload(ctx, name, kind, namespace)
    except NeedsAnswer:
        raise
    except BadRequest as error:
        if kind or not (isinstance(error, NotFound) or "/" in name):
            raise
        for other in (name.partition("/")[0],) if "/" in name else _OTHER_KINDS:
            try:
                return get_one(ctx, other, name, namespace)[1]
            except NotFound:
                continue
        raise
