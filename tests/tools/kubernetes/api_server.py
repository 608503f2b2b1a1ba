"""A real HTTP server that speaks as much of the Kubernetes API as a test scripts, and remembers what it was asked."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Request(NamedTuple):
    """One request as it arrived; `query` holds the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: list[tuple[str, str]]
    body: Any

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key.lower() == name.lower())


class Answer(NamedTuple):
    """What to say: JSON for dicts, else text; `broken` closes the connection without an answer."""

    body: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    broken: bool = False


def refusal(code: int, reason: str, message: str, **more: Any) -> Answer:
    """A Status object as the API server sends it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }
    return Answer({**body, **more}, code)


Script = Callable[[Request], Any]


@dataclass
class ApiServer:
    """`script` maps "METHOD /path" to an answer, a list of answers given in turn, or a function of the request."""

    url: str = ""
    script: dict[str, Any] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)

    def asked(self, method: str, path: str) -> list[Request]:
        return [request for request in self.seen if (request.method, request.path) == (method, path)]

    def answer(self, request: Request) -> Answer:
        self.seen.append(request)
        scripted = self.script.get(f"{request.method} {request.path}")
        if isinstance(scripted, list):
            scripted = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if callable(scripted):
            scripted = scripted(request)
        if scripted is None:
            return refusal(404, "NotFound", f"{request.path} not found")
        return scripted if isinstance(scripted, Answer) else Answer(scripted)


@lru_cache(maxsize=128)
def _packed(data: bytes) -> bytes:
    """Large lists are asked for again and again."""
    return gzip.compress(data, 4)


@contextmanager
def serving(ssl_context: Any = None) -> Iterator[ApiServer]:
    """The server on a free port of this machine, until the block ends."""
    api = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the other side's acknowledgement

        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = "json" in (self.headers.get("Content-Type") or "json")
            body = json.loads(raw) if raw and is_json else raw.decode()
            answer = api.answer(Request(self.command, parts.path, query, list(self.headers.items()), body))
            if answer.broken:
                self.close_connection = True
                self.connection.close()
                return
            is_text = isinstance(answer.body, (str, bytes))
            data = answer.body if is_text else json.dumps(answer.body)
            data = data.encode() if isinstance(data, str) else data
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            if "gzip" in (self.headers.get("Accept-Encoding") or "") and len(data) > 1000:
                data = _packed(data)
                self.send_header("Content-Encoding", "gzip")
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if ssl_context is not None:
        server.socket = ssl_context.wrap_socket(server.socket, server_side=True)
    api.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def _resource(
    name: str, kind: str, singular: str, namespaced: bool, short: tuple[str, ...], subs: tuple[str, ...] = ()
) -> Any:
    return {
        "resource": name,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced" if namespaced else "Cluster",
        "singularResource": singular,
        "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        "shortNames": list(short),
        "categories": ["all"] if kind in ("Pod", "Service", "Deployment") else [],
        "subresources": [{"subresource": name, "verbs": ["get"]} for name in subs],
    }


def _group(name: str, version: str, *resources: Any) -> Any:
    return {"metadata": {"name": name}, "versions": [{"version": version, "resources": list(resources)}]}


CORE = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        _group(
            "",
            "v1",
            _resource("events", "Event", "event", True, ("ev",)),
            _resource("namespaces", "Namespace", "namespace", False, ("ns",)),
            _resource("pods", "Pod", "pod", True, ("po",), ("log", "exec")),
            _resource("services", "Service", "service", True, ("svc",)),
            _resource("configmaps", "ConfigMap", "configmap", True, ("cm",)),
            _resource("secrets", "Secret", "secret", True, ()),
        )
    ],
}
GROUPS = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        _group(
            "apps", "v1", _resource("deployments", "Deployment", "deployment", True, ("deploy",), ("scale", "status"))
        ),
        _group("events.k8s.io", "v1", _resource("events", "Event", "event", True, ("ev",))),
        _group("rbac.authorization.k8s.io", "v1", _resource("clusterroles", "ClusterRole", "clusterrole", False, ())),
        _group(
            "shop.example.com",
            "v1beta1",
            _resource("cashRegisters".lower(), "CashRegister", "cashregister", True, ("till",)),
        ),
        _group("metrics.k8s.io", "v1beta1", _resource("pods", "PodMetrics", "", True, ())),
    ],
}
