"""Services and ingresses: those that lead nowhere, and those that only look so."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.tools.kubernetes.diagnose_rules.made import (
    JUST_NOW,
    NOW,
    container,
    found,
    ids,
    made,
    namespace,
    pod,
    service,
    snapshot,
    workload,
)

KEY = ec.derive_private_key(41, ec.SECP256R1())
OTHER_KEY = ec.derive_private_key(42, ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    kind = serialization.PrivateFormat.PKCS8
    raw = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    return base64.b64encode(raw).decode()


def certificate(days: float, host: str = "shop.example.test", begins: float = -100) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    made_one = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    return base64.b64encode(made_one.public_bytes(serialization.Encoding.PEM)).decode()


def secret(crt: str, type: str = "kubernetes.io/tls", key: str = pem(KEY)) -> dict:
    return made("Secret", "shop-tls", type=type, data={"tls.crt": crt, "tls.key": key})


def ingress(name: str = "way", host: str = "shop.example.test", path: str = "/", tls: bool = False, **parts) -> dict:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rules = [{"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}]
    spec = {"ingressClassName": "nginx", "rules": rules}
    if tls:
        spec["tls"] = [{"hosts": [host], "secretName": "shop-tls"}]
    return made("Ingress", name, "networking.k8s.io/v1", spec={**spec, **parts.pop("spec", {})}, **parts)


def behind() -> list[dict]:
    web = workload("web")
    return [web, pod(web), service("web", "web"), made("IngressClass", "nginx", namespace=None)]


@pytest.mark.parametrize(
    ("secret", "id"),
    [
        (secret(certificate(-1)), "SM-TLS-EXPIRED"),
        (secret(certificate(90, begins=2)), "SM-TLS-EXPIRED"),
        (secret(certificate(5)), "SM-TLS-EXPIRING"),
        (secret(certificate(90, "other.test")), "SM-TLS-HOST"),
        (secret(certificate(90), key=pem(OTHER_KEY)), "SM-TLS-KEY"),
        (secret(certificate(90), key="bm9uc2Vuc2U="), "SM-TLS-KEY"),
        (secret(certificate(90), type="Opaque"), "SM-TLS-TYPE"),
        (secret(certificate(90), key=""), "SM-TLS-TYPE"),
        (secret("bm9uc2Vuc2U="), "SM-TLS-TYPE"),
    ],
)
def test_certificates_that_are_no_good(secret, id):
    (one,) = found(snapshot(*behind(), ingress(tls=True), secret))
    assert one.id == id


@pytest.mark.parametrize("host", ["shop.example.test", "*.example.test"])
def test_certificates_that_are_well(host):
    assert ids(snapshot(*behind(), ingress(tls=True), secret(certificate(60, host)))) == []


def test_two_ingresses_for_one_place():
    one, *more = found(snapshot(*behind(), ingress("old"), ingress("new")))
    assert (one.id, more) == ("SM-INGRESS-CLASH", [])
    assert "shop.example.test/" in one.summary


@pytest.mark.parametrize(
    "other",
    [
        ingress("new", path="/api"),
        ingress("new", host="other.example.test"),
        ingress("new", metadata={"annotations": {"nginx.ingress.kubernetes.io/canary": "true"}}),
    ],
)
def test_ingresses_that_live_side_by_side(other):
    assert ids(snapshot(*behind(), ingress("old"), other)) == []


def test_ingress_without_a_class_where_none_is_default():
    bare = ingress(spec={"ingressClassName": None})
    assert ids(snapshot(*behind(), bare)) == ["SM-INGRESS-UNSERVED"]
    served = {**bare, "status": {"loadBalancer": {"ingress": [{"ip": "10.1.1.1"}]}}}
    assert ids(snapshot(*behind(), served)) == []


def test_load_balancer_that_waits_in_vain_and_one_that_is_new():
    old = service("web", "web", type="LoadBalancer")
    assert ids(snapshot(*behind()[:2], old)) == ["SM-SERVICE-PENDING"]
    new = {**old, "metadata": {**old["metadata"], "creationTimestamp": JUST_NOW}}
    assert ids(snapshot(*behind()[:2], new)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("10.1.2.3", ["SM-SERVICE-EXTERNAL"]),
        ("wep.shop.svc.cluster.local", ["SM-SERVICE-EXTERNAL"]),
        ("web.shop.svc.cluster.local", []),
        ("db.example.com", []),
        ("x.elsewhere.svc.cluster.local", []),
    ],
)
def test_external_names(name, expected):
    outside = made("Service", "out", spec={"type": "ExternalName", "externalName": name})
    assert ids(snapshot(namespace(), *behind(), outside)) == expected


def test_stateful_set_without_its_service():
    db = workload("db", kind="StatefulSet")
    db["spec"]["serviceName"] = "db"
    assert ids(snapshot(db, pod(db))) == ["SM-SERVICE-HEADLESS"]
    assert ids(snapshot(db, pod(db), service("db", "db", clusterIP="None"))) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("INFO Uvicorn running on http://0.0.0.0:8000", ["SM-SERVICE-LISTENS"]),
        ("Server listening on port 3000", ["SM-SERVICE-LISTENS"]),
        ("Listening at: http://[::]:80", []),
        ("metrics listening on :9090\nserving on :8000", []),
        ("connected to database:5432", []),
    ],
)
def test_port_that_the_log_names(said, expected):
    web = workload("web")
    one = pod(web)
    logs = {f"{one['metadata']['name']}/main": said}
    assert ids(snapshot(web, one, service("web", "web"), logs=logs)) == expected


@pytest.mark.parametrize(
    ("line", "parts", "expected"),
    [
        ("listening on port 3000", {}, ["SM-SERVICE-LISTENS"]),
        ("listening on port 3000", {"readinessProbe": {"tcpSocket": {"port": 80}}}, []),
        ("metrics: listening on port 3000", {}, []),
        ("listening on 127.0.0.1:80", {}, ["SM-SERVICE-LOCALHOST"]),
        ("listening on 127.0.0.1:80", {"readinessProbe": {"httpGet": {"port": 80}}}, []),
        ("listening on 0.0.0.0:80, see http://127.0.0.1:80", {}, []),
        ("server running at http://localhost:80", {}, []),
    ],
)
def test_what_a_program_says_against_what_it_declares(line, parts, expected):
    web = workload("web", container(ports=[{"containerPort": 80}], **parts))
    one = pod(web)
    logs = {f"{one['metadata']['name']}/main": line}
    assert ids(snapshot(web, one, service("web", "web"), logs=logs)) == expected
