"""Where the adversary plays: a namespace of small objects on the real API server, and no rights to write elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml

from agent.guard.witness.audit_log import events_in, words
from tests.conftest import CLUSTER_CONTEXT
from tests.safety.tap import OUTSIDER
from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.door.client import Cluster
from tools.kubernetes.door.kubeconfig import find_access
from tools.kubernetes.door.transport import Transport, encode
from tools.provision.drivers import builtin

Object = dict[str, Any]

CONTEXTS = ("one", "two")  # the same server under two names
WATCHED = {
    "apis/apps/v1": ("deployments", "statefulsets", "daemonsets"),
    "apis/batch/v1": ("jobs", "cronjobs"),
    "api/v1": ("configmaps", "secrets", "services", "persistentvolumeclaims"),
    "apis/rbac.authorization.k8s.io/v1": ("roles", "rolebindings"),
    "apis/autoscaling/v2": ("horizontalpodautoscalers",),
}
_NOBODYS = {"kube-root-ca.crt", "stage"}  # the cluster's own, and the binding that lets the adversary in
_MADE_AT_ONCE = {"configmaps", "secrets", "services", "roles", "rolebindings"}  # and gone at once
_MOVING = ("resourceVersion", "generation", "managedFields")
_OBJECTS = (Path(__file__).parent / "stage.yaml").read_text()
_READER = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]}
_RBAC = "apis/rbac.authorization.k8s.io/v1"


class Stage:
    """Sets the scene, watches what becomes of it, and clears it away. Its own writes bear another agent's name."""

    def __init__(self, folder: Path) -> None:
        self.user = f"adversary-{token_hex(4)}"
        self.namespace = ""
        self.namespaces: list[str] = []
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.since = datetime.now(UTC)
        self.cache = folder / "cache"
        access = find_access(None, CLUSTER_CONTEXT)
        self._transport = Transport(access, OUTSIDER)
        self._readers = ThreadPoolExecutor(4)
        self._clusters: dict[tuple[str, str], Cluster] = {}
        self._first: dict[str, Object] = {}
        self._seen: dict[str, Object] = {}
        self.uid = str(self.read("/api/v1/namespaces/kube-system")["metadata"]["uid"])
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(self._kubeconfig(access)))
        subject = {"kind": "User", "name": self.user, "apiGroup": "rbac.authorization.k8s.io"}
        self._subjects = [subject]
        self.write("POST", f"/{_RBAC}/clusterroles", {"metadata": {"name": self.user}, **_READER})
        self.write("POST", f"/{_RBAC}/clusterrolebindings", self._binding(self.user, self.user))

    def _kubeconfig(self, access: Any) -> Object:
        user = {**access.user_entry, "as": self.user}
        place = {"cluster": "test", "user": "adversary"}
        return {
            "clusters": [{"name": "test", "cluster": dict(access.cluster_entry)}],
            "users": [{"name": "adversary", "user": user}],
            "contexts": [{"name": name, "context": place} for name in CONTEXTS],
            "current-context": CONTEXTS[0],
        }

    def _binding(self, name: str, role: str) -> Object:
        ref = {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"}
        return {"metadata": {"name": name}, "subjects": self._subjects, "roleRef": ref}

    def context(self, state: Path, name: str = CONTEXTS[0]) -> Context:
        """Surroundings of a session on this stage; clusters are kept, as their connections are."""
        root = self.folder / "workspace"
        if not root.is_dir():
            _furnish(root / "chart")
        ctx = Context(
            kubeconfig=str(self.kubeconfig), context=name, namespace=self.namespace,
            root=root, cache=self.cache, state=state,
        )  # fmt: skip
        key = (name, self.namespace)
        ctx.__dict__["cluster"] = self._clusters.get(key) or self._clusters.setdefault(key, ctx.cluster)
        return ctx

    def ready(self) -> dict[str, Object]:
        """What is on the stage at the beginning: as last seen if untouched, else mended or made anew."""
        if not self.namespace or not all(self._mend(path) for path in self._moved()):
            self._leave()
            self._build()
        return dict(self._first)

    def objects(self) -> dict[str, Object]:
        """Path → object, without what moves by itself; what controllers made is left out."""
        place = f"/api/v1/namespaces/{self.namespace}"
        bases = [f"/{api}/namespaces/{self.namespace}/{one}" for api, plurals in WATCHED.items() for one in plurals]
        found: dict[str, Object] = {}
        namespace, *pages = self._readers.map(self.read, [place, *bases])
        for base, page in zip(bases, pages, strict=True):
            for item in page.get("items") or ():
                meta = item["metadata"]
                if meta["name"] not in _NOBODYS and not meta.get("ownerReferences"):
                    found[f"{base}/{meta['name']}"] = _still(item)
        found[place] = _still(namespace)
        self._seen = found
        return found

    def object(self, path: str) -> Object | None:
        """One of them, None where it is gone."""
        try:
            return _still(self.read(path))
        except NotFound:
            return None

    def change(self, path: str, patch: Object) -> Object:
        """Merge something into an object; it as it is then."""
        return _still(self.write("PATCH", path, patch, "application/merge-patch+json"))

    def _moved(self) -> list[str]:
        """What was last seen otherwise than it was at the beginning."""
        paths = sorted(self._first.keys() | self._seen.keys())
        return [path for path in paths if self._first.get(path) != self._seen.get(path)]

    def _mend(self, path: str) -> bool:
        """Put one object back as it was; False where what controllers made of it would linger."""
        first, seen = self._first.get(path), self._seen.get(path)
        base, _, _ = path.rpartition("/")
        plural = base.rpartition("/")[2]
        if plural == "deployments" and first and seen and first["metadata"]["uid"] == seen["metadata"]["uid"]:
            self._first[path] = _still(self.write("PUT", path, first))
        elif plural in _MADE_AT_ONCE:
            if seen:
                self.write("DELETE", path)
            if first:
                self._first[path] = _still(self.write("POST", base, _unborn(first)))
        else:
            return False
        return True

    def read(self, path: str) -> Object:
        return json.loads(self._transport.fetch("GET", path, {}, repeatable=True)[0])

    def write(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Object:
        """A write of somebody else's, who needs nobody's leave; what the server answered."""
        headers = {"Content-Type": content}
        query = {} if method == "DELETE" else {"fieldManager": "kubectl"}
        return json.loads(self._transport.fetch(method, path, query, encode(body), headers, repeatable=False)[0])

    def heard(self) -> Iterator[Object]:
        """What the API server's audit log holds of the adversary's requests."""
        for event in events_in(builtin.audit_lines(CLUSTER_CONTEXT), words(self.user), "the audit log"):
            if (event.get("impersonatedUser") or {}).get("username") == self.user:
                yield event

    def _build(self) -> None:
        self.namespace = f"adv-{token_hex(4)}"
        self.namespaces.append(self.namespace)
        place = f"namespaces/{self.namespace}"
        self.write("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        self.write("POST", f"/{_RBAC}/{place}/rolebindings", self._binding("stage", "cluster-admin"))
        for document in yaml.safe_load_all(_OBJECTS):
            api = document["apiVersion"]
            base = f"api/{api}" if api == "v1" else f"apis/{api}"
            self.write("POST", f"/{base}/{place}/{document['kind'].lower()}s", document)
        self._until_let_in()
        self._first = self.objects()

    def _until_let_in(self) -> None:
        """Rights take effect a moment after they were given."""
        cluster = self.context(self.folder / "unused").cluster
        ends = time.monotonic() + 60
        while not cluster.can("delete", cluster.kinds.resolve("configmaps"), self.namespace):
            assert time.monotonic() < ends, "the adversary got no rights"
            time.sleep(0.02)

    def _leave(self) -> None:
        if self.namespace:
            self.write("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def close(self) -> None:
        self._readers.shutdown()
        self._leave()
        self.write("DELETE", f"/{_RBAC}/clusterrolebindings/{self.user}")
        self.write("DELETE", f"/{_RBAC}/clusterroles/{self.user}")


def _furnish(chart: Path) -> None:
    """A chart of one ConfigMap, with a hook that no plan may run unseen."""
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("note: none\n")
    made = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s%s}\ndata: {note: {{ .Values.note | quote }}}\n"
    (chart / "templates" / "note.yaml").write_text(made % ("note", ""))
    hook = ", annotations: {helm.sh/hook: pre-install}"
    (chart / "templates" / "hook.yaml").write_text(made % ("hook", hook))


def _still(obj: Object) -> Object:
    """An object without what the cluster itself keeps moving."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in _MOVING}
    notes = {k: v for k, v in (meta.pop("annotations", None) or {}).items() if not k.startswith("deployment.kube")}
    kept = {key: value for key, value in obj.items() if key not in ("status", "metadata", "apiVersion", "kind")}
    return {**kept, "metadata": {**meta, **({"annotations": notes} if notes else {})}}


def _unborn(obj: Object) -> Object:
    """An object as it may be made again."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in ("uid", "creationTimestamp")}
    body = {**obj, "metadata": meta}
    if spec := obj.get("spec"):
        body["spec"] = {key: value for key, value in spec.items() if key not in ("clusterIP", "clusterIPs")}
    return body
