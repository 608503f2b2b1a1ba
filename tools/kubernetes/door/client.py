"""The one door to the Kubernetes API: reads are free, writes need the guard's permit.

It speaks plain JSON dicts, because typed models drop the fields that they do not know.
"""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import __version__
from tools.change import Ref
from tools.errors import BadRequest, Conflict, Forbidden, Refused, ShipmateError
from tools.kubernetes.door.errors import not_carried_out, status_of
from tools.kubernetes.door.kinds import Kinds, Resource
from tools.kubernetes.door.kubeconfig import find_access
from tools.kubernetes.door.paths import (
    Target,
    check_name,
    check_namespace,
    collection_path,
    read_path,
    refuse_tunnel,
)
from tools.kubernetes.door.transport import Reply, Transport, encode
from tools.permit import Permit, require
from tools.secrets.known import learn_object

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

MANAGER = "shipmate"
AGENT = f"shipmate/{__version__}"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_WRITING = ("POST", "PUT", "PATCH", "DELETE")
_WRITE_SECONDS = 120.0
_REVIEWS = {
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
}

Object = dict[str, Any]


class Cluster:
    """One API server, as one user, with the namespace that is meant when none is named."""

    def __init__(self, transport: Transport, namespace: str, cache: Path) -> None:
        self._transport = transport
        self.access = transport.access
        self.context = self.access.context
        self.server = self.access.server
        self.user = self.access.user
        self.namespace = namespace
        self._seen: dict[tuple[str, ...], bytes] | None = None
        authority = json.dumps(self.access.cluster_entry, sort_keys=True, default=str)
        self.identity = hashlib.sha256(f"{self.server}\n{authority}".encode()).hexdigest()[:32]
        self.kinds = Kinds(self._discover, cache / "discovery" / f"{self.identity}.json")

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None, namespace: str | None, cache: Path) -> Cluster:
        """Choose the cluster like kubectl does; nothing is asked of it yet. Raises Unreachable where there is none."""
        access = find_access(kubeconfig, context)
        chosen = check_namespace(namespace) if namespace else access.namespace
        return cls(Transport(access, AGENT), chosen, cache)

    def at_one_moment(self) -> Cluster:
        """The same cluster to look at only: what was read once is not asked again, and nothing can be written.

        For previews, which describe one moment. Whatever writes reads anew, through the cluster itself.
        """
        if self._seen is not None:
            return self
        view = copy.copy(self)
        view._seen = {}
        return view

    # --- Reading ------------------------------------------------------------------------------------------------

    def get(self, path: str, *, accept: str = "application/json", **query: Any) -> Object:
        """One object or answer. Raises NotFound, Forbidden, Unreachable or Failed."""
        return _learnt(json.loads(self._bytes(path, accept, query)))

    def _bytes(self, path: str, accept: str, query: Mapping[str, Any]) -> bytes:
        if self._seen is None:
            return self.get_raw(path, accept=accept, **query)
        key = ("GET", path, accept, *(f"{name}={value}" for name, value in sorted(query.items())))
        if key not in self._seen:
            self._seen[key] = self.get_raw(path, accept=accept, **query)
        return self._seen[key]

    def get_raw(
        self, path: str, *, accept: str = "application/json", patient: bool = True, timeout: float = 60.0, **query: Any
    ) -> bytes:
        """The bytes of an answer, for what is not JSON (logs, /version, /metrics).

        Without `patient` it is tried once; `timeout` is in seconds.
        """
        refuse_tunnel(path)
        headers = {"Accept": accept}
        return self._transport.fetch(
            "GET", path, query, headers=headers, repeatable=True, patient=patient, timeout=timeout
        )[0]

    def read(self, ref: Ref) -> Object:
        """The live object; raises NotFound."""
        return self.get(self.path(ref))

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        selector: str = "",
        fields: str = "",
        limit: int = 500,
        metadata_only: bool = False,
        decode: Callable[[bytes], Object] = json.loads,
    ) -> Iterator[Object]:
        """Every object, page by page; without namespace those of all. `metadata_only` leaves out spec and status.

        `decode` makes a dict with `metadata` and `items` of a page, perhaps leaving out more.
        """
        path = self.collection(resource, namespace)
        accept = _METADATA_LIST if metadata_only else "application/json"
        query = {"labelSelector": selector, "fieldSelector": fields, "limit": limit}
        token = ""
        while True:
            try:
                page = _learnt(decode(self._bytes(path, accept, {**query, "continue": token})))
            except Conflict as error:
                token = _next_token_after_expiry(error)
                continue
            for item in page.get("items") or ():
                item["apiVersion"], item["kind"] = resource.api_version, resource.kind
                yield item
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return

    def stream(self, path: str, *, idle: float = 60.0, **query: Any) -> Iterator[bytes]:
        """Lines of a long answer (logs with follow, watch) as they come, until the server or `idle` seconds end it."""
        refuse_tunnel(path)
        return self._transport.stream(path, query, idle)

    def watch(
        self, resource: Resource, namespace: str | None = None, *, name: str = "", timeout: float = 60.0
    ) -> Iterator[tuple[str, Object]]:
        """What is there (as ADDED), then each change (ADDED, MODIFIED, DELETED), for `timeout` seconds in all."""
        ends = time.monotonic() + timeout
        path = self.collection(resource, namespace)
        fields = f"metadata.name={check_name(name, resource.group)}" if name else ""
        version = ""
        while (left := ends - time.monotonic()) > 0:
            if not version:
                page = self.get(path, fieldSelector=fields)
                for item in page.get("items") or ():
                    yield "ADDED", item
                version = page["metadata"]["resourceVersion"]
            query = {"fieldSelector": fields, "resourceVersion": version, "allowWatchBookmarks": True}
            seconds = max(1, int(left))
            for line in self.stream(path, idle=seconds + 5, watch=True, timeoutSeconds=seconds, **query):
                event: Object = json.loads(line)
                if event["type"] == "ERROR":  # what happened since is forgotten by the server: begin again
                    version = ""
                    break
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    yield event["type"], _learnt(event["object"])

    def can(
        self, verb: str, what: Ref | Resource, namespace: str | None = None, subresource: str = "", name: str = ""
    ) -> bool:
        """Whether the server would let this user do it, to one object or (without a name) to all of the kind."""
        resource = self.kinds.for_ref(what) if isinstance(what, Ref) else what
        attributes = {
            "verb": verb,
            "group": resource.group,
            "resource": resource.plural,
            "subresource": subresource,
            "name": what.name if isinstance(what, Ref) else name,
            "namespace": namespace or (what.namespace if isinstance(what, Ref) else "") or "",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        return bool(self._review("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)["status"]["allowed"])

    def whoami(self) -> str:
        """The user name that the server sees."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._review("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        return str(answer["status"]["userInfo"].get("username") or "")

    @cached_property
    def identified_as(self) -> str:
        """The user name that the server sees; empty where it does not tell (before Kubernetes 1.28)."""
        try:
            return self.whoami()
        except (Forbidden, BadRequest):  # NotFound included
            return ""

    def uid(self) -> str:
        """What tells this cluster from every other, also when another took over its address."""
        return self._uid

    @cached_property
    def _uid(self) -> str:
        try:
            return str(self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])
        except Forbidden:
            return f"server-{self.identity}"  # address and certificate authority, as good as this user can see

    def _review(self, path: str, body: Object) -> Object:
        """A POST that only asks; nothing is stored by it."""
        if path not in _REVIEWS:
            raise Refused(f"POST {path} was stopped: it is not a question.")
        headers = {"Content-Type": "application/json"}
        key = ("POST", path, json.dumps(body, sort_keys=True))
        answer = self._seen.get(key) if self._seen is not None else None
        if answer is None:
            answer = self._transport.fetch("POST", path, {}, encode(body), headers, repeatable=True)[0]
        if self._seen is not None:
            self._seen[key] = answer
        return json.loads(answer)

    # --- Writing ------------------------------------------------------------------------------------------------

    def dry_run(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: Any
    ) -> Reply:
        """What the server would store: validated, defaulted and admitted, but not written.

        Raises what the write would: BadRequest (invalid), Denied (quota, policies), Forbidden (rights), Conflict.
        """
        target = self._check_write(method, path)
        if target.subresource == "token":
            raise Refused(f"{method} {path} was stopped: it hands out a credential even as a dry run.")
        query |= {"dryRun": "All"}
        if method == "DELETE":
            # With a body the server reads the options from there only, and forgets those of the query.
            body = {"apiVersion": "v1", "kind": "DeleteOptions", **(body or {}), "dryRun": ["All"]}
        return self._change(method, path, body, content_type, query, repeatable=True)

    def write(
        self,
        permit: Permit | None,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        **query: Any,
    ) -> Reply:
        """Write what the permit allows; never tried twice. Raises OutcomeUnknown when the connection broke."""
        self._check_write(method, path)
        if self._seen is not None:
            raise Refused(f"{method} {path} was stopped: this is a view to look at only.")
        require(permit, "kubernetes", method, path)
        # The API server's audit log keeps the agent, and so knows which approved step each write belongs to.
        agent = f"{AGENT} ({permit.mark})" if permit else AGENT
        try:
            reply = self._change(method, path, body, content_type, query, repeatable=False, agent=agent)
        except ShipmateError as error:
            if permit and not_carried_out(error):
                permit.withdraw("kubernetes", method, path)
            raise
        if permit:
            permit.confirm("kubernetes", method, path)
        return reply

    def forward(
        self, permit: Permit | None, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractContextManager[BaseHTTPResponse]:
        """Pass on a request of another program's (helm); a write that the permit does not allow is refused."""
        from tools.kubernetes.door.forward import forward

        agent = {"User-Agent": f"{AGENT} ({permit.mark})"} if permit else {}
        return forward(self._transport, permit, method, target, {**headers, **agent}, body)

    def _check_write(self, method: str, path: str) -> Target:
        target = refuse_tunnel(path)
        if method not in _WRITING or not target.resource:
            raise BadRequest(f"{method} {path} is not a write to an object.")
        return target

    def _change(
        self,
        method: str,
        path: str,
        body: Any,
        content_type: str,
        query: dict[str, Any],
        *,
        repeatable: bool,
        agent: str = "",
    ) -> Reply:
        if method != "DELETE":
            query = {"fieldManager": MANAGER, "fieldValidation": "Strict", **query}
        headers = {"Content-Type": content_type, "User-Agent": agent or AGENT}
        data, warnings = self._transport.fetch(
            method, path, query, encode(body), headers, repeatable=repeatable, timeout=_WRITE_SECONDS
        )
        return Reply(_learnt(json.loads(data)), warnings)

    # --- Paths --------------------------------------------------------------------------------------------------

    def path(self, ref: Ref, subresource: str = "") -> str:
        """Path of one object or its sub-resource, from checked names; raises BadRequest for impossible ones."""
        resource = self.kinds.for_ref(ref)
        namespace = (ref.namespace or self.namespace) if resource.namespaced else None
        path = f"{self.collection(resource, namespace)}/{check_name(ref.name, resource.group)}"
        path += f"/{subresource}" if subresource else ""
        read_path(path)
        return path

    def collection(self, resource: Resource, namespace: str | None = None) -> str:
        """Path of all objects of a kind, in one namespace or (None) everywhere."""
        place = namespace if resource.namespaced else None
        return collection_path(resource.group, resource.version, resource.plural, place)

    def _discover(self, path: str, accept: str) -> Mapping[str, Any]:
        return self.get(path, accept=accept)


def _learnt(answer: Object) -> Object:
    """The same answer; the values of Secrets in it are masked from now on wherever they turn up."""
    if str(answer.get("kind")).startswith(("Secret", "List")):
        learn_object(answer)
    return answer


def _next_token_after_expiry(error: Conflict) -> str:
    """The token with which a list that took too long goes on, a little less consistent; else the error again."""
    status = status_of(error)
    if status is None or status.code != 410 or not status.next_page:
        raise error
    return status.next_page
