"""Which cluster and as whom: by kubectl's rules, with every failure told in one sentence."""

from __future__ import annotations

import base64
import datetime
import json
import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.tools.kubernetes.api_server import ApiServer, refusal, serving
from tests.tools.kubernetes.conftest import kubeconfig_text
from tools.errors import Unreachable
from tools.kubernetes.door.client import Cluster
from tools.kubernetes.door.kubeconfig import find_access

Connect = Callable[..., Cluster]


@pytest.fixture(autouse=True)
def no_cluster_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def write(path: Path, current: str = "", **servers: str) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": current,
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in servers],
                "clusters": [{"name": name, "cluster": {"server": server}} for name, server in servers.items()],
                "users": [{"name": name, "user": {"token": f"t-{name}"}} for name in servers],
            }
        )
    )
    return path


# --- Which context ----------------------------------------------------------------------------------------------


def test_several_files_merge_like_kubectl_does_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write(tmp_path / "one", "a", a="https://one-a", b="https://one-b")
    two = write(tmp_path / "two", "c", b="https://two-b", c="https://two-c")
    monkeypatch.setenv("KUBECONFIG", f"{one}:{two}:{tmp_path / 'missing'}")
    assert find_access(None, None).server == "https://one-a"
    assert find_access(None, "b").server == "https://one-b"
    assert find_access(None, "c").server == "https://two-c"
    assert find_access(str(two), None).server == "https://two-c"


def test_nothing_configured() -> None:
    with pytest.raises(Unreachable) as caught:
        find_access(None, None)
    assert "shipmate cluster up" in caught.value.next_step


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        (None, None, "no kubeconfig file"),
        ("a: [", None, "not valid YAML"),
        ("just text", None, "not a kubeconfig"),
        ("contexts: [5]", None, "broken entry"),
        ("", None, "no Kubernetes cluster"),
    ],
)
def test_kubeconfigs_that_cannot_be_used(tmp_path: Path, text: str | None, context: str | None, words: str) -> None:
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Unreachable) as caught:
        find_access(str(file), context)
    assert words in caught.value.message
    assert caught.value.next_step


def test_contexts_that_cannot_be_used_name_those_that_can(tmp_path: Path) -> None:
    file = str(write(tmp_path / "config", "", a="https://a", b="https://b"))
    for context, words in ((None, "No context is chosen"), ("prod", "no context 'prod'")):
        with pytest.raises(Unreachable) as caught:
            find_access(file, context)
        assert words in caught.value.message
        assert "a, b" in caught.value.next_step
    write(tmp_path / "config", "a", a="")
    with pytest.raises(Unreachable, match="does not say where"):
        find_access(file, None)


def test_a_pod_uses_its_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "token").write_text("t-pod")
    (folder / "namespace").write_text("todo")
    monkeypatch.setattr("tools.kubernetes.door.kubeconfig._SERVICE_ACCOUNT", folder)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    access = find_access(None, None)
    assert (access.server, access.namespace) == ("https://[fd00::1]:443", "todo")
    (folder / "token").unlink()
    with pytest.raises(Unreachable, match="no service account token"):
        find_access(None, None)


# --- As whom ----------------------------------------------------------------------------------------------------


def sent(api: ApiServer, name: str) -> str:
    return api.seen[-1].header(name)


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "t1"}, "Bearer t1"),
        ({"username": "bob", "password": "pw"}, "Basic " + base64.b64encode(b"bob:pw").decode()),
        ({}, ""),
    ],
)
def test_tokens_and_passwords(api: ApiServer, connect: Connect, user: dict[str, object], header: str) -> None:
    api.script["GET /version"] = {}
    connect(api, user).get("/version")
    assert sent(api, "Authorization") == header


def test_acting_as_somebody_else_is_passed_on_completely(api: ApiServer, connect: Connect) -> None:
    api.script["GET /version"] = {}
    user = {"token": "t", "as": "jane", "as-groups": ["dev", "ops"], "as-user-extra": {"scopes": ["a", "b"]}}
    connect(api, user).get("/version")
    assert sent(api, "Impersonate-User") == "jane"
    assert sent(api, "Impersonate-Group") == "dev, ops"
    assert sent(api, "Impersonate-Extra-scopes") == "a, b"


def plugin(tmp_path: Path, *answers: object) -> dict[str, object]:
    """An exec plugin that gives these answers in turn; a text is an error message."""
    script = tmp_path / "plugin.py"
    state = tmp_path / "calls"
    state.write_text("0")
    script.write_text(
        f"#!{sys.executable}\nimport json,os,pathlib,sys\n"
        f"answers = {answers!r}\nstate = pathlib.Path({str(state)!r})\nn = int(state.read_text())\n"
        "state.write_text(str(n + 1))\nanswer = answers[min(n, len(answers) - 1)]\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['kind'] == 'ExecCredential'\n"
        "if isinstance(answer, str):\n    sys.exit(answer)\n"
        "print(json.dumps({'kind': 'ExecCredential', 'apiVersion': 'x/v1', 'status': answer}))\n"
    )
    script.chmod(0o755)
    return {
        "exec": {"command": "./plugin.py", "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    }


def calls(tmp_path: Path) -> int:
    return int((tmp_path / "calls").read_text())


def test_a_login_program_runs_once_until_its_token_expires(api: ApiServer, connect: Connect, tmp_path: Path) -> None:
    api.script["GET /version"] = {}
    past = "2020-01-01T00:00:00Z"
    cluster = connect(api, plugin(tmp_path, {"token": "t1", "expirationTimestamp": past}, {"token": "t2"}))
    assert calls(tmp_path) == 0  # connecting asks for nothing
    for token in ("t1", "t2", "t2"):
        cluster.get("/version")
        assert sent(api, "Authorization") == f"Bearer {token}"
    assert calls(tmp_path) == 2


def test_a_token_that_is_no_longer_accepted_is_renewed_once(api: ApiServer, connect: Connect, tmp_path: Path) -> None:
    api.script["GET /version"] = lambda request: (
        {"ok": True} if request.header("Authorization") == "Bearer t2" else refusal(401, "Unauthorized", "Unauthorized")
    )
    assert connect(api, plugin(tmp_path, {"token": "t1"}, {"token": "t2"})).get("/version")["ok"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("you must log in", "you must log in"),
        ({}, "no credential"),
        ({"token": "t", "expirationTimestamp": "soon"}, "no usable"),
    ],
)
def test_login_programs_that_fail(api: ApiServer, connect: Connect, tmp_path: Path, answer: object, words: str) -> None:
    with pytest.raises(Unreachable) as caught:
        connect(api, plugin(tmp_path, answer)).get("/version")
    assert words in caught.value.message


def test_a_login_program_that_is_missing(api: ApiServer, connect: Connect) -> None:
    user = {
        "exec": {
            "command": "no-such-login",
            "apiVersion": "client.authentication.k8s.io/v1",
            "installHint": "Get it there.",
        }
    }
    with pytest.raises(Unreachable) as caught:
        connect(api, user).get("/version")
    assert "'no-such-login', which is not installed" in caught.value.message
    assert caught.value.next_step == "Get it there."


def jwt(ends: float) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": ends}).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


def test_openid_tokens_are_used_while_they_last(api: ApiServer, connect: Connect) -> None:
    api.script["GET /version"] = {}
    token = jwt(4e9)
    connect(api, {"auth-provider": {"name": "oidc", "config": {"id-token": token}}}).get("/version")
    assert sent(api, "Authorization") == f"Bearer {token}"
    expired = {"auth-provider": {"name": "oidc", "config": {"id-token": jwt(1.0)}}}
    with pytest.raises(Unreachable, match="has expired"):
        connect(api, expired).get("/version")
    with pytest.raises(Unreachable, match="no longer supports"):
        connect(api, {"auth-provider": {"name": "gcp"}}).get("/version")


# --- TLS --------------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority with a certificate for 127.0.0.1 and one for a client."""

    def __init__(self, folder: Path, *, expired: bool = False) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.pem = self._sign(self._name, self._key, authority=True)
        self.server = self._pair("server", expired=expired)
        self.client = self._pair("client")

    def _pair(self, name: str, *, expired: bool = False) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, private = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate.write_bytes(self._sign(subject, key, expired=expired))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, private

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False, expired: bool = False
    ) -> bytes:
        import ipaddress

        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * day)
            .not_valid_after(now - day if expired else now + day)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    def context(self, *, ask_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem.decode())
        return context


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_api(authority: Authority) -> Iterator[ApiServer]:
    with serving(authority.context(ask_client=True)) as api:
        api.script["GET /version"] = {"gitVersion": "v1"}
        yield api


def test_client_certificates_as_data_and_as_files(authority: Authority, tls_api: ApiServer, connect: Connect) -> None:
    certificate, key = authority.client
    ca = encoded(authority.pem)
    as_data = {
        "client-certificate-data": encoded(certificate.read_bytes()),
        "client-key-data": encoded(key.read_bytes()),
    }
    as_files = {"client-certificate": certificate.name, "client-key": key.name}  # relative to the kubeconfig
    for user in (as_data, as_files):
        assert connect(tls_api, user, **{"certificate-authority-data": ca}).get("/version") == {"gitVersion": "v1"}


def test_a_login_program_can_give_a_certificate(
    authority: Authority, tls_api: ApiServer, connect: Connect, tmp_path: Path
) -> None:
    certificate, key = authority.client
    user = plugin(tmp_path, {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()})
    cluster = connect(tls_api, user, **{"certificate-authority-data": encoded(authority.pem)})
    assert cluster.get("/version") == {"gitVersion": "v1"}


def test_an_unknown_authority_is_not_trusted(authority: Authority, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with serving(authority.context()) as api:
        api.script["GET /version"] = {}
        with pytest.raises(Unreachable, match="not signed by the authority"):
            connect(api, {}, **{"certificate-authority-data": encoded(other.pem)}).get("/version")
        assert connect(api, {}, **{"insecure-skip-tls-verify": True}).get("/version") == {}
    assert len(api.seen) == 1


def test_an_expired_server_certificate_says_so(tmp_path: Path, connect: Connect) -> None:
    authority = Authority(tmp_path, expired=True)
    with (
        serving(authority.context()) as api,
        pytest.raises(Unreachable, match="has expired"),
    ):
        connect(api, {}, **{"certificate-authority-data": encoded(authority.pem)}).get("/version")


@pytest.mark.parametrize(
    ("user", "cluster", "words"),
    [
        ({}, {"certificate-authority-data": encoded(b"no certificate")}, "not a valid certificate"),
        ({}, {"certificate-authority": "missing.crt"}, "cannot be read"),
        ({"client-certificate-data": encoded(b"x"), "client-key-data": encoded(b"y")}, {}, "cannot be used"),
    ],
)
def test_broken_certificates(
    authority: Authority, connect: Connect, user: dict[str, object], cluster: dict[str, object], words: str
) -> None:
    with serving(authority.context()) as api, pytest.raises(Unreachable, match=words):
        connect(api, user, **cluster).get("/version")


def test_an_expired_openid_login_is_renewed_and_kept(
    authority: Authority, api: ApiServer, connect: Connect, tmp_path: Path
) -> None:
    api.script["GET /version"] = {}
    with serving(authority.context()) as issuer:
        renewed = jwt(4e9)
        issuer.script |= {
            "GET /.well-known/openid-configuration": {"token_endpoint": f"{issuer.url}/token"},
            "POST /token": {
                "access_token": "a",
                "token_type": "bearer",
                "id_token": renewed,
                "refresh_token": "r2",
            },
        }
        (tmp_path / "idp.crt").write_bytes(authority.pem)
        config = {
            "idp-issuer-url": issuer.url,
            "idp-certificate-authority": str(tmp_path / "idp.crt"),
            "client-id": "shipmate",
            "client-secret": "s",
            "id-token": jwt(1.0),
            "refresh-token": "r1",
        }
        cluster = connect(api, {"auth-provider": {"name": "oidc", "config": config}})
        for _ in range(2):
            cluster.get("/version")
            assert sent(api, "Authorization") == f"Bearer {renewed}"
        (asked,) = issuer.asked("POST", "/token")
        assert "refresh_token=r1" in asked.body
    assert renewed in (tmp_path / "kubeconfig").read_text()


# --- Proxies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "no_proxy", "proxied"),
    [
        ("http://10.1.2.3:6443", "", True),
        ("http://10.1.2.3:6443", "10.0.0.0/8", False),
        ("http://k8s.corp.example:6443", "corp.example", False),
        ("http://k8s.corp.example:6443", ".example,x", False),
        ("http://k8s.corp.example:6443", "*", False),
        ("http://k8s.other.example:6443", "corp.example", True),
        ("http://127.0.0.1:6443", "", False),
        ("http://localhost:6443", "", False),
    ],
)
def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch, server: str, no_proxy: str, proxied: bool) -> None:
    from tools.kubernetes.door.transport import environment_proxy

    monkeypatch.setenv("http_proxy", "proxy.corp:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert environment_proxy(server) == ("http://proxy.corp:3128" if proxied else "")


def test_a_proxy_of_the_kubeconfig_is_used(api: ApiServer, connect: Connect, tmp_path: Path) -> None:
    api.script["GET http://cluster.invalid/version"] = {"through": "proxy"}
    api.script["GET /version"] = {"through": "proxy"}
    file = tmp_path / "proxied"
    file.write_text(kubeconfig_text("http://cluster.invalid", None, **{"proxy-url": api.url}))
    assert Cluster.connect(str(file), None, None, tmp_path).get("/version") == {"through": "proxy"}


def test_keys_do_not_stay_on_the_disk(
    authority: Authority, tls_api: ApiServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    certificate, key = authority.client
    user = {
        "client-certificate-data": encoded(certificate.read_bytes()),
        "client-key-data": encoded(key.read_bytes()),
    }
    connect(tls_api, user, **{"certificate-authority-data": encoded(authority.pem)}).get("/version")
    assert list(scratch.iterdir()) == []
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
