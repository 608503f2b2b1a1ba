"""An ingress leads nowhere: its service, port, class or certificate does not exist.

Example: the backend is front, the service is called frontend. An ingress to a service of its own namespace, by
its name or number of a port, is well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tools.change import Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-INGRESS-SERVICE": "the ingress names a service that does not exist",
    "SM-INGRESS-PORT": "the ingress names a port that the service does not have",
    "SM-INGRESS-CLASS": "the ingress names a class that no controller serves",
    "SM-INGRESS-TLS": "the certificate's Secret of the ingress does not exist",
}
_OLD_CLASS = "kubernetes.io/ingress.class"


class Backend(NamedTuple):
    """What an ingress sends somewhere: `place` for people, `pointer` is where the backend stands in it."""

    place: str
    pointer: str
    wanted: Object


def check(snap: Snapshot) -> Iterator[Seen]:
    """Ingresses with something missing behind them."""
    for item in snap.all("ingresses.networking.k8s.io"):
        yield from _class(snap, item)
        for backend in _backends(item["spec"]):
            yield from _service(snap, item, backend)
        yield from _certificates(snap, item)


def _replace(item: Object, pointer: str, value: str | int, verb: str, what: str) -> Patch:
    """One value of an ingress replaced, at its place."""
    operation = {"op": "replace", "path": pointer, "value": value}
    return Patch(summary=f"{what} of {ref_of(item)}", ref=ref_of(item), verb=verb, type="json", patch=[operation])


def _certificates(snap: Snapshot, item: Object) -> Iterator[Seen]:
    space = item["metadata"]["namespace"]
    for number, tls in enumerate(item["spec"].get("tls") or ()):
        name = tls.get("secretName")
        if not name or snap.find("secrets", name, space) or "secrets" in snap.unchecked:
            continue
        best = near(name, [o["metadata"]["name"] for o in snap.all("secrets") if o["metadata"]["namespace"] == space])
        change = _replace(
            item, f"/spec/tls/{number}/secretName", best, "set certificate", f"serve {best} as certificate"
        )
        advice = Fix(text=f"Create the TLS Secret {name} from the certificate and its key, or let cert-manager do it.")
        yield seen(
            "SM-INGRESS-TLS",
            item,
            f"{ref_of(item)} names the certificate {name}, which does not exist{f'; there is {best}' if best else ''}.",
            severity=Severity.WARNING,
            chain=("its hosts are served with a certificate that no client trusts", f"no Secret {name}"),
            evidence=(field("spec.tls.secretName", name),),
            fixes=(change_fix(f"Use {best}.", change) if best else None, advice),
        )


def _class(snap: Snapshot, item: Object) -> Iterator[Seen]:
    by_field = item["spec"].get("ingressClassName")
    by_note = (item["metadata"].get("annotations") or {}).get(_OLD_CLASS)
    name = by_field or by_note
    classes = {found["metadata"]["name"] for found in snap.all("ingressclasses.networking.k8s.io")}
    served = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if not name or "ingressclasses" in snap.unchecked or name in classes or (served and not by_field):
        return
    known = ", ".join(sorted(classes)) or "none"
    told = "" if by_field else ", by an annotation of old"
    right = near(name, classes) or (next(iter(classes)) if len(classes) == 1 else "")
    ref = ref_of(item)
    patch: dict[str, object] = {"spec": {"ingressClassName": right}}
    if by_note:
        patch["metadata"] = {"annotations": {_OLD_CLASS: None}}
    change = Patch(summary=f"give {ref} to class {right}", ref=ref, verb="set class", type="merge", patch=patch)
    yield seen(
        "SM-INGRESS-CLASS",
        item,
        f"{ref} names the class {name}{told}, which does not exist (there is: {known}).",
        chain=("nobody serves it", f"no controller has the class {name}"),
        evidence=(field("spec.ingressClassName" if by_field else f"annotation {_OLD_CLASS}", name),),
        fixes=(
            change_fix(f"Give it to class {right}.", change) if right else None,
            Fix(text=f"Or install the controller of class {name}."),
        ),
    )


def _backends(spec: Object) -> Iterator[Backend]:
    if service := (spec.get("defaultBackend") or {}).get("service"):
        yield Backend("any host", "/spec/defaultBackend/service", service)
    for first, rule in enumerate(spec.get("rules") or ()):
        for second, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            if service := path["backend"].get("service"):
                place = f"{rule.get('host') or 'any host'}{path.get('path') or '/'}"
                yield Backend(place, f"/spec/rules/{first}/http/paths/{second}/backend/service", service)


def _service(snap: Snapshot, item: Object, backend: Backend) -> Iterator[Seen]:
    space, name, place = item["metadata"]["namespace"], backend.wanted["name"], backend.place
    service = snap.find("services", name, space)
    if service is not None:
        yield from _port(item, backend, service)
        return
    if "services" in snap.unchecked:
        return
    known = [found["metadata"]["name"] for found in snap.all("services") if found["metadata"]["namespace"] == space]
    best = near(name, known)
    change = _replace(
        item, f"{backend.pointer}/name", best, "set backend", f"send {place} to service {best}: a backend"
    )
    yield seen(
        "SM-INGRESS-SERVICE",
        item,
        f"{ref_of(item)} sends {place} to service {name}, which does not exist{f'; there is {best}' if best else ''}.",
        chain=(f"{place} answers with an error", f"no service {name}"),
        evidence=(field("backend.service.name", name),),
        fixes=(change_fix(f"Correct it to {best}.", change) if best else Fix(text=f"Create service {name}."),),
    )


def _port(item: Object, backend: Backend, service: Object) -> Iterator[Seen]:
    port: Object = backend.wanted.get("port") or {}
    ports = service["spec"].get("ports") or []
    if any(p["port"] == port.get("number") or (port.get("name") and p.get("name") == port["name"]) for p in ports):
        return
    known = ", ".join(str(p["port"]) for p in ports)
    asked, name, place = port.get("number") or port.get("name"), service["metadata"]["name"], backend.place
    fix = Fix(text=f"Use port {known}.")
    if right := _right_port(port, ports):
        pointer = f"{backend.pointer}/port"
        operations = [{"op": "replace", "path": pointer, "value": right}]
        told = next(iter(right.values()))
        summary = f"send {place} of {ref_of(item)} to port {told} of service {name}"
        change = Patch(summary=summary, ref=ref_of(item), verb="set backend", type="json", patch=operations)
        fix = change_fix(f"Use port {told}.", change)
    yield seen(
        "SM-INGRESS-PORT",
        item,
        f"{ref_of(item)} sends {place} to port {asked} of service {name}, which has port {known}.",
        chain=(f"{place} answers with an error", f"service {name} has no port {asked}"),
        evidence=(field("backend.service.port", asked),),
        fixes=(fix,),
    )


def _right_port(asked: Object, ports: list[Object]) -> dict[str, str | int]:
    """The port that was meant: the only one, the one that leads to that port of the pods, or one of a similar name."""
    if len(ports) == 1:
        return {"number": ports[0]["port"]}
    behind = [p["port"] for p in ports if p.get("targetPort") == asked.get("number")]
    if len(behind) == 1:
        return {"number": behind[0]}
    name = near(asked["name"], [p["name"] for p in ports if p.get("name")]) if asked.get("name") else ""
    return {"name": name} if name else {}
