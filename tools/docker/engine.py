"""The one door to a Docker engine: reads are free, every write needs the permit of an approved step.

The check sits where requests leave (`_Door.send`), so that no function of the Docker library is a way around it.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests
from docker import APIClient
from docker.auth import encode_header, load_config
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
from docker.errors import DockerException
from docker.utils import kwargs_from_env

from tools.docker.reference import DEFAULT_REGISTRY, Reference
from tools.errors import BadRequest, Failed, Forbidden, NotFound, ShipmateError, Unreachable
from tools.permit import Permit, require
from tools.secrets.redact import redact_text

Json = dict[str, Any]
_READS = ("GET", "HEAD")
_NO_ENGINE = "Start it, or run `shipmate doctor --fix`."
_permit: ContextVar[Permit | None] = ContextVar("docker_permit", default=None)


class _Garbled(Failed):
    """The engine's answer cannot be read, so what became of the request is not known."""


class _Door(APIClient):
    """The Docker library's client, which refuses whatever is not a read."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        method = (request.method or "").upper()
        if method not in _READS:
            require(_permit.get(), "docker", method, api_path(request.url or ""))
        return super().send(request, **kwargs)


class Engine:
    """A Docker engine, found as the `docker` program finds it."""

    def __init__(self, client: APIClient, host: str, program_env: Mapping[str, str]) -> None:
        self._client = client
        self.host = host
        self.program_env = dict(program_env)

    @classmethod
    def connect(cls) -> Engine:
        """Find the engine by DOCKER_HOST, the docker context or the usual sockets; raises Unreachable, Forbidden."""
        try:
            host, found = _endpoint()
        except (DockerException, OSError, ValueError) as error:
            raise BadRequest(
                f"The docker context or DOCKER_HOST cannot be used: {redact_text(str(error))}.",
                "`docker context ls` shows what there is.",
            ) from error
        try:
            with _translated(host):
                client = _Door(**found, timeout=60, use_ssh_client=True)
        except DockerException as error:
            raise _no_connection(host, error) from error
        return cls(client, host, _program_env(host))

    @cached_property
    def version(self) -> Json:
        """The engine's version, API version and operating system."""
        return self.get("/version")

    def get(self, path: str, *, timeout: float = 60, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        """A read; raises NotFound, Forbidden, Unreachable or Failed."""
        with _translated(self.host):
            reply = self._client.get(self._url(path), params=query, headers=dict(headers or {}), timeout=timeout)
            _check(reply)
            return reply.json()

    def write(
        self,
        permit: Permit | None,
        method: str,
        path: str,
        *,
        body: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Generator[Json, None, None]:
        """A write; yields the engine's messages as they come and raises Failed for one that tells of an error.

        Without any time limit: pushes and builds take as long as they take. Closing the generator stops them.
        """
        with _translated(self.host):
            key = _permit.set(permit)
            try:
                reply = self._client.request(
                    method, self._url(path), params=query, data=body, headers=dict(headers or {}),
                    stream=True, timeout=(60, None),
                )  # fmt: skip
            finally:
                _permit.reset(key)
            with reply:
                try:
                    _check(reply)
                    yield from _messages(reply)
                    if permit:
                        permit.confirm("docker", method, api_path(reply.request.url or ""))
                except _Garbled:
                    raise
                except ShipmateError:  # the engine says itself that it did not work
                    if permit:
                        permit.withdraw("docker", method, api_path(reply.request.url or ""))
                    raise

    def image(self, name: str) -> Json | None:
        """What the engine knows about an image, None when it has none; raises BadRequest for what names no image."""
        Reference.parse(name)  # what it is, `../containers/x` say, would name another part of the engine
        try:
            return self.get(f"/images/{name}/json")
        except NotFound:
            return None

    def images(self) -> list[Json]:
        """The images with a name, newest first."""
        return self.get("/images/json")

    def published(self, image: str, timeout: float = 15) -> str | None:
        """Digest under which a registry serves an image, None when it does not have it.

        The engine asks, so its mirrors, certificates and networks hold. Raises Unreachable, Forbidden.
        """
        try:
            found = self.get(f"/distribution/{image}/json", timeout=timeout, headers=self.credentials(image))
        except NotFound:
            return None
        return found["Descriptor"]["digest"]

    def credentials(self, image: str) -> dict[str, str]:
        """The header with the person's login for the image's registry, from the docker configuration."""
        registry = Reference.parse(image).registry
        try:
            login = load_config().resolve_authconfig(None if registry == DEFAULT_REGISTRY else registry)
        except DockerException as error:
            raise Failed(f"The login for {registry} could not be read: {redact_text(str(error))}.") from error
        return {"X-Registry-Auth": encode_header(login or {}).decode()}

    def _url(self, path: str) -> str:
        version = self._client.api_version
        return f"{self._client.base_url}/v{version}{quote(path, safe='/:@')}"


def api_path(url: str) -> str:
    """The path of an engine URL without host, API version and query: `/images/web/push`."""
    path = unquote(urlsplit(url).path)
    first, _, rest = path.lstrip("/").partition("/")
    versioned = first.startswith("v") and first[1:].replace(".", "").isdigit()
    return f"/{rest}" if versioned else path


def _endpoint() -> tuple[str, dict[str, Any]]:
    """Address of the engine and what the client needs to open it."""
    given: dict[str, Any] = {**kwargs_from_env()}
    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name() or "default"
    if "base_url" not in given and name != "default":
        found = ContextAPI.get_context(name)
        if not found or not found.Host:
            raise ValueError(f"there is no docker context {name!r}")
        given |= {"base_url": found.Host, **({"tls": found.TLSConfig} if found.TLSConfig else {})}
    given.setdefault("base_url", _socket())
    return str(given["base_url"]), given


def _socket() -> str:
    """The first socket that exists of the system's engine, a rootless one and Docker Desktop's."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    places = ("/var/run/docker.sock", f"{runtime}/docker.sock", str(Path.home() / ".docker/run/docker.sock"))
    return f"unix://{next((place for place in places if Path(place).exists()), places[0])}"


def _program_env(host: str) -> dict[str, str]:
    """Variables with which the `docker` program reaches the same engine as we do."""
    names = "DOCKER_CONFIG DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH XDG_RUNTIME_DIR SSH_AUTH_SOCK".split()
    kept = {name: os.environ[name] for name in names if os.environ.get(name)}
    return kept if "DOCKER_CONTEXT" in kept else {**kept, "DOCKER_HOST": host}


@contextmanager
def _translated(host: str) -> Generator[None]:
    try:
        yield
    except requests.exceptions.Timeout as error:
        raise Unreachable(f"The Docker engine at {host} did not answer in time.", _NO_ENGINE) from error
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise _no_connection(host, error) from error
    except requests.exceptions.RequestException as error:
        raise Failed(f"The request to the Docker engine failed: {redact_text(str(error))}.") from error


def _no_connection(host: str, error: Exception) -> ShipmateError:
    if "Permission denied" in str(error):
        return Forbidden(
            f"{getpass.getuser()} has no rights to the Docker engine at {host}.",
            "Add the user to the group docker (`sudo usermod -aG docker $USER`) and log in again.",
        )
    if any(mark in str(error) for mark in ("RemoteDisconnected", "IncompleteRead", "Connection reset")):
        return Unreachable(f"The Docker engine at {host} ended the connection.", _NO_ENGINE)
    return Unreachable(f"No Docker engine answers at {host}.", _NO_ENGINE)


def _check(reply: requests.Response) -> None:
    """Turn an error status into one of our errors."""
    if reply.status_code < 400:
        return
    try:
        said = str(reply.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = reply.text[:500]
    raise _error(reply.status_code, redact_text(said.strip()))


def _error(status: int, said: str) -> ShipmateError:
    lowered = said.lower()
    if any(mark in lowered for mark in ("no such host", "connection refused", "i/o timeout", "tls handshake", "x509")):
        return Unreachable(f"The engine cannot reach the registry: {said}.")
    if status == 404 or "manifest unknown" in lowered or "not found" in lowered:
        return NotFound(f"The Docker engine says: {said}.")
    if status in (401, 403) or "denied" in lowered or "unauthorized" in lowered or "no basic auth" in lowered:
        return Forbidden(f"The Docker engine says: {said}.", "Log in with `docker login`.")
    if status == 400:
        return BadRequest(f"The Docker engine refused the request: {said}.")
    return Failed(f"The Docker engine says: {said}.")


def _messages(reply: requests.Response) -> Iterator[Json]:
    """The JSON messages of a streamed reply."""
    rest = b""
    for chunk in reply.iter_content(None):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield from _message(line)
    yield from _message(rest)


def _message(line: bytes) -> Iterator[Json]:
    if not line.strip():
        return
    try:
        message = json.loads(line)
    except ValueError:
        raise _Garbled("The Docker engine sent something that is not JSON.") from None
    if isinstance(message, dict):
        if "error" in message:
            raise _error(500, redact_text(str(message["error"]).strip().rstrip(".")))
        yield message
