"""A certificate in a Secret is of the wrong type, cannot be read, has expired, soon does, or is for others.

Example: ingress shop serves shop.example.test with Secret shop-tls, whose certificate ended yesterday. Looked at:
the Secrets that an ingress serves, and those of type kubernetes.io/tls that pods mount. Each has one finding at most.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import NamedTuple

from tools.change import Ref
from tools.errors import NotFound, ShipmateError
from tools.finding import Evidence, Fix, Severity
from tools.kubernetes.diagnose.certificates import Certificate, parse, public_of
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.quantity import format_age
from tools.kubernetes.workload_changes import ref_of

IDS = {
    "SM-TLS-TYPE": "the Secret of an ingress holds no certificate and key",
    "SM-TLS-KEY": "the key in a Secret does not belong to its certificate",
    "SM-TLS-EXPIRED": "a certificate has expired, or is not valid yet",
    "SM-TLS-EXPIRING": "a certificate expires soon",
    "SM-TLS-HOST": "the certificate of an ingress is for other hosts",
}
_TYPE = "kubernetes.io/tls"
_SOON = 14 * 86400.0  # seconds; what renews certificates by itself has done so by then
_MOST = 50  # Secrets that are read


class Use(NamedTuple):
    """What uses a Secret, and for which hosts; `word` says how."""

    user: Object
    word: str
    hosts: list[str]
    grave: bool


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each certificate that is served or mounted and no good."""
    for (space, name), use in [*_served(snap).items()][:_MOST]:
        secret = _read(snap, name, space)
        if secret and (found := _finding(snap, use, secret)):
            yield found


def _served(snap: Snapshot) -> dict[tuple[str, str], Use]:
    """The Secrets to look at, those of ingresses first."""
    found: dict[tuple[str, str], Use] = {}
    for item in snap.all("ingresses.networking.k8s.io"):
        for tls in item["spec"].get("tls") or ():
            name, space = tls.get("secretName"), item["metadata"]["namespace"]
            if name and (space, name) not in found and snap.find("secrets", name, space):
                found[space, name] = Use(item, "serves", tls.get("hosts") or [], True)
    mounted: dict[tuple[str, str], Use] = {}
    for pod in snap.pods:
        space = pod["metadata"].get("namespace") or ""
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("secret") or {}).get("secretName")
            if name and (space, name) not in found and (space, name) not in mounted:
                mounted[space, name] = Use(snap.owner(pod), "mounts", [], False)
    typed = _typed(snap) if mounted else set[tuple[str, str]]()
    return {**found, **{place: use for place, use in mounted.items() if place in typed}}


def _typed(snap: Snapshot) -> set[tuple[str, str]]:
    """The Secrets that say they hold a certificate."""
    cluster = snap.ctx.cluster
    try:
        items = cluster.list(
            cluster.kinds.resolve("secrets"), snap.namespace, fields=f"type={_TYPE}", metadata_only=True
        )
        return {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items}
    except ShipmateError as error:
        snap.unchecked["certificates"] = error.message
        return set()


def _read(snap: Snapshot, name: str, space: str) -> Object | None:
    try:
        return snap.ctx.cluster.read(Ref(api_version="v1", kind="Secret", name=name, namespace=space))
    except NotFound:
        return None
    except ShipmateError as error:
        snap.unchecked["certificates"] = error.message
        return None


def _finding(snap: Snapshot, use: Use, secret: Object) -> Seen | None:
    ref, name, data = ref_of(use.user), secret["metadata"]["name"], secret.get("data") or {}
    lacking = [key for key in ("tls.crt", "tls.key") if not data.get(key)]
    if secret.get("type") != _TYPE or lacking:
        what = f"lacks {' and '.join(lacking)}" if lacking else f"is of type {secret.get('type')}"
        return seen(
            "SM-TLS-TYPE",
            use.user,
            f"{ref} {use.word} the Secret {name}, which {what}: many controllers take only {_TYPE}.",
            severity=Severity.WARNING,
            evidence=(field("type", secret.get("type")), field("keys of its data", ", ".join(data))),
            fixes=(Fix(text=f"Make {name} again with: kubectl create secret tls."),),
        )
    try:
        certificate, key = parse(base64.b64decode(data["tls.crt"])), public_of(base64.b64decode(data["tls.key"]))
    except binascii.Error:
        certificate, key = None, None
    if certificate is None:
        return seen(
            "SM-TLS-TYPE",
            use.user,
            f"{ref} {use.word} the Secret {name}, whose tls.crt is no certificate.",
            severity=Severity.WARNING,
            fixes=(Fix(text=f"Put a certificate in PEM form into {name}."),),
        )
    return (
        _expired(snap, use, name, certificate)
        or _of_another(use, name, certificate, key)
        or _for_others(use, name, certificate)
        or _expiring(snap, use, name, certificate)
    )


def _expired(snap: Snapshot, use: Use, name: str, certificate: Certificate) -> Seen | None:
    ref = ref_of(use.user)
    left, early = (certificate.ends - snap.now).total_seconds(), (certificate.begins - snap.now).total_seconds()
    if left >= 0 and early <= 0:
        return None
    when = f"has expired {format_age(-left)} ago" if left < 0 else f"is valid only in {format_age(early)}"
    return seen(
        "SM-TLS-EXPIRED",
        use.user,
        f"The certificate {name} that {ref} {use.word} {when}.",
        severity=Severity.CRITICAL if use.grave else Severity.WARNING,
        chain=(f"clients refuse the connection to {ref}", f"certificate {name} {when}"),
        evidence=(_validity(certificate),),
        fixes=(_renewal(name),),
    )


def _of_another(use: Use, name: str, certificate: Certificate, key: bytes | None) -> Seen | None:
    if key == certificate.key:
        return None
    ref = ref_of(use.user)
    why = f"the key in {name} {'does not belong to its certificate' if key else 'cannot be read'}"
    return seen(
        "SM-TLS-KEY",
        use.user,
        f"{ref} {use.word} the Secret {name}, but {why}.",
        severity=Severity.CRITICAL if use.grave else Severity.WARNING,
        chain=(f"no TLS connection to {ref} can be served with it", why),
        evidence=(_validity(certificate),),
        fixes=(Fix(text=f"Put the key that the certificate in {name} was made for there, or renew both."),),
    )


def _for_others(use: Use, name: str, certificate: Certificate) -> Seen | None:
    wrong = [host for host in use.hosts if not certificate.covers(host)]
    if not wrong:
        return None
    names = ", ".join(certificate.names) or "no host at all"
    return seen(
        "SM-TLS-HOST",
        use.user,
        f"The certificate {name} of {ref_of(use.user)} is not for {', '.join(wrong)}, but for {names}.",
        severity=Severity.WARNING,
        evidence=(_validity(certificate), field("names", names)),
        fixes=(Fix(text=f"Get a certificate for {', '.join(wrong)}, or correct the hosts."),),
    )


def _expiring(snap: Snapshot, use: Use, name: str, certificate: Certificate) -> Seen | None:
    left = (certificate.ends - snap.now).total_seconds()
    if left >= _SOON:
        return None
    return seen(
        "SM-TLS-EXPIRING",
        use.user,
        f"The certificate {name} that {ref_of(use.user)} {use.word} expires in {format_age(left)}.",
        severity=Severity.WARNING,
        evidence=(_validity(certificate),),
        fixes=(_renewal(name),),
    )


def _validity(certificate: Certificate) -> Evidence:
    return field("valid", f"{certificate.begins:%Y-%m-%d %H:%M} to {certificate.ends:%Y-%m-%d %H:%M} UTC")


def _renewal(name: str) -> Fix:
    return Fix(text=f"Renew the certificate in Secret {name}; if cert-manager should, look at its Certificate.")
