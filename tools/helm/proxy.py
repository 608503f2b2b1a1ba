"""The only way from the `helm` program to the cluster: a proxy on the loopback interface.

It hands every request to the Cluster door, which adds the credentials and lets writes through only while an approved
step runs, to the objects that its plan showed. What is refused gets a 403 that says why. Every run of helm has a
secret of its own in its address (client programs send no token over plain HTTP), which is void when the run ends.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from tools.errors import Refused, ShipmateError
from tools.permit import Permit

_FORWARDED = ("Accept", "Accept-Encoding", "Content-Type", "If-None-Match")  # so nobody else can be impersonated
_DROPPED = {"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "date", "server"}
_MOST = 16 * 1024 * 1024  # bytes of a request; etcd takes 1.5 MB


class Answer(Protocol):
    """An HTTP answer, undecoded and perhaps endless."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def read1(self, amt: int = -1) -> bytes:
        """The bytes that are there, at the most `amt`; empty at the end."""
        ...


class Upstream(Protocol):
    """What the proxy needs of the Cluster door."""

    def forward(
        self, permit: Permit | None, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractContextManager[Answer]:
        """Send a request with the door's credentials; raises Refused when it is a write that was not approved."""
        ...


class Proxy:
    """Listens from the first session on, for as long as the process lives."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._permits: dict[str, Permit | None] = {}
        self._server: ThreadingHTTPServer | None = None
        self._lock = threading.Lock()

    @contextmanager
    def session(self, permit: Permit | None = None) -> Generator[Path]:
        """A kubeconfig for one run of helm; what it may write is what `permit` lets through."""
        key = secrets.token_urlsafe(32)
        server = f"http://127.0.0.1:{self._port()}/{key}"
        self._permits[key] = permit
        try:
            with TemporaryDirectory(prefix="shipmate-helm-") as folder:  # mode 0700
                path = Path(folder, "kubeconfig")
                path.touch(mode=0o600)
                path.write_text(json.dumps(_kubeconfig(server)))
                yield path
        finally:
            del self._permits[key]

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._server:
                self._server.shutdown()
                self._server.server_close()
                self._server = None

    def permit_of(self, key: str) -> Permit | None:
        """The permit of the session that has this secret; raises Refused when there is none."""
        for known, permit in list(self._permits.items()):
            if secrets.compare_digest(known.encode(), key.encode()):
                return permit
        raise Refused("This address of the proxy is not, or no longer, valid.")

    def _port(self) -> int:
        with self._lock:
            if self._server is None:
                handler = type("Handler", (_Handler,), {"proxy": self})
                self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
                self._server.daemon_threads = True
                threading.Thread(target=self._server.serve_forever, name="helm-proxy", daemon=True).start()
            return self._server.server_port


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": server}}],
        "users": [{"name": "proxy", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        "current-context": "proxy",
    }


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every small answer waits 40 ms for the one before to be acknowledged
    wbufsize = 65536
    server_version = "shipmate"
    sys_version = ""

    def _serve(self) -> None:
        _, key, target = (*self.path.split("/", 2), "", "")[:3]
        target = f"/{target}"
        try:
            body = self._body()
            permit = self.proxy.permit_of(key)
            headers = {"Accept-Encoding": "identity"}
            headers |= {name: value for name in _FORWARDED if (value := self.headers.get(name))}
            with self.proxy.upstream.forward(permit, self.command, target, headers, body or None) as answer:
                self._pass_on(answer)
        except Refused as error:
            self._fail(403, "Forbidden", error.message)
        except ShipmateError as error:
            self._fail(503, "ServiceUnavailable", str(error))
        except (BrokenPipeError, ConnectionResetError):  # helm was stopped
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") or self.headers.get("Upgrade"):
            self.close_connection = True
            raise Refused("The proxy takes plain requests of known length only.")
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MOST:
            self.close_connection = True
            raise Refused("The request is too large.")
        return self.rfile.read(length) if length else b""

    def _pass_on(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in _DROPPED:
                self.send_header(name, value)
        if self.command == "HEAD" or answer.status in (204, 304):
            self.end_headers()
            self.wfile.flush()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()  # a watch waits for each event
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _fail(self, code: int, reason: str, message: str) -> None:
        """Answer as the API server would, so that helm can say what was wrong."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
        text = json.dumps({**status, "reason": reason, "code": code, "message": message}).encode()
        with suppress(OSError):
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds the session's secret."""
