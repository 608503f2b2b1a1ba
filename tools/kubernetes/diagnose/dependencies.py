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
_DOMAIN = "svc.cluster.local"
_PORT_TWIN = re.compile(r"(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER)$")


class Dependency(NamedTuple):
    """A host that a container is told to use: by which variable ("" for an argument), with which port if it says.

    `source` is the ConfigMap that the variable comes from, empty where the workload sets it itself.
    """

    container: str
    variable: str
    value: str
    host: str
    port: int | None
    source: str = ""


Config = Mapping[str, Mapping[str, str]]  # the data of ConfigMaps by name


def dependencies(workload: Mapping[str, Any], config: Config | None = None) -> Iterator[Dependency]:
    """Every host that the containers of a workload are told in plain words, by ConfigMaps as far as they are given."""
    for container in _containers(workload):
        own = {item["name"]: item["value"] for item in container.get("env") or () if item.get("value")}
        lent = {name: found for name, found in _lent(container, config or {}) if name not in own}
        values = {**{name: value for name, (_, value) in lent.items()}, **own}
        for name, value in values.items():
            if not _OWN.search(name):
                source = lent[name][0] if name in lent else ""
                for found in _in_variable(container["name"], name, value, values):
                    yield found._replace(source=source)
        for text in (*(container.get("command") or ()), *(container.get("args") or ())):
            if len(text) < 300:  # a longer one is a script, not a setting
                yield from _in_urls(container["name"], "", text)


def config_names(workload: Mapping[str, Any]) -> set[str]:
    """The ConfigMaps that fill the environment of a workload's containers."""
    return {name for container in _containers(workload) for name, _ in _references(container)}


def _containers(workload: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    spec: Mapping[str, Any] = template_of(workload).get("spec") or {}
    return (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))


def _references(container: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each ConfigMap with the entry that names it, later ones last: they win."""
    for entry in container.get("envFrom") or ():
        if name := (entry.get("configMapRef") or {}).get("name"):
            yield name, entry
    for entry in container.get("env") or ():
        if name := ((entry.get("valueFrom") or {}).get("configMapKeyRef") or {}).get("name"):
            yield name, entry


def _lent(container: Mapping[str, Any], config: Config) -> Iterator[tuple[str, tuple[str, str]]]:
    """Variables from ConfigMaps: the name, and ConfigMap and value."""
    for name, entry in _references(container):
        data = config.get(name) or {}
        if "valueFrom" in entry:
            key = entry["valueFrom"]["configMapKeyRef"]["key"]
            if key in data:
                yield entry["name"], (name, data[key])
        else:
            prefix = entry.get("prefix") or ""
            yield from ((f"{prefix}{key}", (name, value)) for key, value in data.items())


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


def right_domain(host: str) -> str:
    """The full name of a service with the end of it spelt right; empty where nothing is wrong with it."""
    from rapidfuzz import fuzz

    parts = host.rstrip(".").split(".")
    end = ".".join(parts[2:])
    if len(parts) < 4 or not all(parts) or end in ("svc", _DOMAIN) or fuzz.ratio(end, _DOMAIN) < 90:
        return ""
    return f"{parts[0]}.{parts[1]}.{_DOMAIN}"
