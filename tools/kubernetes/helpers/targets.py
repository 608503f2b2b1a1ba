"""What a check is aimed at, from the words of a request: a URL, a host with a port, a service or a workload."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.lookup import nearest
from tools.kubernetes.look.related import named, pod_labels, services_for, visible

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?|[0-9a-fA-F:]{2,45}")
_MOST_PORTS = 5


class Target(NamedTuple):
    """`url` is empty where only a connection is wanted; `near` are services that are called much the same."""

    host: str
    ports: tuple[int, ...]
    url: str = ""
    near: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.url or f"{self.host}:{','.join(map(str, self.ports))}"


def target_of(ctx: Context, text: str, namespace: str, port: int | None) -> Target:
    """Read the target as seen from a namespace; raises BadRequest where the port cannot be known."""
    text = text.strip()
    if "://" in text:
        return _url(ctx, text, namespace)
    host, ports = _split(text)
    if port:
        ports = (port,)
    host, service, notes = _meant(ctx, host, namespace)
    if not ports and service is not None:
        ports = _ports(service)
    if not ports:
        raise BadRequest(f"Which port of {host}?", f"Say it with the name: {host}:443.")
    near = () if service is not None or "." in host else _near(ctx, host, namespace)
    return Target(_host(host), ports, near=near, notes=(*notes, *_headless(service)))


def host_of(ctx: Context, text: str, namespace: str) -> tuple[str, tuple[str, ...]]:
    """A name to be resolved, and services that are called much the same."""
    host = _host(text.strip())
    known = "." in host or _service(ctx, host, namespace) is not None
    return host, () if known else _near(ctx, host, namespace)


def _url(ctx: Context, text: str, namespace: str) -> Target:
    parts = urlsplit(text)
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (KeyError, ValueError) as error:
        raise BadRequest(
            f"{text[:200]!r} is no address of HTTP.", "Write it like http://backend:8000/health."
        ) from error
    if parts.username or parts.password:
        raise BadRequest("The address holds a user or a password.", "Check it without: a helper's words can be read.")
    said = _host(parts.hostname or "")
    host, service, notes = _meant(ctx, said, namespace)
    near = () if service is not None or "." in host else _near(ctx, host, namespace)
    if host != said:
        text = parts._replace(netloc=f"{host}:{port}").geturl()
    return Target(host, (port,), text, near, notes)


def _meant(ctx: Context, host: str, namespace: str) -> tuple[str, Mapping[str, Any] | None, tuple[str, ...]]:
    """The host as it is called in the cluster, its Service where it is one, and how that was read."""
    service = _service(ctx, host, namespace)
    if service is not None or "." in host or ":" in host:
        return host, service, ()
    found, service = _of_workload(ctx, host, namespace)
    notes = (f"No service is called {host} here; the one that leads to it is {found}.",) if found != host else ()
    return found, service, notes


def _split(text: str) -> tuple[str, tuple[int, ...]]:
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host:
        return text, ()
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise BadRequest(f"{port[:40]!r} is no port.", "Write it like backend:8000.")
    return host, (int(port),)


def _host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise BadRequest(f"{host[:100]!r} is no host name.", "Write it like backend or backend.staging.")
    return host


def _service(ctx: Context, host: str, namespace: str) -> Mapping[str, Any] | None:
    """The Service that this name means within the cluster."""
    name, _, rest = host.partition(".")
    place = rest.partition(".")[0] or namespace
    found = visible(ctx, "services", place, fields=f"metadata.name={name}")
    return found[0] if found else None


def _of_workload(ctx: Context, name: str, namespace: str) -> tuple[str, Mapping[str, Any] | None]:
    """The service that leads to a workload or component of this name."""
    try:
        workload = find_workload(ctx, name, None, None)
    except NotFound:
        return name, None
    place = workload["metadata"]["namespace"]
    found = services_for(ctx, place, pod_labels(workload))
    if not found:
        return name, None
    service = found[0]["metadata"]["name"]
    return (service if place == namespace else f"{service}.{place}"), found[0]


def _ports(service: Mapping[str, Any]) -> tuple[int, ...]:
    ports = service["spec"].get("ports") or ()
    return tuple(one["port"] for one in ports if one.get("protocol", "TCP") == "TCP")[:_MOST_PORTS]


def _near(ctx: Context, host: str, namespace: str) -> tuple[str, ...]:
    return tuple(nearest(host, named(visible(ctx, "services", namespace, metadata_only=True))))


def _headless(service: Mapping[str, Any] | None) -> tuple[str, ...]:
    if service is not None and service["spec"].get("clusterIP") == "None":
        return (f"Service {service['metadata']['name']} is headless: its pods are connected to directly.",)
    return ()
