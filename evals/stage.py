"""A fresh namespace on the built-in cluster: set with manifests, looked at before and after, cleared away."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import Any

import yaml

from tools.context import Context
from tools.errors import Failed, NotFound
from tools.permit import Permit
from tools.preview import Write

_APPLY = "application/apply-patch+yaml"
_WATCHED = (
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "services",
    "ingresses.networking.k8s.io",
    "configmaps",
    "secrets",
    "persistentvolumeclaims",
    "horizontalpodautoscalers.autoscaling",
    "resourcequotas",
)


class Stage:
    """One namespace and what is in it."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.namespace = ctx.namespace or ""
        self._cluster_wide: list[str] = []

    def put(self, manifests: str) -> None:
        """Create the documents in the namespace."""
        for document, path in self._documents(manifests):
            _write(self.ctx, "POST", path, document)

    def apply(self, manifests: str) -> None:
        """Create the documents, or lay them over what is there (server-side apply)."""
        for document, path in self._documents(manifests):
            given = {"fieldManager": "operator", "force": "true"}
            _write(self.ctx, "PATCH", f"{path}/{document['metadata']['name']}", document, _APPLY, **given)

    def patch(self, reference: str, body: dict[str, Any]) -> None:
        """Merge a patch into the object `kind/name`."""
        _write(self.ctx, "PATCH", self._path(reference), body, "application/merge-patch+json", fieldManager="operator")

    def delete(self, reference: str) -> None:
        """Delete the object `kind/name`; what it owns goes too."""
        _write(self.ctx, "DELETE", self._path(reference))

    def clear(self) -> None:
        """Take away what would outlive the namespace: cluster-scoped objects, and finalizers that nobody removes."""
        for path in self._cluster_wide:
            with suppress(NotFound):
                _write(self.ctx, "DELETE", path)
        for kind in ("pods", *_WATCHED):
            resource = self.ctx.cluster.kinds.resolve(kind)
            for item in self.ctx.cluster.list(resource, self.namespace, metadata_only=True):
                if any("kubernetes" not in name for name in item["metadata"].get("finalizers") or ()):
                    name = f"{resource.kind.lower()}/{item['metadata']['name']}"
                    with suppress(NotFound):
                        self.patch(name, {"metadata": {"finalizers": None}})

    def _documents(self, manifests: str) -> Iterator[tuple[dict[str, Any], str]]:
        """Each document with the path of its collection."""
        for document in yaml.safe_load_all(manifests.replace("{namespace}", self.namespace)):
            if document:
                kind = self.ctx.cluster.kinds.resolve(_kind_of(document))
                path = self.ctx.cluster.collection(kind, self.namespace if kind.namespaced else None)
                if not kind.namespaced and kind.kind != "Namespace":
                    self._cluster_wide.append(f"{path}/{document['metadata']['name']}")
                yield document, path

    def wait_for(self, deployment: str, seconds: float = 60) -> None:
        """Wait until all replicas of the deployment are ready."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.object(f"deployment/{deployment}") or {}
            wanted = found.get("spec", {}).get("replicas", 1)
            if found.get("status", {}).get("readyReplicas", 0) == wanted:
                return
            time.sleep(0.2)
        raise Failed(f"deployment {deployment} did not become ready on the stage.")

    def wait_for_event(self, reason: str, seconds: float = 90) -> None:
        """Wait until the cluster has reported an event of that reason."""
        events = self.ctx.cluster.kinds.resolve("events")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(event.get("reason") == reason for event in self.ctx.cluster.list(events, self.namespace)):
                return
            time.sleep(0.3)
        raise Failed(f"no event {reason} came on the stage.")

    def object(self, reference: str) -> dict[str, Any] | None:
        """The object `kind/name`, None when there is none."""
        try:
            return self.ctx.cluster.get(self._path(reference))
        except NotFound:
            return None

    def _path(self, reference: str) -> str:
        kind, _, name = reference.replace("{namespace}", self.namespace).partition("/")
        resource = self.ctx.cluster.kinds.resolve(kind)
        collection = self.ctx.cluster.collection(resource, self.namespace if resource.namespaced else None)
        return f"{collection}/{name}"

    def specs(self) -> dict[str, str]:
        """What every watched object says, without status and bookkeeping: to see what a request touched."""
        seen: dict[str, str] = {}
        for kind in _WATCHED:
            resource = self.ctx.cluster.kinds.resolve(kind)
            for item in self.ctx.cluster.list(resource, self.namespace):
                body = {key: value for key, value in item.items() if key not in ("metadata", "status")}
                seen[f"{resource.kind.lower()}/{item['metadata']['name']}"] = json.dumps(body, sort_keys=True)
        return seen


@contextmanager
def fresh_stage(ctx: Context) -> Generator[Stage]:
    """A namespace of its own; `ctx` must not have been used yet."""
    name = f"eval-{token_hex(4)}"
    ctx.namespace = name
    _write(ctx, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    stage = Stage(ctx)
    try:
        yield stage
    finally:
        stage.clear()
        _write(ctx, "DELETE", f"/api/v1/namespaces/{name}")


def _kind_of(document: dict[str, Any]) -> str:
    group, _, _ = document.get("apiVersion", "v1").rpartition("/")
    return f"{document['kind']}.{group}" if group else document["kind"]


def _write(
    ctx: Context, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: Any
) -> None:
    """Set or clear the stage: not what is judged, so under a permit for just that."""
    permit = Permit("stage", 0, (Write(door="kubernetes", method=method, path=path),))
    with permit.opened():
        ctx.cluster.write(permit, method, path, body, content_type, **query)
