"""An ingress leads nowhere: its service, port, class or certificate does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-INGRESS-SERVICE": "the ingress names a service that does not exist",
    "SM-INGRESS-PORT": "the ingress names a port that the service does not have",
    "SM-INGRESS-CLASS": "the ingress names a class that no controller serves",
    "SM-INGRESS-TLS": "the certificate's Secret of the ingress does not exist",
}


def check(snap: Snapshot) -> Iterator[Seen]:
    """Ingresses with something missing behind them."""
    for item in snap.all("ingresses.networking.k8s.io"):
        spec, space = item["spec"], item["metadata"]["namespace"]
        yield from _class(snap, item)
        for host, path, backend in _backends(spec):
            if backend.get("service"):
                yield from _service(snap, item, f"{host}{path}", backend["service"])
        for tls in spec.get("tls") or ():
            name = tls.get("secretName")
            if (
                name
                and "secrets" not in snap.unchecked
                and not snap.find("secrets", name, space)
                and not snap.unchecked.get("secrets")
            ):
                yield seen(
                    "SM-INGRESS-TLS",
                    item,
                    f"{ref_of(item)} names the certificate {name}, which does not exist.",
                    severity=Severity.WARNING,
                    evidence=(field("spec.tls.secretName", name),),
                    fixes=(Fix(text=f"Create the TLS Secret {name}, or let cert-manager do it."),),
                )


def _class(snap: Snapshot, item: Object) -> Iterator[Seen]:
    name = item["spec"].get("ingressClassName")
    classes = {found["metadata"]["name"] for found in snap.all("ingressclasses.networking.k8s.io")}
    if name and "ingressclasses" not in snap.unchecked and name not in classes:
        known = ", ".join(sorted(classes)) or "none"
        yield seen(
            "SM-INGRESS-CLASS",
            item,
            f"{ref_of(item)} names the class {name}, which does not exist (there is: {known}).",
            evidence=(field("spec.ingressClassName", name),),
            fixes=(Fix(text="Correct the class, or install its controller."),),
        )


def _backends(spec: Object) -> Iterator[tuple[str, str, Object]]:
    if spec.get("defaultBackend"):
        yield "any host", "", spec["defaultBackend"]
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            yield rule.get("host") or "any host", path.get("path") or "/", path["backend"]


def _service(snap: Snapshot, item: Object, place: str, wanted: Object) -> Iterator[Seen]:
    space, name = item["metadata"]["namespace"], wanted["name"]
    service = snap.find("services", name, space)
    if service is None:
        known = [found["metadata"]["name"] for found in snap.all("services") if found["metadata"]["namespace"] == space]
        best = near(name, known)
        yield seen(
            "SM-INGRESS-SERVICE",
            item,
            f"{ref_of(item)} sends {place} to service {name}, which does not exist"
            f"{f'; there is {best}' if best else ''}.",
            chain=(f"{place} answers with an error", f"no service {name}"),
            fixes=(Fix(text=f"Correct it to {best}." if best else f"Create service {name}."),),
        )
        return
    port: Object = wanted.get("port") or {}
    ports = service["spec"].get("ports") or []
    fits = [p for p in ports if p["port"] == port.get("number") or (port.get("name") and p.get("name") == port["name"])]
    if not fits:
        known_ports = ", ".join(str(p["port"]) for p in ports)
        asked = port.get("number") or port.get("name")
        yield seen(
            "SM-INGRESS-PORT",
            item,
            f"{ref_of(item)} sends {place} to port {asked} of service {name}, which has {known_ports}.",
            chain=(f"{place} answers with an error", f"service {name} has no port {asked}"),
            fixes=(Fix(text=f"Use port {known_ports}."),),
        )
