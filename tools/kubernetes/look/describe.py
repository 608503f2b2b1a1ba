"""One object in full for people: what it is meant to be, how it is, what belongs to it and what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, Forbidden
from tools.kubernetes.look.aspects import ASPECTS, aspect_of
from tools.kubernetes.look.describe_kinds import SPECIALISTS, Lines
from tools.kubernetes.look.events import concerns, event_item, event_table, fetch_events
from tools.kubernetes.look.lookup import get_one
from tools.kubernetes.look.pods import container_state, containers, pod_phase, pods_of, ready, restarts
from tools.kubernetes.look.tables import render
from tools.kubernetes.quantity import age
from tools.secrets.redact import redact_object, redact_text

_WITH_PODS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "Service",
)
_MOST_PODS = 20
_MOST_EVENTS = 15
_MOST_FIELDS = 60


def describe(ctx: Context, *, kind: str, name: str, namespace: str | None = None, about: str | None = None) -> Result:
    """Describe one object: settings, conditions, its pods, who owns it, recent events. Secrets show keys only.

    about: only one aspect: image, port, environment, resources, labels, selector, probes, volumes, command, strategy,
    replicas, schedule, host, address, age, data, owner, pods or conditions.
    """
    if about and about not in ASPECTS:
        raise BadRequest(f"{about[:40]!r} is no aspect of an object.", f"There are: {', '.join(ASPECTS)}.")
    resource, obj = get_one(ctx, kind, name, namespace)
    metadata: dict[str, Any] = obj["metadata"]
    obj["kind"], obj["apiVersion"] = resource.kind, resource.api_version
    clean: dict[str, Any] = redact_object(obj)
    sections = [_head(clean)]
    specialist: Callable[[Mapping[str, Any]], Lines] = SPECIALISTS.get(resource.kind, _any_kind)
    sections.append("\n".join(specialist(clean)))
    sections.append(_conditions(clean))
    pods = pods_of(ctx, obj) if resource.kind in _WITH_PODS else []
    if resource.kind in _WITH_PODS:
        sections.append(_pod_table(redact_object(pods)))
    found = _events(ctx, resource.kind, metadata["name"], metadata.get("namespace"), metadata["uid"], pods)
    if found:
        latest = found[-_MOST_EVENTS:]
        hidden = (
            f" (the latest; {len(found) - len(latest)} older ones are not shown)" if len(latest) < len(found) else ""
        )
        sections.append(f"Events{hidden}:\n{_indented(event_table(latest))}")
    else:
        sections.append("Events: none." if found is not None else "Events: this user may not read them.")
    data = {
        "object": _plain(clean),
        "pods": [_pod_item(pod) for pod in pods],
        "events": [event_item(item) for item in found or ()],
    }
    text = redact_text("\n".join(part for part in sections if part))
    return Result(text=aspect_of(text, about) if about else text, data=redact_object(data))


def _head(obj: Mapping[str, Any]) -> str:
    metadata: Mapping[str, Any] = obj["metadata"]
    place = f" in namespace {metadata['namespace']}" if metadata.get("namespace") else ""
    lines = [
        f"{obj['kind']} {metadata['name']}{place} ({obj['apiVersion']}), {age(metadata.get('creationTimestamp'))} old"
    ]
    if metadata.get("deletionTimestamp"):
        finalizers = ", ".join(metadata.get("finalizers") or ()) or "nothing more"
        lines.append(f"Being deleted since {age(metadata['deletionTimestamp'])}; waits for {finalizers}")
    owners = [f"{owner['kind'].lower()}/{owner['name']}" for owner in metadata.get("ownerReferences") or ()]
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    if release := annotations.get("meta.helm.sh/release-name"):
        owners.append(f"Helm release {release}")
    if owners:
        lines.append(f"Owner: {', '.join(owners)}")
    if labels := metadata.get("labels"):
        lines.append("Labels: " + ", ".join(f"{key}={value}" for key, value in labels.items()))
    return "\n".join(lines)


def _conditions(obj: Mapping[str, Any]) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    rows = [
        (
            item.get("type"),
            item.get("status"),
            item.get("reason") or "",
            age(item.get("lastTransitionTime")),
            item.get("message") or "",
        )
        for item in conditions
        if isinstance(item, Mapping)
    ]
    return f"Conditions:\n{_indented(render(('type', 'status', 'reason', 'since', 'message'), rows))}" if rows else ""


def _pod_table(pods: list[dict[str, Any]]) -> str:
    if not pods:
        return "Pods: none."
    rows = [
        (item["name"], item["ready"], item["status"], item["restarts"], item["age"], item["node"], item["detail"])
        for item in map(_pod_item, pods[:_MOST_PODS])
    ]
    more = f" (the first {_MOST_PODS} of {len(pods)})" if len(pods) > _MOST_PODS else f" ({len(pods)})"
    table = render(("name", "ready", "status", "restarts", "age", "node", "detail"), rows)
    return f"Pods{more}:\n{_indented(table)}"


def _pod_item(pod: Mapping[str, Any]) -> dict[str, Any]:
    states = (f"{spec['name']} {container_state(status)}" for _, spec, status in containers(pod) if status)
    return {
        "name": pod["metadata"]["name"],
        "ready": ready(pod),
        "status": pod_phase(pod),
        "restarts": restarts(pod),
        "age": age(pod["metadata"].get("creationTimestamp")),
        "node": (pod.get("spec") or {}).get("nodeName") or "",
        "detail": "; ".join(text for text in states if not text.endswith(" running")),
    }


def _events(
    ctx: Context, kind: str, name: str, namespace: str | None, uid: str, pods: list[dict[str, Any]]
) -> list[dict[str, Any]] | None:
    """Events about the object itself and about the pods that belong to it; None where they may not be read."""
    mine = {pod["metadata"]["uid"] for pod in pods} | {uid}
    try:
        found = fetch_events(ctx, namespace or "default", fields="" if pods else f"involvedObject.name={name}")
    except Forbidden:
        return None
    return [
        event
        for event in found
        if (event.get("involvedObject") or {}).get("uid") in mine
        or (kind != "Service" and concerns(event, kind, name) and namespace)
        or (kind == "Node" and concerns(event, kind, name))
    ]


def _any_kind(obj: Mapping[str, Any]) -> Lines:
    """A kind without a specialist: its fields, a line each, as many as are readable."""
    lines = [
        line
        for part in (
            "spec",
            "status",
            *(key for key in obj if key not in ("apiVersion", "kind", "metadata", "spec", "status")),
        )
        for line in _fields(part, obj.get(part))
        if not line.startswith("status.conditions")
    ]
    if len(lines) > _MOST_FIELDS:
        lines[_MOST_FIELDS:] = [f"… {len(lines) - _MOST_FIELDS} more fields (get_object shows all)"]
    return lines


def _fields(path: str, value: Any) -> Lines:
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _fields(f"{path}.{key}", item)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):  # pyright: ignore[reportUnknownVariableType]
        return [line for index, item in enumerate(value) for line in _fields(f"{path}[{index}]", item)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if value is None:
        return []
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return [f"{path}: {text if len(text) <= 200 else text[:200] + '…'}"]


def _plain(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
