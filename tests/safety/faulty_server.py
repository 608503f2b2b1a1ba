"""A proxy in front of the real API server that fails as it is told: what it lets through is really done there."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from tools.context import Context
from tools.kubernetes.door.transport import Transport

WRITING = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Request:
    method: str
    target: str

    @property
    def writes(self) -> bool:
        """Whether it would change something: no dry run, no question about rights."""
        asks = "/selfsubject" in self.target or "dryRun=All" in self.target
        return self.method in WRITING and not asks


def any_write(request: Request) -> bool:
    return request.writes


@dataclass
class Fault:
    """What happens to the next `times` requests that `when` chooses.

    status   the answer, instead of the server's
    headers  with it
    passes   whether the server gets the request (and does it) first
    cut      the connection ends instead of an answer
    stall    seconds of silence before what follows
    """

    when: Callable[[Request], bool] = field(default=any_write, repr=False)  # a repr is a test's name: the same always
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    passes: bool = False
    cut: bool = False
    stall: float = 0.0
    then: Callable[[], None] | None = None


@dataclass
class FaultyServer:
    """`url` is where it listens; `done` the writes that reached the real server, in order."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    done: list[Request] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)

    def choose(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.when(request):
                fault.times -= 1
                return fault
        return None

    def context(self, ctx: Context, folder: Path) -> Context:
        """The same place, reached through this server; the context keeps its name, as it is the same cluster."""
        name = ctx.cluster.context
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": ctx.cluster.user, "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": "c", "user": ctx.cluster.user}}],
        }  # fmt: skip
        file = folder / "through-the-proxy.yaml"
        file.write_text(yaml.safe_dump(config))
        return Context(kubeconfig=str(file), context=name, namespace=ctx.namespace, root=ctx.root, state=ctx.state)


@contextmanager
def faulty_server(ctx: Context) -> Iterator[FaultyServer]:
    """Run one in front of the context's API server."""
    with _Server(Context(context=ctx.context).cluster._transport) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield http.state
        http.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, transport: Transport) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.transport = transport
        self.state = FaultyServer(f"http://127.0.0.1:{self.server_address[1]}")

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        pretends = self.command == "DELETE" and body and json.loads(body).get("dryRun")
        request = Request(self.command, f"{self.path}?dryRun=All" if pretends else self.path)
        self.server.state.seen.append(request)
        fault = self.server.state.choose(request)
        if fault is None:
            self.pass_on(request, body, answer=True)
        else:
            self.fail(fault, request, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def fail(self, fault: Fault, request: Request, body: bytes | None) -> None:
        if fault.passes:
            self.pass_on(request, body, answer=False)
        time.sleep(fault.stall)
        if fault.then:
            fault.then()
        if fault.cut:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif fault.status:
            self.say(fault.status, fault.headers, b'{"kind":"Status","status":"Failure","message":"made to fail"}')
        else:
            self.pass_on(request, body, answer=True)

    def pass_on(self, request: Request, body: bytes | None, *, answer: bool) -> None:
        dropped = ("host", "connection", "accept-encoding")
        kept = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        with self.server.transport.relay(self.command, self.path, kept, body) as reply:
            if "watch=" in self.path:
                self.stream(reply.stream(1024))
                return
            data = b"".join(reply.stream(65536))
            if request.writes and reply.status < 300:
                self.server.state.done.append(request)
            wanted = ("content-type", "warning", "retry-after")
            if answer:
                self.say(reply.status, {k: v for k, v in reply.headers.items() if k.lower() in wanted}, data)

    def stream(self, chunks: Iterable[bytes]) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for chunk in chunks:
            self.wfile.write(chunk)
            self.wfile.flush()

    def say(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
