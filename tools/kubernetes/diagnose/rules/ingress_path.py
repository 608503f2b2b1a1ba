"""The path of an ingress is a regular expression, but its type takes it letter by letter.

Example: path /api(/|$)(.*) with pathType Prefix, copied from the manual of another controller. With the annotations of
a controller that does read expressions it is well, as it is with type ImplementationSpecific.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import Json, Patch
from tools.finding import Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-INGRESS-PATH": "the path of an ingress is an expression that its type takes literally"}
_SIGNS = re.compile(r"[(*$\[^|\\]")
_READ = ("nginx.ingress.kubernetes.io/use-regex", "nginx.ingress.kubernetes.io/rewrite-target")


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each ingress with such paths."""
    for item in snap.all("ingresses.networking.k8s.io"):
        if _reads_expressions(snap, item):
            continue
        found = [
            (f"/spec/rules/{first}/http/paths/{second}", path)
            for first, rule in enumerate(item["spec"].get("rules") or ())
            for second, path in enumerate((rule.get("http") or {}).get("paths") or ())
            if path.get("pathType") in ("Prefix", "Exact") and _SIGNS.search(path.get("path") or "")
        ]
        if found:
            yield _finding(item, found)


def _reads_expressions(snap: Snapshot, item: Object) -> bool:
    """Whether its annotations ask a controller for it that knows them."""
    notes = item["metadata"].get("annotations") or {}
    made_by = snap.find("ingressclasses.networking.k8s.io", item["spec"].get("ingressClassName") or "", None)
    controller = str(((made_by or {}).get("spec") or {}).get("controller", "nginx"))
    return "nginx" in controller and any(note in notes for note in _READ)


def _finding(item: Object, found: list[tuple[str, Object]]) -> Seen:
    ref = ref_of(item)
    told = ", ".join(f"{path['path']} ({path['pathType']})" for _, path in found)
    why = f"{told} is taken letter by letter, not as an expression"
    plain = {pointer: _SIGNS.split(path["path"])[0].rstrip("/") or "/" for pointer, path in found}
    operations: list[dict[str, Json]] = []
    for pointer, path in plain.items():
        operations += [
            {"op": "replace", "path": f"{pointer}/path", "value": path},
            {"op": "replace", "path": f"{pointer}/pathType", "value": "Prefix"},
        ]
    wanted = ", ".join(plain.values())
    change = Patch(
        summary=f"let {ref} serve what begins with {wanted}", ref=ref, verb="set path", type="json", patch=operations
    )
    return seen(
        "SM-INGRESS-PATH",
        item,
        f"{ref} serves nothing under a path: {why}.",
        severity=Severity.WARNING,
        chain=("requests find no such path", why),
        evidence=[field("spec.rules.http.paths", f"{path['path']} of type {path['pathType']}") for _, path in found],
        fixes=(change_fix(f"Serve what begins with {wanted}.", change),),
    )
