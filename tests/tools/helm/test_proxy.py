"""The proxy in front of helm, over real sockets: addresses, credentials, streaming, refusals."""

import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tools.helm.proxy import Proxy
from tools.kubernetes.door.client import Cluster
from tools.permit import Permit
from tools.preview import Write


class ApiServer(BaseHTTPRequestHandler):
    """Remembers what it was asked; a watch stays open until `release` is set."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, dict[str, str], bytes]]
    release: threading.Event

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.command, self.path, dict(self.headers), body))
        if "watch" in self.path:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nfirst\n\r\n")
            self.release.wait(30)
            self.wfile.write(b"7\r\nsecond\n\r\n0\r\n\r\n")
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b'{"kind":"It"}')

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[tuple[type[ApiServer], str]]:
    handler = type("Api", (ApiServer,), {"seen": [], "release": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    handler.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(api: tuple[type[ApiServer], str], tmp_path: Path) -> Iterator[Proxy]:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": api[1]}}],
        "users": [{"name": "u", "user": {"token": "the-real-token"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    proxy = Proxy(Cluster.connect(str(path), None, None, tmp_path))
    yield proxy
    proxy.close()


def ask(kubeconfig: Path, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    connection = connect(kubeconfig)
    connection.request(method, prefix(kubeconfig) + path, body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def address(kubeconfig: Path) -> str:
    return json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]


def prefix(kubeconfig: Path) -> str:
    return urlsplit(address(kubeconfig)).path


def connect(kubeconfig: Path) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(address(kubeconfig)).netloc, timeout=30)


def test_reads_carry_our_credentials_and_nobody_elses(proxy: Proxy, api: tuple[type[ApiServer], str]) -> None:
    with proxy.session() as kubeconfig:
        headers = {"Authorization": "Bearer other", "Impersonate-User": "root", "If-None-Match": '"tag"'}
        assert ask(kubeconfig, "GET", "/api/v1/pods?limit=1", **headers) == (200, b'{"kind":"It"}')
    method, path, sent, _ = api[0].seen[0]
    assert (method, path) == ("GET", "/api/v1/pods?limit=1")
    assert sent["Authorization"] == "Bearer the-real-token"
    assert sent["If-None-Match"] == '"tag"'
    assert "Impersonate-User" not in sent


def test_the_kubeconfig_is_private_and_void_afterwards(proxy: Proxy) -> None:
    with proxy.session() as kubeconfig:
        assert kubeconfig.stat().st_mode & 0o077 == 0
        assert kubeconfig.parent.stat().st_mode & 0o077 == 0
        assert "the-real-token" not in kubeconfig.read_text()
        connection, path = connect(kubeconfig), prefix(kubeconfig)
    assert not kubeconfig.exists()
    connection.request("GET", f"{path}/api/v1/pods")
    assert connection.getresponse().status == 403


def test_without_the_secret_nothing_is_answered(proxy: Proxy, api: tuple[type[ApiServer], str]) -> None:
    with proxy.session() as kubeconfig:
        for path in ("/api/v1/pods", "/", "", "/guess/api/v1/pods"):
            connection = connect(kubeconfig)
            connection.request("GET", path)
            assert connection.getresponse().status == 403
    assert api[0].seen == []


def test_a_write_without_permit_is_refused_like_the_api_server_would(
    proxy: Proxy, api: tuple[type[ApiServer], str]
) -> None:
    with proxy.session() as kubeconfig:
        status, text = ask(kubeconfig, "POST", "/api/v1/namespaces/todo/pods", b'{"metadata": {"name": "web"}}')
    answer = json.loads(text)
    assert (status, answer["kind"], answer["reason"]) == (403, "Status", "Forbidden")
    assert "approved plan" in answer["message"]
    assert api[0].seen == []


def test_one_run_does_not_get_the_permit_of_another(proxy: Proxy, api: tuple[type[ApiServer], str]) -> None:
    path = "/api/v1/namespaces/todo/pods/web"
    permit = Permit("plan", 1, (Write(door="kubernetes", method="PATCH", path=path),))
    with permit.opened(), proxy.session(permit) as writing, proxy.session() as reading:
        assert ask(reading, "PATCH", path, b"{}")[0] == 403
        assert ask(writing, "PATCH", path, b"{}")[0] == 200
    assert [write.path for write in permit.used] == [path]
    assert [(method, body) for method, _, _, body in api[0].seen] == [("PATCH", b"{}")]


def test_a_watch_is_passed_on_as_it_comes(proxy: Proxy, api: tuple[type[ApiServer], str]) -> None:
    with proxy.session() as kubeconfig:
        connection = connect(kubeconfig)
        connection.request("GET", f"{prefix(kubeconfig)}/api/v1/pods?watch=true")
        answer = connection.getresponse()
        assert answer.readline() == b"first\n"  # while the server still holds the second back
        api[0].release.set()
        assert answer.read() == b"second\n"


def test_an_upgrade_of_the_connection_is_refused(proxy: Proxy, api: tuple[type[ApiServer], str]) -> None:
    with proxy.session() as kubeconfig:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
        assert ask(kubeconfig, "GET", "/api/v1/pods", **headers)[0] == 403
    assert api[0].seen == []


def test_a_cluster_that_is_gone_is_said(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": ""}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    proxy = Proxy(Cluster.connect(str(path), None, None, tmp_path))
    with proxy.session() as kubeconfig:
        status, text = ask(kubeconfig, "GET", "/version")
    proxy.close()
    assert status == 503
    assert "connection refused" in json.loads(text)["message"]
