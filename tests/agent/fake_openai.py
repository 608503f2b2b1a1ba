"""A small HTTP server that speaks OpenAI's chat completions with server-sent events, from a script of replies."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Delta = dict[str, Any]


class Script:
    """Replies in order: deltas to stream, an HTTP status to fail with, or bytes to send as they are.

    Requests are kept as they came.
    """

    def __init__(self) -> None:
        self.replies: list[tuple[list[Delta], str] | int | bytes] = []
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    def say(self, *pieces: str) -> None:
        """Reply with text, in these pieces."""
        self.replies.append(([{"content": piece} for piece in pieces], "stop"))

    def call(self, *deltas: Delta, finish: str = "tool_calls", text: str = "") -> None:
        """Reply with tool calls, each delta as the server would send it."""
        opening: list[Delta] = [{"content": text}] if text else []
        self.replies.append((opening + [{"tool_calls": [delta]} for delta in deltas], finish))

    def fail(self, status: int, times: int = 1) -> None:
        """Reply with an error."""
        self.replies += [status] * times


def piece(arguments: str, name: str | None = None, id: str | None = None, index: int | None = 0) -> Delta:
    """One delta of a tool call."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    delta: Delta = {"type": "function", "function": function, "id": id}
    return delta if index is None else {**delta, "index": index}


@contextmanager
def serving() -> Iterator[Script]:
    """Run the server on a free port of this machine for as long as the block lasts."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.requests.append({"path": self.path, "key": self.headers["Authorization"], **body})
            reply = script.replies.pop(0) if script.replies else 500
            if isinstance(reply, int):
                self._fail(reply)
            elif isinstance(reply, bytes):
                self._open_stream()
                self.wfile.write(reply)
                self.close_connection = True
            else:
                self._stream(*reply)

        def _fail(self, status: int) -> None:
            content = json.dumps({"error": {"message": f"status {status}", "type": "x", "code": None}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(content)

        def _open_stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()

        def _stream(self, deltas: list[Delta], finish: str) -> None:
            self._open_stream()
            for delta in [*deltas, None]:
                choice = {"index": 0, "delta": delta or {}, "finish_reason": None if delta else finish}
                chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # a client that hangs up is no error of this server's
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
