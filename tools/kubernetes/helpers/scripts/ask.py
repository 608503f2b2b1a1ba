"""Run inside a cluster: resolve a name, connect to it, ask it by HTTP; prints one JSON object a port. Python 3.7.

Arguments: what (resolve, connect, http), host, ports (by comma), URL, seconds.
"""

import http.client
import json
import socket
import ssl
import sys
import time
from typing import Any
from urllib.parse import urlsplit


def kind_of(error: BaseException) -> str:
    """What went wrong, in one word; the other scripts use the same ones."""
    if isinstance(error, socket.gaierror):
        return "unresolved"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)):
        return "reset"
    if isinstance(error, ssl.SSLError):
        return "tls"
    return "unreachable" if isinstance(error, OSError) else "protocol"


def resolve(host: str) -> "list[str]":
    """The addresses of a name, in the order in which they would be tried."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)))


def fetch(url: str, seconds: float, told: "dict[str, Any]") -> None:
    """One GET, without following redirects."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port or (443 if secure else 80), timeout=seconds)
    told["stage"] = "connect"
    connection.connect()
    told["stage"] = "http"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", path, headers={"User-Agent": "shipmate-check", "Accept": "*/*"})
    answer = connection.getresponse()
    told.update(status=answer.status, reason=answer.reason, location=answer.getheader("Location") or "")
    told["body"] = answer.read(600).decode("utf-8", "replace")


def ask(what: str, host: str, port: int, url: str, seconds: float) -> "dict[str, Any]":
    """What came of it; `stage` is how far it got."""
    told: dict[str, Any] = {"port": port, "stage": "resolve", "error": "", "detail": "", "addresses": []}
    began = time.monotonic()
    try:
        told["addresses"] = resolve(host)
        if what == "connect":
            told["stage"] = "connect"
            socket.create_connection((host, port), seconds).close()
        elif what == "http":
            fetch(url, seconds, told)
    except Exception as error:
        told.update(error=kind_of(error), detail=str(error)[:300])
    told["ms"] = round((time.monotonic() - began) * 1000)
    return told


def main() -> None:
    """One line of JSON for each port."""
    what, host, ports, url, seconds = sys.argv[-5:]
    for port in ports.split(","):
        sys.stdout.write(json.dumps(ask(what, host, int(port), url, float(seconds))) + "\n")
        sys.stdout.flush()


main()
