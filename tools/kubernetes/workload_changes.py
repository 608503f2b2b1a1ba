"""Changes of a workload's own fields, each made from the live object. Pure: nothing is read or written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.change import Patch, Ref, Scale
from tools.errors import BadRequest, NeedsAnswer, NotFound
from tools.kubernetes import quantity
from tools.kubernetes.names import check_image

MAX_REPLICAS = 1000  # more in one go is far more often a slip of the finger than a wish
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def ref_of(obj: Mapping[str, Any]) -> Ref:
    """Where an object lives."""
    meta = obj["metadata"]
    return Ref(api_version=obj["apiVersion"], kind=obj["kind"], name=meta["name"], namespace=meta.get("namespace"))


def template_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The pod template of a workload (a CronJob's is one level down); the object itself if it is a pod."""
    if obj["kind"] == "Pod":
        return {"metadata": obj["metadata"], "spec": obj["spec"]}
    spec = obj["spec"]
    if obj["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec.get("template") or {}


def containers_of(obj: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of the pod template, without init containers."""
    return (template_of(obj).get("spec") or {}).get("containers") or []


def pick_container(obj: Mapping[str, Any], container: str | None) -> dict[str, Any]:
    """The named container, or the only one; raises NeedsAnswer when there are several and none is named."""
    containers = containers_of(obj)
    names = [item["name"] for item in containers]
    if container is None:
        if len(containers) == 1:
            return containers[0]
        raise NeedsAnswer(f"{_title(obj)} has several containers. Which one?", tuple(names), slot="container")
    for item in containers:
        if item["name"] == container:
            return item
    raise NotFound(f"{_title(obj)} has no container {container!r}.", f"It has: {', '.join(names)}.")


def scale_change(obj: Mapping[str, Any], replicas: int, why: str = "") -> Scale:
    """Set the replica count."""
    if obj["kind"] not in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController") and (
        obj["kind"] in ("DaemonSet", "Job", "CronJob", "Pod")
    ):
        raise BadRequest(f"A {obj['kind']} has no replica count.", "Deployments and StatefulSets can be scaled.")
    if not 0 <= replicas <= MAX_REPLICAS:
        raise BadRequest(f"{replicas} replicas is out of range.", f"Choose a number from 0 to {MAX_REPLICAS}.")
    now = obj["spec"].get("replicas", 1)
    noun = "replica" if replicas == 1 else "replicas"
    return Scale(
        summary=f"scale {ref_of(obj)} from {now} to {replicas} {noun}",
        why=why,
        ref=ref_of(obj),
        replicas=replicas,
    )


def image_change(obj: Mapping[str, Any], container: str | None, image: str, why: str = "") -> Patch:
    """Set the image of one container."""
    picked = pick_container(obj, container)
    entry = {"name": picked["name"], "image": check_image(image)}
    summary = f"set the image of {ref_of(obj)} from {picked.get('image', 'nothing')} to {image}"
    return _container_patch(obj, entry, "set image", summary, why)


def resources_change(
    obj: Mapping[str, Any],
    container: str | None,
    requests: Mapping[str, str | None] | None = None,
    limits: Mapping[str, str | None] | None = None,
    why: str = "",
) -> Patch:
    """Set requests and limits of one container; None as a value removes that one."""
    picked = pick_container(obj, container)
    wanted = {"requests": dict(requests or {}), "limits": dict(limits or {})}
    if not any(wanted.values()):
        raise BadRequest("No request and no limit was given.", "Say for instance cpu 250m, memory limit 512Mi.")
    live: Mapping[str, Mapping[str, str]] = picked.get("resources") or {}
    after = {
        part: {key: value for key, value in {**live.get(part, {}), **values}.items() if value is not None}
        for part, values in wanted.items()
    }
    for part in after.values():
        for key, value in part.items():
            if quantity.parse(value) <= 0:
                raise BadRequest(f"{value!r} is not a positive amount of {key}.")
    for key, value in after["requests"].items():
        limit = after["limits"].get(key)
        if limit is not None and quantity.parse(value) > quantity.parse(limit):
            raise BadRequest(
                f"The {key} request {value} would be above the limit {limit}.",
                "Give a limit at least as high.",
            )
    said = ", ".join(
        f"{part[:-1]} {key} {value if value is not None else 'removed'}"
        for part, values in wanted.items()
        for key, value in values.items()
    )
    entry = {"name": picked["name"], "resources": {part: values for part, values in wanted.items() if values}}
    return _container_patch(obj, entry, "set resources", f"set resources of {ref_of(obj)}: {said}", why)


def env_change(obj: Mapping[str, Any], container: str | None, env: Mapping[str, str | None], why: str = "") -> Patch:
    """Set (or with None remove) environment variables of one container; the summary names them, never the values."""
    picked = pick_container(obj, container)
    if not env:
        raise BadRequest("No variable was given.", "Say for instance LOG_LEVEL=debug.")
    for name in env:
        if not name or "=" in name or any(ord(sign) < 33 or ord(sign) > 126 for sign in name):
            raise BadRequest(f"{name[:80]!r} is not a valid name of an environment variable.")
    known = {item["name"] for item in picked.get("env") or ()}
    if unknown := [name for name, value in env.items() if value is None and name not in known]:
        raise NotFound(
            f"{_title(obj)} sets no variable {unknown[0]!r} itself.", "It may come from envFrom or the image."
        )
    items: list[dict[str, Any]] = [
        {"name": name, "$patch": "delete"} if value is None else {"name": name, "value": value, "valueFrom": None}
        for name, value in env.items()
    ]
    put = [name for name, value in env.items() if value is not None]
    gone = [name for name, value in env.items() if value is None]
    said = " and ".join(
        part for part in (f"set {', '.join(put)}" if put else "", f"remove {', '.join(gone)}" if gone else "") if part
    )
    return _container_patch(
        obj,
        {"name": picked["name"], "env": items},
        "set env",
        f"{said} in the environment of {ref_of(obj)}",
        why,
    )


def restart_change(obj: Mapping[str, Any], at: str, why: str = "") -> Patch:
    """Replace all pods of a workload, one after the other, by marking its template with the time `at` (RFC 3339)."""
    if obj["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        raise BadRequest(f"A {obj['kind']} cannot be restarted.", "Deployments, StatefulSets and DaemonSets can.")
    if obj["spec"].get("paused"):
        raise BadRequest(f"{_title(obj)} is paused, so a restart would not happen.", "Resume it first.")
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}}
    return Patch(summary=f"restart {ref_of(obj)}", why=why, ref=ref_of(obj), verb="restart", patch=patch)


def _title(obj: Mapping[str, Any]) -> str:
    return f"{obj['kind']} {obj['metadata']['name']}"


def _container_patch(obj: Mapping[str, Any], entry: dict[str, Any], verb: str, summary: str, why: str) -> Patch:
    body: dict[str, Any] = {"spec": {"template": {"spec": {"containers": [entry]}}}}
    if obj["kind"] == "CronJob":
        body = {"spec": {"jobTemplate": body}}
    if obj["kind"] == "Pod":
        body = {"spec": {"containers": [entry]}}
    return Patch(summary=summary, why=why, ref=ref_of(obj), verb=verb, patch=body)
