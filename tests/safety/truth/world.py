"""A small cluster behind the scripted API server: it lists, tries changes dry and would really carry them out.

Every request is remembered, so that "nothing was written" is read off the wire.
"""

from __future__ import annotations

import copy
import json
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import yaml

from tests.safety.truth.kinds import KINDS, Kind, discovery
from tests.tools.kubernetes.api_server import Answer, ApiServer, Request, refusal

Object = dict[str, Any]
REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")
WRITING = ("POST", "PUT", "PATCH", "DELETE")


class World:
    """Objects by path; `api` is the server that shows them, `logs` what containers wrote, by pod."""

    def __init__(self, api: ApiServer, manifests: str) -> None:
        self.api = api
        self.objects: dict[str, Object] = {}
        self.logs: dict[str, str] = {}
        api.answer = self.answer  # pyright: ignore[reportAttributeAccessIssue]
        for document in yaml.safe_load_all(manifests):
            if document:
                self.put(document)

    def put(self, document: Object) -> None:
        """An object that is there."""
        kind = next(one for one in KINDS if (one.api_version, one.kind) == (document["apiVersion"], document["kind"]))
        meta = document["metadata"]
        if kind.namespaced:
            meta.setdefault("namespace", "shop")
        path = kind.path(meta.get("namespace", ""), meta["name"])
        meta |= {
            "uid": str(uuid5(NAMESPACE_DNS, path)),
            "resourceVersion": "7",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }
        self.objects[path] = document

    def writes(self, since: int = 0) -> list[str]:
        """The requests that changed something; questions and dry runs do not."""
        return [f"{one.method} {one.path}" for one in self.api.seen[since:] if is_write(one)]

    def answer(self, request: Request) -> Answer:
        self.api.seen.append(request)
        if request.path in ("/api", "/apis"):
            return Answer(discovery(request.path == "/api"))
        if request.path == "/version":
            return Answer({"major": "1", "minor": "35", "gitVersion": "v1.35.4"})
        if request.path.rsplit("/", 1)[-1] in REVIEWS:
            return Answer({**request.body, "status": {"allowed": True, "userInfo": {"username": "tester"}}}, 201)
        return self._read(request) if request.method == "GET" else self._write(request)

    # --- reading --------------------------------------------------------------------------------------------------

    def _read(self, request: Request) -> Answer:
        path = request.path
        if path in self.objects:
            return Answer(self.objects[path])
        if path.endswith("/log"):
            pod = path.split("/")[-2]
            return Answer(self.logs.get(pod, f"2026-01-01T00:00:00Z {pod} listens\n"))
        if path.endswith("/scale") and path.removesuffix("/scale") in self.objects:
            return Answer(self._scale(self.objects[path.removesuffix("/scale")]))
        kind = next((one for one in KINDS if _is_collection(one, path)), None)
        if kind is None:
            return refusal(404, "NotFound", f"{path} not found")
        return Answer(self._listed(kind, request))

    def _listed(self, kind: Kind, request: Request) -> Object:
        place = request.path.removeprefix(kind.root).split("/")
        namespace = place[2] if kind.namespaced and len(place) > 3 else ""
        own = kind.path(namespace) if namespace else kind.root
        found = [
            obj for path, obj in self.objects.items()
            if path.startswith(own + "/") and path.split("/")[-2] == kind.plural and obj["kind"] == kind.kind
            and _selected(obj, request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))
        ]  # fmt: skip
        accept = request.header("Accept")
        if "as=Table" in accept:
            rows = [{"cells": [one["metadata"]["name"], _status(one), "1d"], "object": one} for one in found]
            columns = [{"name": name, "priority": 0} for name in ("Name", "Status", "Age")]
            return {"kind": "Table", "metadata": {}, "columnDefinitions": columns, "rows": rows}
        items = [{"metadata": one["metadata"]} if "PartialObject" in accept else copy.deepcopy(one) for one in found]
        return {"kind": f"{kind.kind}List", "metadata": {"resourceVersion": "9"}, "items": items}

    # --- writing --------------------------------------------------------------------------------------------------

    def _write(self, request: Request) -> Answer:
        path, dry = request.path, not is_write(request)
        base, sub = (path.removesuffix("/scale"), "scale") if path.endswith("/scale") else (path, "")
        there = self.objects.get(base)
        if request.method == "POST":
            after = self._made(path, request.body)
            path = f"{path}/{after['metadata']['name']}"
        elif request.method == "DELETE":
            if there is None:
                return refusal(404, "NotFound", f"{path} not found")
            if not dry:
                self.objects.pop(base, None)
            return Answer(there)
        elif there is None and "apply-patch" not in request.header("Content-Type"):
            return refusal(404, "NotFound", f"{path} not found")
        else:
            after = self._patched(base, there, request)
        if not dry:
            self.objects[base if request.method != "POST" else path] = after
        return Answer(self._scale(after) if sub else after, 201 if request.method == "POST" else 200)

    def _made(self, path: str, body: Any) -> Object:
        made = copy.deepcopy(body if isinstance(body, dict) else yaml.safe_load(body))
        meta = made["metadata"]
        meta.setdefault("name", f"{meta.get('generateName', 'new-')}x7k2p")
        meta |= {"uid": str(uuid5(NAMESPACE_DNS, path)), "resourceVersion": "1", "generation": 1}
        return made

    def _patched(self, path: str, there: Object | None, request: Request) -> Object:
        body = json.loads(request.body) if _is_json(request.body) else request.body
        body = yaml.safe_load(body) if isinstance(body, str) else body
        if there is None:
            return self._made(path, body)
        after = copy.deepcopy(there)
        if isinstance(body, list):
            for operation in body:
                _operate(after, operation)
        else:
            _merge(after, body)
        return after

    def _scale(self, obj: Object) -> Object:
        return {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": obj["metadata"],
            "spec": {"replicas": obj["spec"].get("replicas", 0)},
        }


def is_write(request: Request) -> bool:
    """Whether a request changes something: neither a look, nor a question about rights, nor a dry run."""
    if request.method not in WRITING or request.path.rsplit("/", 1)[-1] in REVIEWS:
        return False
    body = request.body if isinstance(request.body, dict) else {}
    if request.method == "DELETE" and body:
        return body.get("dryRun") != ["All"]  # with a body the server reads the options from there only
    return request.query.get("dryRun") != "All"


def _is_collection(kind: Kind, path: str) -> bool:
    if not path.startswith(kind.root + "/"):
        return False
    parts = path.removeprefix(kind.root + "/").split("/")
    return parts == [kind.plural] or (
        kind.namespaced and len(parts) == 3 and (parts[0], parts[2]) == ("namespaces", kind.plural)
    )


def _selected(obj: Object, labels: str, fields: str) -> bool:
    own = obj["metadata"].get("labels") or {}
    wanted = [pair.replace("==", "=").partition("=") for pair in labels.split(",") if pair]
    named = [pair.partition("=")[2] for pair in fields.split(",") if pair.startswith("metadata.name=")]
    return all(own.get(key) == value for key, _, value in wanted) and all(obj["metadata"]["name"] == n for n in named)


def _status(obj: Object) -> str:
    return str((obj.get("status") or {}).get("phase") or "")


def _is_json(body: Any) -> bool:
    return isinstance(body, str) and body.lstrip()[:1] in ("{", "[")


def _merge(into: Object, patch: Object) -> None:
    """A merge patch; lists of named things are merged by name, as a strategic patch does."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            _merge(into[key], value)
        elif isinstance(value, list) and isinstance(into.get(key), list) and all(_named(one) for one in value):
            known = {one["name"]: one for one in into[key] if _named(one)}
            for one in value:
                _merge(known[one["name"]], one) if one["name"] in known else into[key].append(one)
        else:
            into[key] = value


def _named(value: Any) -> bool:
    return isinstance(value, dict) and "name" in value


def _operate(obj: Object, operation: Object) -> None:
    """One operation of a JSON patch."""
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    place: Any = obj
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    if operation["op"] == "test":
        return
    if isinstance(place, list):
        if operation["op"] == "remove":
            place.pop(int(last))
        elif last == "-" or operation["op"] == "add":
            place.append(operation["value"])
        else:
            place[int(last)] = operation["value"]
    elif operation["op"] == "remove":
        place.pop(last, None)
    else:
        place[last] = operation["value"]
