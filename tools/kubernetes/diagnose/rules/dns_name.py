"""A workload is told a host that no service has, though one is called almost so, or lives in another namespace.

Example: DATABASE_HOST=databse in deployment backend, while there is a service database. A host outside of the cluster,
and one that the pods know by themselves (hostAliases), are well.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tools.change import Change, Patch, Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.dependencies import Dependency, Place, place_of, right_domain
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import containers_of, env_change, ref_of, restart_change

IDS = {"SM-DNS-NAME": "a setting names a host that no service has, but one almost does"}


class Slip(NamedTuple):
    """A host that leads nowhere: who is told it, why that is so, and what was probably meant."""

    told: Dependency
    why: str
    right: str


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each misspelt host of a workload."""
    for item in snap.workloads():
        told: set[str] = set()
        for slip in misspelt(snap, item):
            if slip.told.host not in told:
                told.add(slip.told.host)
                yield _finding(snap, item, slip)


def misspelt(snap: Snapshot, workload: Object) -> Iterator[Slip]:
    """Hosts in the settings of a workload that no service has, with the one that was probably meant."""
    if "services" in snap.unchecked:
        return
    home = workload["metadata"].get("namespace") or ""
    aliases = _aliases(workload)
    for told in snap.hosts(workload):
        if told.host in aliases:
            continue
        if right := right_domain(told.host):
            end = told.host.split(".", 2)[2]
            yield Slip(told, f"the names of services end in {right.split('.', 2)[2]}, not in {end}", right)
        elif (place := place_of(told.host, home, _namespaces(snap))) and (slip := _slip(snap, told, place, home)):
            yield slip


def _slip(snap: Snapshot, told: Dependency, place: Place, home: str) -> Slip | None:
    if snap.find("services", place.name, place.namespace):
        return None
    known = [o["metadata"]["name"] for o in snap.all("services") if o["metadata"]["namespace"] == place.namespace]
    why = f"there is no service {place.name} in {place.namespace}"
    if right := near(place.name, known):
        return Slip(told, f"{why}, but {right}", told.host.replace(place.name, right, 1))
    if place.namespace == home or not snap.find("services", place.name, home):
        return None
    if snap.namespace:
        ref = Ref(api_version="v1", kind="Service", name=place.name, namespace=place.namespace)
        if snap.elsewhere(ref) is not None:
            return None
    return Slip(told, f"{why}, but in {home}", told.host.replace(place.namespace, home, 1))


def _namespaces(snap: Snapshot) -> set[str]:
    """Those that can be looked into."""
    if snap.namespace:
        return {snap.namespace}
    return {item["metadata"]["name"] for item in snap.all("namespaces")}


def _aliases(workload: Object) -> set[str]:
    """Names that the pods know by themselves (hostAliases)."""
    spec = (workload["spec"].get("template") or {}).get("spec") or {}
    return {name for entry in spec.get("hostAliases") or () for name in entry.get("hostnames") or ()}


def _finding(snap: Snapshot, item: Object, slip: Slip) -> Seen:
    told, ref = slip.told, ref_of(item)
    name = told.variable or "an argument"
    place = f"configmap {told.source}, {name}" if told.source else f"container {told.container}, {name}"
    changes = _changes(snap, item, slip)
    text = f"Correct the host to {slip.right}" + (f" in {told.variable}." if told.variable else ".")
    return seen(
        "SM-DNS-NAME",
        item,
        f"{ref} is told to use host {told.host} ({name}), which does not exist: {slip.why}.",
        severity=Severity.WARNING,
        chain=(f"{ref} cannot find the host {told.host}", slip.why),
        evidence=(field(place, told.host),),
        fixes=(change_fix(text, *changes) if changes else Fix(text=text),),
    )


def _changes(snap: Snapshot, item: Object, slip: Slip) -> tuple[Change, ...]:
    """The variable set right where it is set; a URL with a password must not travel inside of a finding."""
    told = slip.told
    value = told.value.replace(told.host, slip.right, 1)
    if not told.variable or "@" in told.value or value == told.value:
        return ()
    if not told.source:
        own = any(container["name"] == told.container for container in containers_of(item))
        return (env_change(item, told.container, {told.variable: value}),) if own else ()
    ref = Ref(api_version="v1", kind="ConfigMap", name=told.source, namespace=item["metadata"].get("namespace"))
    live = snap.elsewhere(ref) or {}
    keys = [key for key, text in (live.get("data") or {}).items() if text == told.value and told.variable.endswith(key)]
    if live.get("immutable") or len(keys) != 1:
        return ()
    change = Patch(
        summary=f"correct {keys[0]} in {ref}", ref=ref, verb="set data", type="merge", patch={"data": {keys[0]: value}}
    )
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return change, restart_change(item, at, "so that its pods read the corrected value")
