"""An ingress that nobody serves, or two that want the same host and path.

Example: ingress old and ingress new both have shop.example.test/ of class nginx, so one of them never gets a request.
Ingresses of different classes, or with different paths of one host, do not clash; nor does the canary of another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tools.change import Change, Delete, Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-INGRESS-CLASH": "two ingresses want the same host and path",
    "SM-INGRESS-UNSERVED": "the ingress names no class, and there is no default one",
}
_OLD_CLASS = "kubernetes.io/ingress.class"
_DEFAULT = "ingressclass.kubernetes.io/is-default-class"
_PATIENCE = 120.0  # seconds until a controller has written an address


def check(snap: Snapshot) -> Iterator[Seen]:
    """Ingresses without a controller, and pairs that clash."""
    wanted: dict[tuple[str, str, str, str], list[Object]] = defaultdict(list)
    for item in snap.all("ingresses.networking.k8s.io"):
        notes = item["metadata"].get("annotations") or {}
        name = item["spec"].get("ingressClassName") or notes.get(_OLD_CLASS) or ""
        if not name and _unserved(snap, item):
            yield _no_class(snap, item)
        if any(key.endswith("/canary") and value == "true" for key, value in notes.items()):
            continue
        for rule in item["spec"].get("rules") or ():
            for path in (rule.get("http") or {}).get("paths") or ():
                place = path.get("path") or "/"
                wanted[name, rule.get("host") or "", place, path.get("pathType", "")].append(item)
    told: set[frozenset[str]] = set()
    for (_, host, place, _), items in wanted.items():
        pair = {item["metadata"]["uid"]: item for item in items}
        if len(pair) > 1 and host and frozenset(pair) not in told:
            told.add(frozenset(pair))
            yield _clash(list(pair.values()), host, place)


def _unserved(snap: Snapshot, item: Object) -> bool:
    classes = snap.all("ingressclasses.networking.k8s.io")
    default = any((found["metadata"].get("annotations") or {}).get(_DEFAULT) == "true" for found in classes)
    served = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    old = snap.seconds_since(item["metadata"]["creationTimestamp"]) > _PATIENCE
    return old and not default and not served and "ingressclasses" not in snap.unchecked


def _no_class(snap: Snapshot, item: Object) -> Seen:
    ref, classes = ref_of(item), [o["metadata"]["name"] for o in snap.all("ingressclasses.networking.k8s.io")]
    names = ", ".join(classes)
    change = Patch(
        summary=f"give {ref} to class {names}",
        ref=ref,
        verb="set class",
        type="merge",
        patch={"spec": {"ingressClassName": names}},
    )
    return seen(
        "SM-INGRESS-UNSERVED",
        item,
        f"{ref} names no class, and the cluster has no default one: nobody serves it.",
        severity=Severity.WARNING,
        evidence=(field("spec.ingressClassName", "not set"), field("ingress classes", names or "none")),
        fixes=(
            change_fix(f"Give it to class {names}.", change)
            if len(classes) == 1
            else Fix(text=f"Set its ingressClassName ({names})." if names else "Install an ingress controller."),
        ),
    )


def _clash(items: list[Object], host: str, place: str) -> Seen:
    items.sort(key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))
    first, *rest = items
    others = ", ".join(str(ref_of(item)) for item in rest)
    return seen(
        "SM-INGRESS-CLASH",
        rest[-1],
        f"{ref_of(first)} and {others} both want {host}{place}; which of them gets the requests is chance or age.",
        severity=Severity.WARNING,
        evidence=[field(f"{ref_of(item)} made", item["metadata"]["creationTimestamp"]) for item in items],
        fixes=(
            change_fix(
                f"Leave {host}{place} to {ref_of(first)}, the older one.", *(_without(o, host, place) for o in rest)
            ),
            Fix(text="Or give one of them another host or path."),
        ),
    )


def _without(item: Object, host: str, place: str) -> Change:
    """One path less; the whole ingress where it has no other."""
    ref = ref_of(item)
    rules = [(rule, (rule.get("http") or {}).get("paths") or []) for rule in item["spec"].get("rules") or ()]
    found = [
        (rule.get("host") or "", path.get("path") or "/", f"/spec/rules/{first}/http/paths/{second}", len(paths))
        for first, (rule, paths) in enumerate(rules)
        for second, path in enumerate(paths)
    ]
    if len(found) == 1 and not item["spec"].get("defaultBackend"):
        return Delete(summary=f"delete {ref}, which has no other path", ref=ref)
    pointer, siblings = next((where, count) for its, path, where, count in found if (its, path) == (host, place))
    gone = pointer if siblings > 1 else pointer.rpartition("/http/")[0]
    operations = [{"op": "remove", "path": gone}]
    return Patch(summary=f"take {host}{place} from {ref}", ref=ref, verb="set paths", type="json", patch=operations)
