"""Where a workload's settings are in the values of the chart that it comes from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.docker.reference import DEFAULT_REGISTRY, Reference
from tools.errors import BadRequest, NotFound
from tools.helm.values import Values, look, nested

_REPLICAS = ("replicaCount", "replicas")
_COMPONENT = "app.kubernetes.io/component"


def prefix_of(values: Mapping[str, Any], workload: Mapping[str, Any], release: str, chart: str) -> str | None:
    """Dotted path of the settings of a workload; empty for the top level, None when it cannot be told.

    Charts name the part after the component, or keep one workload's settings at the top level.
    """
    meta = workload["metadata"]
    name = str(meta["name"])
    short = [name.removeprefix(f"{start}-") for start in (release, chart, f"{release}-{chart}") if start]
    for word in ((meta.get("labels") or {}).get(_COMPONENT), name, *short):
        if word and isinstance(values.get(word), Mapping):
            return str(word)
    if any(key in values for key in (*_REPLICAS, "image")):
        return ""
    return None


def replica_values(values: Mapping[str, Any], prefix: str, replicas: int) -> Values:
    """The setting for a replica count; raises BadRequest when the chart has none."""
    for key in _REPLICAS:
        if look(values, _at(prefix, key)) is not None:
            return nested({_at(prefix, key): replicas})
    raise BadRequest(
        f"The chart has no setting for the number of replicas of {prefix or 'it'}.",
        "It runs as many as the chart says.",
    )


def bounds_values(values: Mapping[str, Any], prefix: str, low: int, high: int) -> Values | None:
    """The settings for an autoscaler's bounds, or None when the chart has none."""
    path = _at(prefix, "autoscaling")
    if look(values, f"{path}.minReplicas") is None:
        return None
    return nested({f"{path}.minReplicas": low, f"{path}.maxReplicas": high})


def autoscaled(values: Mapping[str, Any], prefix: str) -> bool:
    """Whether these values have an autoscaler decide about the replicas."""
    return bool(look(values, _at(prefix, "autoscaling.enabled")))


def image_values(values: Mapping[str, Any], prefix: str, image: str) -> Values:
    """The settings for an image; raises NotFound when the chart has none."""
    reference = Reference.parse(image)
    path = _at(prefix, "image")
    known = look(values, path)
    if isinstance(known, str):
        return nested({path: str(reference)})
    if not isinstance(known, Mapping):
        raise NotFound(f"The chart has no setting for the image of {prefix or 'it'}.")
    host = "" if reference.registry == DEFAULT_REGISTRY else reference.registry
    parts: Values = {"tag": reference.tag or ("" if reference.digest else "latest")}
    if "registry" in known:
        parts |= {"registry": host, "repository": reference.path}
    else:
        parts["repository"] = reference.name
    if "digest" in known:
        parts["digest"] = reference.digest
    elif reference.digest:
        raise BadRequest("The chart cannot pin an image by its digest.", "Give a tag.")
    return nested({path: parts})


def resource_values(prefix: str, requests: Mapping[str, str | None], limits: Mapping[str, str | None]) -> Values:
    """The settings for requests and limits."""
    parts = {name: dict(amounts) for name, amounts in (("requests", requests), ("limits", limits)) if amounts}
    return nested({_at(prefix, "resources"): parts})


def env_values(
    values: Mapping[str, Any], given: Mapping[str, Any], prefix: str, env: Mapping[str, str | None]
) -> Values:
    """The settings for environment variables; `given` are the values that people gave so far.

    Raises NotFound when the chart has no place for them.
    """
    for key in ("env", "extraEnv", "extraEnvVars"):
        path = _at(prefix, key)
        known = look(values, path)
        if isinstance(known, Mapping):
            return _part(path, dict(env))
        if isinstance(known, list):
            items = look(given, path, known)
            kept = [item for item in items if isinstance(item, Mapping) and item.get("name") not in env]
            return nested({path: [*kept, *({"name": k, "value": v} for k, v in env.items() if v is not None)]})
    raise NotFound(f"The chart has no setting for the environment of {prefix or 'it'}.")


def _part(path: str, leaf: Values) -> Values:
    """`leaf` at a dotted path, its own keys taken as they are (names of variables may hold dots)."""
    for part in reversed(path.split(".")):
        leaf = {part: leaf}
    return leaf


def _at(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key
