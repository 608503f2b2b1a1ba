"""What fields objects of a kind have: the OpenAPI schema that the API server itself publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.kubernetes.door.client import Cluster

_DEEPEST = 8  # some schemas contain themselves


def schema_of(cluster: Cluster, kind: str) -> dict[str, Any]:
    """The schema of a kind with its references resolved; empty where the server publishes none.

    Raises NotFound for a kind that the server does not know.
    """
    resource = cluster.kinds.resolve(kind)
    place = f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"
    known = cluster.get(f"/openapi/v3/{place}").get("components", {}).get("schemas", {})
    wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    found = next((one for one in known.values() if wanted in one.get("x-kubernetes-group-version-kind", ())), None)
    if found is None:
        return {}
    is_ = {"apiVersion": resource.api_version, "kind": resource.kind}
    properties = {name: one for name, one in found.get("properties", {}).items() if name not in ("metadata", "status")}
    return {**_resolved({**found, "properties": properties}, known, 0), "x-is": is_}


def _resolved(schema: Mapping[str, Any], known: Mapping[str, Any], depth: int) -> dict[str, Any]:
    while len(schema.get("allOf", ())) == 1:
        schema = {**schema["allOf"][0], **{key: value for key, value in schema.items() if key != "allOf"}}
    if name := schema.get("$ref", ""):
        schema = {**known.get(name.rsplit("/", 1)[-1], {}), "description": schema.get("description", "")}
    made = dict(schema)
    if depth >= _DEEPEST:
        return {key: value for key, value in made.items() if key not in ("properties", "items")}
    if "properties" in made:
        made["properties"] = {name: _resolved(one, known, depth + 1) for name, one in made["properties"].items()}
    if "items" in made:
        made["items"] = _resolved(made["items"], known, depth + 1)
    return made
