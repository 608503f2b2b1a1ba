"""An engine's API on a Unix socket, with answers from a table: for what a real engine does not do on demand."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Answer = tuple[int, Any]


class FakeEngine:
    """`answers` maps "METHOD /path" to status and JSON, or to a list of messages to stream; `asked` keeps requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"GET /version": (200, {"ApiVersion": "1.41", "Version": "20.10.24"})}
        self.asked: list[str] = []
        self.cut = ""  # the request after which the connection breaks in the middle of the reply


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def engine_at(socket: Path) -> Iterator[FakeEngine]:
    """Serve for as long as the block lasts."""
    fake = FakeEngine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            path = "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path
            fake.asked.append(f"{self.command} {path}")
            self._read_body()
            status, body = fake.answers.get(fake.asked[-1], (404, {"message": "page not found"}))
            lines = [json.dumps(one) + "\n" for one in body] if isinstance(body, list) else [json.dumps(body)]
            content = "".join(lines).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.close_connection = fake.cut == fake.asked[-1]
            self.wfile.write(content[: len(content) // 2] if self.close_connection else content)

        def _read_body(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    self.rfile.read(size + 2)
                self.rfile.readline()
            self.rfile.read(int(self.headers.get("Content-Length") or 0))

        do_GET = do_POST = do_DELETE = do_HEAD = do_PUT = _answer

        def address_string(self) -> str:
            return "socket"

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(str(socket), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
