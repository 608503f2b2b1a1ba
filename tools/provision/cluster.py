"""A cluster on this machine, whoever runs it: what is asked for, what is there, and the drivers that make it."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from tools.errors import BadRequest, Failed, NotFound
from tools.progress import Progress, Steps
from tools.provision import images as base
from tools.provision import kubeconfig, made
from tools.provision.folders import take_turn

DEFAULT_NAME = "shipmate"
State = Literal["running", "stopped", "broken", "absent"]


@dataclass(frozen=True)
class ClusterInfo:
    """What is known of a cluster. URLs are as the host reaches them; empty when the driver has no such thing."""

    name: str
    driver: str
    state: State
    uid: str = ""
    version: str = ""
    server: str = ""
    registry: str = ""
    ingress: str = ""
    ingress_tls: str = ""
    container: str = ""
    problems: tuple[str, ...] = ()
    components: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    def as_data(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


class Driver(Protocol):
    """One way to have a cluster on this machine."""

    name: str

    def installed(self) -> bool:
        """Whether the program behind the driver is there."""
        ...

    def info(self, name: str) -> ClusterInfo:
        """What is there now; takes about half a second and changes nothing."""
        ...

    def up(self, name: str, *, fake_nodes: int, recreate: bool) -> Steps[None]:
        """Make the cluster, or start it; does nothing when it is usable."""
        ...

    def kubeconfig(self, name: str) -> dict[str, Any]:
        """The kubeconfig of the person's own identity, with one context."""
        ...

    def load(self, name: str, image: str) -> Steps[str]:
        """Copy an image of the host's engine into the cluster; returns how a pod refers to it."""
        ...

    def down(self, name: str, *, all_data: bool) -> Steps[None]:
        """Remove the cluster and everything of it."""
        ...


def drivers() -> dict[str, Driver]:
    """The drivers by name, the one to be preferred first."""
    from tools.provision.drivers.builtin import BuiltIn
    from tools.provision.drivers.kind import Kind
    from tools.provision.drivers.minikube import Minikube

    return {driver.name: driver for driver in (Minikube(), Kind(), BuiltIn())}


def choose(name: str, wanted: str | None) -> Driver:
    """The driver for a cluster: the one that made it, else the wanted one, else the first that is installed."""
    check_name(name)
    known = drivers()
    if wanted is not None and wanted not in known:
        raise BadRequest(f"There is no driver {wanted!r}.", f"Choose one of {', '.join(known)}.")
    record = made.by_name(name)
    if record is not None:
        if wanted not in (None, record.driver):
            raise BadRequest(
                f"Cluster {name} was made by the driver {record.driver}.",
                f"Remove it with `shipmate cluster down --name {name}` first, or choose another --name.",
            )
        return known[record.driver]
    if wanted is not None:
        return known[wanted]
    return next(driver for driver in known.values() if driver.installed() or driver.name == "built-in")


def check_name(name: str) -> None:
    """Raise BadRequest unless the name can be that of containers, volumes and contexts."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", name) or name.endswith("-"):
        raise BadRequest(
            f"{name!r} cannot be a cluster's name.",
            "Use up to 40 lower-case letters, digits and dashes, starting with a letter.",
        )


def up(
    name: str, wanted: str | None = None, *, fake_nodes: int = 0, switch: bool = False, recreate: bool = False
) -> Steps[ClusterInfo]:
    """Have a usable cluster: made, started or found; its context in the kubeconfig, its UID remembered."""
    if not 0 <= fake_nodes <= 1000:
        raise BadRequest("The number of fake nodes must be between 0 and 1000.")
    driver = choose(name, wanted)
    kubeconfig.check_free(name)
    turn = yield from take_turn(f"cluster-{name}")
    try:
        yield from driver.up(name, fake_nodes=fake_nodes, recreate=recreate)
        info = driver.info(name)
        if info.state != "running":
            problem = "; ".join(info.problems) or f"it is {info.state}"
            raise Failed(f"Cluster {name} did not come up: {problem}.", _look(info))
        kubeconfig.merge(name, driver.kubeconfig(name), switch=switch)
        made.remember(made.Record(info.uid, name, driver.name, info.container, info.registry, info.ingress))
    finally:
        os.close(turn)
    yield Progress(f"Cluster {name} is up", 1.0)
    return info


def status(name: str) -> ClusterInfo:
    """What is known of the cluster of that name."""
    return choose(name, None).info(name)


def load(name: str, images: list[str]) -> Steps[list[str]]:
    """Copy images of the host's engine into the cluster; returns how pods refer to them."""
    driver = choose(name, None)
    running(driver.info(name))
    references: list[str] = []
    for image in images:
        yield from base.ensure(image)
        references.append((yield from driver.load(name, image)))
    return references


def down(name: str, *, all_data: bool = False) -> Steps[bool]:
    """Remove the cluster, its kubeconfig entries and what is remembered of it; False when there was none."""
    driver = choose(name, None)
    there = driver.info(name).state != "absent" or made.by_name(name) is not None
    if there or all_data:
        yield from driver.down(name, all_data=all_data)
    kubeconfig.remove(name)
    made.forget(name)
    return there


def running(info: ClusterInfo) -> ClusterInfo:
    """The same cluster; raises NotFound or Failed unless it is running."""
    if info.state == "absent":
        raise NotFound(f"There is no cluster {info.name}.", "Make it with `shipmate cluster up`.")
    if info.state == "stopped":
        raise Failed(f"Cluster {info.name} is stopped.", "Start it with `shipmate cluster up`.")
    return info


def _look(info: ClusterInfo) -> str:
    if info.driver != "built-in":
        return f"Ask {info.driver} for its logs."
    return "Look at `shipmate cluster logs`; `shipmate cluster down` and `up` start afresh."
