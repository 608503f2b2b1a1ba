"""The certificate of an ingress is of the wrong type, cannot be read, has expired, soon does, or is for other hosts.

Example: ingress shop serves shop.example.test with Secret shop-tls, whose certificate ended yesterday.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from tools.change import Ref
from tools.errors import NotFound, ShipmateError
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.certificates import parse
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.quantity import format_age
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-TLS-TYPE": "the Secret of an ingress holds no certificate and key",
    "SM-TLS-EXPIRED": "the certificate of an ingress has expired, or is not valid yet",
    "SM-TLS-EXPIRING": "the certificate of an ingress expires soon",
    "SM-TLS-HOST": "the certificate of an ingress is for other hosts",
}
_SOON = 14 * 86400.0  # seconds; what renews certificates by itself has done so by then
_MOST = 50  # Secrets that are read


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each certificate that an ingress serves and that is no good."""
    told: set[tuple[str, str]] = set()
    for item in snap.all("ingresses.networking.k8s.io"):
        for tls in item["spec"].get("tls") or ():
            name, space = tls.get("secretName"), item["metadata"]["namespace"]
            if not name or (space, name) in told or len(told) >= _MOST or not snap.find("secrets", name, space):
                continue
            told.add((space, name))
            secret = _read(snap, name, space)
            if secret and (found := _finding(snap, item, secret, tls.get("hosts") or [])):
                yield found


def _read(snap: Snapshot, name: str, space: str) -> Object | None:
    try:
        return snap.ctx.cluster.read(Ref(api_version="v1", kind="Secret", name=name, namespace=space))
    except NotFound:
        return None
    except ShipmateError as error:
        snap.unchecked["certificates"] = error.message
        return None


def _finding(snap: Snapshot, item: Object, secret: Object, hosts: list[str]) -> Seen | None:
    ref, name, data = ref_of(item), secret["metadata"]["name"], secret.get("data") or {}
    lacking = [key for key in ("tls.crt", "tls.key") if not data.get(key)]
    if secret.get("type") != "kubernetes.io/tls" or lacking:
        what = f"lacks {' and '.join(lacking)}" if lacking else f"is of type {secret.get('type')}"
        return seen(
            "SM-TLS-TYPE",
            item,
            f"{ref} serves the Secret {name}, which {what}: many controllers take only kubernetes.io/tls.",
            severity=Severity.WARNING,
            evidence=(field("type", secret.get("type")), field("keys of its data", ", ".join(data))),
            fixes=(Fix(text="Make it again with: kubectl create secret tls."),),
        )
    try:
        certificate = parse(base64.b64decode(data["tls.crt"]))
    except binascii.Error:
        certificate = None
    if certificate is None:
        return seen("SM-TLS-TYPE", item, f"{ref} serves the Secret {name}, whose tls.crt is no certificate.",
                    severity=Severity.WARNING, fixes=(Fix(text="Put a certificate in PEM form there."),))  # fmt: skip
    left, early = (certificate.ends - snap.now).total_seconds(), (certificate.begins - snap.now).total_seconds()
    evidence = [field("valid", f"{certificate.begins:%Y-%m-%d %H:%M} to {certificate.ends:%Y-%m-%d %H:%M} UTC")]
    renew = Fix(text=f"Renew the certificate in Secret {name}; if cert-manager should, look at its Certificate.")
    if left < 0 or early > 0:
        when = f"has expired {format_age(-left)} ago" if left < 0 else f"is valid only in {format_age(early)}"
        return seen("SM-TLS-EXPIRED", item, f"The certificate {name} of {ref} {when}.",
                    chain=(f"clients refuse the connection to {ref}", f"certificate {name} {when}"),
                    evidence=evidence, fixes=(renew,))  # fmt: skip
    if wrong := [host for host in hosts if not certificate.covers(host)]:
        names = ", ".join(certificate.names) or "no host at all"
        return seen("SM-TLS-HOST", item, f"The certificate {name} of {ref} is not for {', '.join(wrong)}.",
                    severity=Severity.WARNING, evidence=[*evidence, field("names", names)],
                    fixes=(Fix(text=f"Get a certificate for {', '.join(wrong)}, or correct the hosts."),))  # fmt: skip
    if left < _SOON:
        return seen("SM-TLS-EXPIRING", item, f"The certificate {name} of {ref} expires in {format_age(left)}.",
                    severity=Severity.WARNING, evidence=evidence, fixes=(renew,))  # fmt: skip
    return None
