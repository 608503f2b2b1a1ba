"""HTTP to one API server: connections, retries of reads, and every way of not getting through, in plain words."""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from tools.errors import ShipmateError, Unreachable
from tools.kubernetes.door.credentials import Credentials
from tools.kubernetes.door.errors import OutcomeUnknown, parse_status, translate
from tools.kubernetes.door.kubeconfig import Access

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0
_RELAY_SECONDS = 600.0  # silence in a relayed watch
_PAUSES = (0.2, 0.6, 1.5)  # seconds before the second, third and fourth try of a read
_TRY_AGAIN = frozenset({429, 500, 502, 503, 504})
_LONGEST_RETRY_AFTER = 3.0

Query = Mapping[str, Any]


class Reply(NamedTuple):
    """What the server answered: the object, and its warnings (deprecations, PodSecurity, unknown fields)."""

    body: dict[str, Any]
    warnings: tuple[str, ...] = ()


class Transport:
    """Keeps connections to one API server alive; threads may share it."""

    def __init__(self, access: Access, agent: str) -> None:
        self.access = access
        self._credentials = Credentials(access)
        self._agent = agent
        self._made: PoolManager | None = None

    def fetch(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        repeatable: bool,
        patient: bool = True,
        timeout: float = _READ_SECONDS,
    ) -> tuple[bytes, tuple[str, ...]]:
        """The body and the warnings of a successful answer.

        Only `repeatable` requests are tried again; others only where the server says that it did not begin with them.
        What is not worth waiting for is not `patient` and tried once.
        """
        pauses = iter(_PAUSES if patient else ())
        renewed = False
        while True:
            try:
                response = self._send(method, path, query, body, headers, timeout, preload=True)
            except ShipmateError:
                raise
            except Exception as error:
                pause = next(pauses, None) if repeatable and _is_broken_connection(error) else None
                if pause is None:
                    raise self._unreachable(error, method, path, written=not repeatable) from error
                time.sleep(pause)
                continue
            if response.status < 300:
                return response.data, _warnings(response)
            if response.status == 401 and not renewed and self._credentials.renewable():
                renewed = True  # refused before anything was done, so that even a write may be sent again
                self._credentials.forget()
                self._made = None
                continue
            again = _passes(response) if repeatable else _turned_away(response)
            pause = next(pauses, None) if again else None
            if pause is None:
                status = parse_status(response.status, response.data)
                raise translate(status, method, path) from status
            time.sleep(_retry_after(response) or pause)

    def stream(self, path: str, query: Query, idle: float) -> Iterator[bytes]:
        """The lines of a long answer as they come; ends when the server ends it or nothing came for `idle` seconds."""
        try:
            response = self._send("GET", path, query, None, None, idle, preload=False)
        except ShipmateError:
            raise
        except Exception as error:
            raise self._unreachable(error, "GET", path, written=False) from error
        try:
            if response.status >= 300:
                status = parse_status(response.status, response.read())
                raise translate(status, "GET", path) from status
            yield from _lines(response)
        finally:
            response.close()  # not released: what was not read would be taken for the next answer

    @contextmanager
    def relay(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Generator[BaseHTTPResponse]:
        """Pass on a request as it is; the answer is undecoded and perhaps endless. Nothing is tried again."""
        try:
            response = self._send(method, target, {}, body, headers, _RELAY_SECONDS, preload=False, decode=False)
        except ShipmateError:
            raise
        except Exception as error:
            path = target.partition("?")[0]
            raise self._unreachable(error, method, path, written=method not in ("GET", "HEAD")) from error
        ended = False
        try:
            yield response
            ended = True
        finally:
            # What was read to its end can be used again; the rest would be taken for the next answer.
            response.release_conn() if ended else response.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        timeout: float,
        preload: bool,
        decode: bool = True,
    ) -> BaseHTTPResponse:
        from urllib3 import HTTPHeaderDict, Timeout

        sent = HTTPHeaderDict({"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": self._agent})
        sent.update(headers or {})
        for name, value in self._credentials.headers():
            sent.add(name, value)
        pairs = [(name, _text(value)) for name, value in query.items() if value not in (None, "")]
        url = self.access.server + path + ("?" + urlencode(pairs) if pairs else "")
        return self._pool().request(
            method,
            url,
            body=body,
            headers=sent,
            timeout=Timeout(connect=_CONNECT_SECONDS, read=timeout),
            retries=False,
            redirect=False,
            preload_content=preload,
            decode_content=decode,
        )

    def _pool(self) -> PoolManager:
        if self._made is None:
            self._made = _make_pool(self.access, self._credentials)
        return self._made

    def _unreachable(self, error: Exception, method: str, path: str, *, written: bool) -> ShipmateError:
        server, context = self.access.server, self.access.context
        where = f"the cluster of context {context!r} at {server}"
        choose = "choose another with --context (kubectl config get-contexts)"
        text = _chain_text(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            if "certificate has expired" in text:
                return Unreachable(
                    f"The certificate of {where} has expired.", "Whoever runs the cluster must renew it."
                )
            return Unreachable(
                f"The certificate of {where} is not signed by the authority in the kubeconfig.",
                "Fetch the kubeconfig again if the cluster was made anew; otherwise somebody may be in between.",
            )
        if "certificate_expired" in text.lower() or "alert certificate expired" in text:
            return Unreachable(f"Your client certificate for {where} has expired.", "Fetch a new kubeconfig.")
        if "NameResolutionError" in text or "gaierror" in text:
            return Unreachable(f"The name of {where} cannot be resolved.", f"Check the network, or {choose}.")
        if "ConnectionRefusedError" in text:
            return Unreachable(
                f"Nothing answers for {where}: connection refused.",
                f"Start the cluster (`shipmate cluster up` starts the built-in one), or {choose}.",
            )
        if "ConnectTimeoutError" in text or "No route to host" in text or "Network is unreachable" in text:
            return Unreachable(f"Nothing answers for {where}: timed out.", f"Check the network or VPN, or {choose}.")
        if written:
            return OutcomeUnknown(
                f"The connection broke after {method} {path} was sent, so it may have been carried out or not.",
                "Look at the object before trying again.",
            )
        if "ReadTimeoutError" in text:
            return Unreachable(f"The answer of {where} takes too long.", "Try again in a minute.")
        return Unreachable(f"The connection to {where} broke: {type(error).__name__}.", f"Try again, or {choose}.")


def _make_pool(access: Access, credentials: Credentials) -> PoolManager:
    from urllib3 import PoolManager, ProxyManager

    options: dict[str, Any] = {"maxsize": 8}
    if access.server.startswith("https:"):
        options["ssl_context"] = credentials.ssl_context()
        if access.cluster_entry.get("insecure-skip-tls-verify"):
            import urllib3

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            options["cert_reqs"] = "CERT_NONE"
        if name := access.cluster_entry.get("tls-server-name"):
            options |= {"server_hostname": name, "assert_hostname": name}
    proxy = access.cluster_entry.get("proxy-url") or environment_proxy(access.server)
    if not proxy:
        return PoolManager(**options)
    if proxy.startswith("socks"):
        try:
            from urllib3.contrib.socks import SOCKSProxyManager
        except ImportError as error:
            raise Unreachable(f"The proxy {proxy} needs the Python package PySocks.", "Install it.") from error
        return SOCKSProxyManager(proxy, **options)
    return ProxyManager(proxy, **options)


def environment_proxy(server: str) -> str:
    """HTTPS_PROXY and NO_PROXY as kubectl reads them: address ranges count, and this machine is never proxied."""
    parts = urlsplit(server)
    host = parts.hostname or ""
    variable = f"{parts.scheme}_proxy"
    proxy = os.environ.get(variable) or os.environ.get(variable.upper()) or ""
    if not proxy or host == "localhost":
        return ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is not None and address.is_loopback:
        return ""
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        entry = entry.strip().lower()
        if entry == "*" or (entry and (host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".")))):
            return ""
        try:
            if address is not None and address in ipaddress.ip_network(entry, strict=False):
                return ""
        except ValueError:
            continue
    return proxy if "://" in proxy else f"http://{proxy}"


def _lines(response: BaseHTTPResponse) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    rest = b""
    try:
        for chunk in response.stream(65536, decode_content=True):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
    except HTTPError:
        pass  # a quiet or broken stream ends here; whoever needs more asks again
    if rest:
        yield rest


def _passes(response: BaseHTTPResponse) -> bool:
    """Whether another try may help; a webhook that does not answer has been waited for long enough."""
    return response.status in _TRY_AGAIN and b"failed calling webhook" not in response.data


def _warnings(response: BaseHTTPResponse) -> tuple[str, ...]:
    """Texts of the Warning headers: 299 - "policy/v1beta1 is deprecated"."""
    texts: list[str] = []
    for header in response.headers.getlist("Warning"):
        start = header.find('"')
        text = header[start + 1 : header.rfind('"')] if start >= 0 else header
        texts.append(text.replace('\\"', '"').replace("\\\\", "\\"))
    return tuple(dict.fromkeys(texts))


def _turned_away(response: BaseHTTPResponse) -> bool:
    """Whether the server was too busy to begin with the request, and says when to come again."""
    return response.status == 429 and "Retry-After" in response.headers


def _retry_after(response: BaseHTTPResponse) -> float:
    try:
        return min(float(response.headers.get("Retry-After", 0)), _LONGEST_RETRY_AFTER)
    except ValueError:
        return 0.0


def _is_broken_connection(error: BaseException) -> bool:
    """Whether a connection that worked broke, so that another try makes sense."""
    from urllib3.exceptions import IncompleteRead, NewConnectionError, ProtocolError

    return isinstance(error, (ProtocolError, IncompleteRead)) and not isinstance(error, NewConnectionError)


def _chain_text(error: BaseException | None) -> str:
    """Types and texts of an error and of what caused it; urllib3 wraps the interesting one several times."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        parts.append(f"{type(error).__name__}: {error}")
        inner = [item for item in error.args if isinstance(item, BaseException)]
        error = error.__cause__ or error.__context__ or (inner[0] if inner else None)
    return "\n".join(parts)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def encode(body: Any) -> bytes | None:
    """A request body: JSON for objects and lists, as it is for text and bytes."""
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body, separators=(",", ":")).encode()
