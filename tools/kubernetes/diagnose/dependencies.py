"""What a workload connects to, as its own settings say: hosts in environment variables and arguments. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tools.kubernetes.workload_changes import template_of

_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]*://(?:[^\s/@]*@)?(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>\d{1,5}))?"
)
_BARE = re.compile(r"(?P<host>[a-z](?:[a-z0-9.-]*[a-z0-9])?)(?::(?P<port>\d{1,5}))?\Z")
_NAMED = re.compile(r"(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT|SERVICE|UPSTREAM|BROKERS?|SERVERS|HOSTS)$")
# Names under which a program is told about itself, not about somebody else.
_OWN = re.compile(r"^(?:HOST|HOSTNAME)$|BIND|LISTEN|PUBLIC|ALLOWED|VIRTUAL|ADVERTISE|POD_|NODE_|TRUSTED", re.I)
_PORT_TWIN = re.compile(r"(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER)$")


class Dependency(NamedTuple):
    """A host that a container is told to use: by which variable ("" for an argument), with which port if it says."""

    container: str
    variable: str
    value: str
    host: str
    port: int | None


def dependencies(workload: Mapping[str, Any]) -> Iterator[Dependency]:
    """Every host that the containers of a workload are told in plain words."""
    spec: Mapping[str, Any] = template_of(workload).get("spec") or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        values = {item["name"]: item["value"] for item in container.get("env") or () if item.get("value")}
        for name, value in values.items():
            if not _OWN.search(name):
                yield from _in_variable(container["name"], name, value, values)
        for text in (*(container.get("command") or ()), *(container.get("args") or ())):
            if len(text) < 300:  # a longer one is a script, not a setting
                yield from _in_urls(container["name"], "", text)


def _in_variable(container: str, name: str, value: str, values: Mapping[str, str]) -> Iterator[Dependency]:
    if "://" in value:
        yield from _in_urls(container, name, value)
    elif _NAMED.search(name):
        for part in value.split(","):
            if match := _BARE.match(part.strip()):
                twin = values.get(_PORT_TWIN.sub("PORT", name), "")
                port = match["port"] or (twin if twin.isdigit() and _PORT_TWIN.search(name) else "")
                yield Dependency(container, name, value, match["host"], int(port) if port else None)


def _in_urls(container: str, name: str, value: str) -> Iterator[Dependency]:
    for match in _URL.finditer(value):
        if re.search("[a-zA-Z]", match["host"]):
            port = int(match["port"]) if match["port"] else None
            yield Dependency(container, name, value, match["host"].lower(), port)


class Place(NamedTuple):
    """A service by its name in the cluster; `sure` when the host can be nothing but a service."""

    name: str
    namespace: str
    sure: bool


def place_of(host: str, home: str, namespaces: set[str]) -> Place | None:
    """Which service a host would be, seen from a namespace; None for hosts outside and for single pods."""
    parts = host.rstrip(".").split(".")
    if host == "localhost" or not all(parts):
        return None
    if len(parts) == 1:
        return Place(host, home, False)
    if parts[2:] in (["svc"], ["svc", "cluster", "local"]):
        return Place(parts[0], parts[1], True)
    if len(parts) == 2 and parts[1] in namespaces:
        return Place(parts[0], parts[1], True)
    return None
