"""Headless services: the one that names the pods of a StatefulSet is missing or not headless, or a port is not mapped.

Example: StatefulSet kafka has serviceName kafka-headless, and no such service exists. One that runs a single pod behind
an ordinary service is well, as long as nobody calls that pod by its own name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.change import ApplyManifest, Patch, Ref
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.again import made_again
from tools.kubernetes.diagnose.closest import right_selector
from tools.kubernetes.diagnose.dependencies import Dependency, place_of
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import containers_of, env_change, ref_of, template_of

IDS = {
    "SM-SERVICE-HEADLESS": "the service that names the pods of a StatefulSet does not exist or is not headless",
    "SM-SERVICE-HEADLESS-PORT": "somebody uses the port of a headless service, which is not mapped to that of its pods",
}
_GIVEN = ("clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "sessionAffinity")


def check(snap: Snapshot) -> Iterator[Seen]:
    """StatefulSets without the service they name, and clients of ports that nothing maps."""
    if "services" in snap.unchecked:
        return
    for item in snap.all("statefulsets.apps"):
        if name := item["spec"].get("serviceName"):
            service = snap.find("services", name, item["metadata"]["namespace"])
            if service is None:
                yield _missing(item, name)
            elif service["spec"].get("clusterIP") != "None":
                user = _caller(snap, item, name)
                if user or replicas_of(item) > 1:
                    yield _ordinary(item, service, user)
    unmapped = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item
        for item in snap.all("services")
        if item["spec"].get("clusterIP") == "None" and item["spec"].get("selector") and _moved(item)
    }
    for client in snap.workloads() if unmapped else ():
        yield from _unmapped(snap, client, unmapped)


def _missing(item: Object, name: str) -> Seen:
    ref = Ref(api_version="v1", kind="Service", name=name, namespace=item["metadata"]["namespace"])
    declared = [port for container in containers_of(item) for port in container.get("ports") or ()]
    ports = [
        {"name": port.get("name") or f"port-{port['containerPort']}", "port": port["containerPort"]}
        | ({"protocol": port["protocol"]} if port.get("protocol") else {})
        for port in declared
    ]
    spec = {"clusterIP": "None", "selector": right_selector(item), **({"ports": ports} if ports else {})}
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": ref.namespace},
        "spec": spec,
    }
    change = ApplyManifest(summary=f"create {ref}", ref=ref, manifest=manifest, create_only=True)
    return seen(
        "SM-SERVICE-HEADLESS",
        item,
        f"{ref_of(item)} names its pods by service {name}, which does not exist.",
        severity=Severity.WARNING,
        chain=("its pods cannot be found by their own names", f"service {name} does not exist"),
        evidence=(field("spec.serviceName", name),),
        fixes=(change_fix(f"Create the headless service {name}.", change),),
    )


def _ordinary(item: Object, service: Object, user: str) -> Seen:
    name = service["metadata"]["name"]
    entries = service["spec"].get("ports") or ()
    equal = all(port.get("targetPort", port["port"]) == port["port"] for port in entries)
    chain = ("its pods have no names of their own", f"service {name} has an address of its own")
    spec = {"clusterIP": "None", "type": "ClusterIP", **dict.fromkeys(_GIVEN)}
    if service["spec"].get("type", "ClusterIP") == "ClusterIP" and equal:
        again = made_again(service, spec, "without an address of its own")
        fix = change_fix(f"Make service {name} again as a headless one; it is gone for that moment.", *again)
    else:
        fix = Fix(text="Make the StatefulSet again with a headless service of its own: that name cannot be changed.")
    return seen(
        "SM-SERVICE-HEADLESS",
        item,
        f"{ref_of(item)} names its pods by service {name}, which has an address of its own, so they get no names"
        f"{f'; {user} uses them' if user else ''}.",
        severity=Severity.WARNING if user else Severity.INFO,
        chain=(f"{user} finds no pod by its name", *chain) if user else chain,
        evidence=(
            field("spec.serviceName", name),
            field(f"service {name} spec.clusterIP", service["spec"]["clusterIP"]),
        ),
        fixes=(fix,),
    )


def _caller(snap: Snapshot, item: Object, service: str) -> str:
    """A workload of the namespace whose settings name one of the pods."""
    called = re.compile(rf"(?<![\w-]){re.escape(item['metadata']['name'])}-\d+\.{re.escape(service)}(?![\w-])")
    for client in snap.workloads():
        if client["metadata"].get("namespace") == item["metadata"].get("namespace"):
            for container in containers_of(client):
                values = [str(one.get("value", "")) for one in container.get("env") or ()]
                if called.search("\n".join((*values, *container.get("args", ()), *container.get("command", ())))):
                    return str(ref_of(client))
    return ""


def _moved(service: Object) -> dict[int, int]:
    """Ports of a service whose pods listen on another one."""
    entries = service["spec"].get("ports") or ()
    return {
        port["port"]: port["targetPort"]
        for port in entries
        if isinstance(port.get("targetPort"), int) and port["targetPort"] != port["port"]
    }


def _unmapped(snap: Snapshot, client: Object, services: dict[tuple[str, str], Object]) -> Iterator[Seen]:
    home = client["metadata"].get("namespace") or ""
    for dependency in snap.hosts(client):
        place = place_of(dependency.host, home, {space for space, _ in services})
        service = services.get((place.namespace, place.name)) if place else None
        right = _moved(service).get(dependency.port or 0) if service else None
        if service and right:
            yield _wrong_port(client, service, dependency, right)
            return


def _wrong_port(client: Object, service: Object, dependency: Dependency, right: int) -> Seen:
    ref, name, port = ref_of(client), service["metadata"]["name"], dependency.port
    why = f"service {name} is headless: its port {port} is not mapped to {right}, where its pods listen"
    change = _port_change(client, dependency, right)
    return seen(
        "SM-SERVICE-HEADLESS-PORT",
        service,
        f"{ref} connects to port {port} of service {name}, where nobody listens: {why}.",
        severity=Severity.WARNING,
        chain=(f"connections from {ref} to {name}:{port} are refused", why),
        evidence=(
            field(f"{dependency.variable or 'an argument'} of {ref}", f"{dependency.host}:{port}"),
            field("spec.ports.targetPort", right),
        ),
        fixes=(
            change_fix(f"Let {ref} connect to port {right}.", change) if change else None,
            Fix(text=f"Or make service {name} an ordinary one, with an address of its own."),
        ),
    )


def _port_change(client: Object, dependency: Dependency, right: int) -> Patch | None:
    """The port in the variable that names it; a value with a password must not travel inside of a finding."""
    own = next((c for c in containers_of(client) if c["name"] == dependency.container), None)
    if (
        not own
        or not dependency.variable
        or dependency.source
        or "@" in dependency.value
        or template_of(client).get("spec") is None
    ):
        return None
    told = f"{dependency.host}:{dependency.port}"
    if told not in dependency.value:
        return None
    value = dependency.value.replace(told, f"{dependency.host}:{right}", 1)
    return env_change(client, dependency.container, {dependency.variable: value})
