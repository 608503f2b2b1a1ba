"""A workload is told a host that no service has, though one is called almost so.

Example: DATABASE_HOST=databse in deployment backend, while there is a service database.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.dependencies import Dependency, Place, dependencies, place_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import containers_of, env_change, ref_of

IDS = {"SM-DNS-NAME": "a setting names a host that no service has, but one almost does"}


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each misspelt host of a workload."""
    for item in snap.workloads():
        told: set[str] = set()
        for dependency, place, right in misspelt(snap, item):
            if dependency.host not in told:
                told.add(dependency.host)
                yield _finding(snap, item, dependency, place, right)


def misspelt(snap: Snapshot, workload: Object) -> Iterator[tuple[Dependency, Place, str]]:
    """Hosts in the settings of a workload that no service has, with the service that was probably meant."""
    if "services" in snap.unchecked:
        return
    home = workload["metadata"].get("namespace") or ""
    aliases = _aliases(workload)
    for dependency in dependencies(workload):
        place = place_of(dependency.host, home, _namespaces(snap))
        if place is None or dependency.host in aliases or snap.namespace not in (None, place.namespace):
            continue
        if snap.find("services", place.name, place.namespace):
            continue
        known = [o["metadata"]["name"] for o in snap.all("services") if o["metadata"]["namespace"] == place.namespace]
        if right := near(place.name, known):
            yield dependency, place, right


def _namespaces(snap: Snapshot) -> set[str]:
    """Those that can be looked into."""
    if snap.namespace:
        return {snap.namespace}
    return {item["metadata"]["name"] for item in snap.all("namespaces")}


def _aliases(workload: Object) -> set[str]:
    """Names that the pods know by themselves (hostAliases)."""
    spec = (workload["spec"].get("template") or {}).get("spec") or {}
    return {name for entry in spec.get("hostAliases") or () for name in entry.get("hostnames") or ()}


def _finding(snap: Snapshot, item: Object, dependency: Dependency, place: Place, right: str) -> Seen:
    name = dependency.variable or "an argument"
    why = f"there is no service {place.name} in {place.namespace}, but {right}"
    fix = Fix(text=f"Correct the host to {right}.")
    plain = "@" not in dependency.value  # a URL with a password must not travel inside of a finding
    if dependency.variable and plain and any(c["name"] == dependency.container for c in containers_of(item)):
        value = dependency.value.replace(dependency.host, dependency.host.replace(place.name, right, 1), 1)
        change = env_change(item, dependency.container, {dependency.variable: value})
        fix = change_fix(f"Correct the host in {dependency.variable} to {right}.", change)
    return seen(
        "SM-DNS-NAME",
        item,
        f"{ref_of(item)} is told to use host {dependency.host} ({name}), which does not exist: {why}.",
        severity=Severity.WARNING,
        chain=(f"{ref_of(item)} cannot find the host {dependency.host}", why),
        evidence=(field(f"container {dependency.container}, {name}", dependency.host),),
        fixes=(fix,),
    )
