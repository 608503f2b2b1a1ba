"""What a diagnosis looks at: each kind listed once, when a rule first asks for it, and joined in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from tools.change import Ref
from tools.context import Context
from tools.errors import BadRequest, Forbidden, NotFound, ShipmateError, Unreachable
from tools.kubernetes.diagnose.ahead import Ahead
from tools.kubernetes.diagnose.dependencies import Dependency, config_names, dependencies
from tools.kubernetes.diagnose.slim import Object, Slimmer
from tools.kubernetes.diagnose.superseded import superseded
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.workload_changes import ref_of, template_of
from tools.secrets.redact import redact_text

_CLUSTER_WIDE = ("nodes", "storageclasses.storage.k8s.io", "persistentvolumes", "namespaces")
_NAMES_ONLY = ("secrets", "configmaps")
# What the rules ask for on any cluster, the longest lists first; other kinds are read when a rule asks for them.
USUAL = (
    "pods", "events", "replicasets.apps", "deployments.apps", "nodes", "services", "statefulsets.apps",
    "daemonsets.apps", "jobs.batch", "cronjobs.batch", "persistentvolumeclaims", "ingresses.networking.k8s.io",
    "networkpolicies.networking.k8s.io", "horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy",
    "namespaces",
)  # fmt: skip
USUAL_EVERYWHERE = (  # only where the question is about all namespaces
    *USUAL,
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
)
T = TypeVar("T")
_LOG_LINES = 200
_NO_LOG = "unable to retrieve container logs"  # what the kubelet says as if it were the log, once that is cleared away
_LOG_BYTES = 200_000
_LOG_SECONDS = 10.0
_LOGS_AT_ONCE = 6


class Unit(NamedTuple):
    """One container of a pod with its status; `owner` is what the pod belongs to in the end."""

    owner: Object
    pod: Object
    spec: Object
    status: Object
    init: bool

    @property
    def waiting(self) -> Mapping[str, Any]:
        return (self.status.get("state") or {}).get("waiting") or {}

    @property
    def terminated(self) -> Mapping[str, Any]:
        """How it ended, now or the last time."""
        now = (self.status.get("state") or {}).get("terminated")
        return now or (self.status.get("lastState") or {}).get("terminated") or {}


class Snapshot:
    """The objects of one namespace (None: of all), read lazily; `unchecked` says what could not be read and why.

    Objects share equal parts, so they are only to be read.
    """

    def __init__(self, ctx: Context, namespace: str | None, now: datetime | None = None) -> None:
        self.ctx = ctx
        self.namespace = namespace
        self.now = now or datetime.now(UTC)
        self.unchecked: dict[str, str] = {}
        self.counts: dict[str, int] = {}  # how many of each kind were read
        self._lists: dict[str, list[Object]] = {}
        self._logs: dict[tuple[str, str, bool], str] = {}
        self._made: dict[str, Any] = {}
        self._silent: set[str] = set()  # nodes that hand out no logs
        self._ahead: Ahead | None = None

    def all(self, kind: str) -> list[Object]:
        """Every object of a kind such as "deployments.apps"; empty where it may not be read."""
        if kind not in self._lists:
            self._lists[kind] = self._list(kind)
        return self._lists[kind]

    def read_ahead(self) -> None:
        """Begin to read what every diagnosis needs."""
        served: list[str] = []
        for kind in USUAL if self.namespace else USUAL_EVERYWHERE:
            with suppress(NotFound):
                self.ctx.cluster.kinds.resolve(kind)
                served.append(kind)
        self._ahead = Ahead(self._fetch, served)

    def _fetch(self, kind: str) -> list[Object]:
        cluster = self.ctx.cluster
        place = None if kind in _CLUSTER_WIDE else self.namespace
        found = cluster.list(
            cluster.kinds.resolve(kind), place, metadata_only=kind in _NAMES_ONLY, decode=Slimmer().page
        )
        return list(found)

    def _list(self, kind: str) -> list[Object]:
        name, _, group = kind.partition(".")
        label = kind if group.startswith("metrics.") else name
        try:
            self.ctx.cluster.kinds.resolve(kind)
        except NotFound:
            if not group or "." not in group or group.endswith(".k8s.io"):
                self.unchecked[label] = "the cluster does not serve this kind"
            return []  # a cluster that never had somebody's own kind has none of it
        try:
            found = self._ahead.take(kind) if self._ahead else None
            found = self._fetch(kind) if found is None else found
            self.counts[label] = len(found)
            return found
        except ShipmateError as error:
            if isinstance(error, Unreachable) and not self.counts:
                raise  # nothing answers at all
            gone = isinstance(error, NotFound)
            self.unchecked[label] = "the cluster no longer serves this kind" if gone else error.message
            return []

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What a rule works out of all objects of a kind, worked out the first time that it is asked for."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def find(self, kind: str, name: str, namespace: str | None) -> Object | None:
        """One object of the snapshot."""
        return self._index(kind).get((namespace or "", name))

    def _index(self, kind: str) -> dict[tuple[str, str], Object]:
        index = self._indexes.get(kind)
        if index is None:
            index = {(o["metadata"].get("namespace") or "", o["metadata"]["name"]): o for o in self.all(kind)}
            self._indexes[kind] = index
        return index

    @cached_property
    def _indexes(self) -> dict[str, dict[tuple[str, str], Object]]:
        return {}

    @property
    def pods(self) -> list[Object]:
        return self.all("pods")

    @cached_property
    def every_pod(self) -> list[Object]:
        """The pods of all namespaces, for sums over nodes."""
        if self.namespace is None:
            return self.pods
        try:
            resource = self.ctx.cluster.kinds.resolve("pods")
            fields = "status.phase!=Succeeded,status.phase!=Failed"
            return list(self.ctx.cluster.list(resource, fields=fields, decode=Slimmer().page))
        except ShipmateError as error:
            self.unchecked["pods of other namespaces"] = error.message
            return self.pods

    @cached_property
    def _owners(self) -> dict[str, Object]:
        kinds = ("replicasets.apps", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch")
        return {obj["metadata"]["uid"]: obj for kind in kinds for obj in self.all(kind)}

    def owner(self, obj: Object) -> Object:
        """What an object belongs to in the end: a pod's Deployment, say; itself when nothing known owns it."""
        first = _controller(obj)
        top = self._tops.get(first)
        if top is None:
            top = obj
            for _ in range(4):
                above = self._owners.get(_controller(top))
                if above is None:
                    break
                top = above
            if top is not obj:
                self._tops[first] = top
        return top

    @cached_property
    def _tops(self) -> dict[str, Object]:
        return {}

    @cached_property
    def _pods_by_owner(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for pod in self.pods:
            found[self.owner(pod)["metadata"]["uid"]].append(pod)
        return found

    def pods_of(self, owner: Object) -> list[Object]:
        """The pods that belong to an object in the end."""
        return self._pods_by_owner.get(owner["metadata"]["uid"], [])

    def owned(self, kind: str, owner: Object) -> list[Object]:
        """The objects of a kind that name another as an owner: a Deployment's ReplicaSets, say."""
        found = self.once(f"{kind} by owner", lambda: self._by_owner(kind))
        return found.get(owner["metadata"]["uid"], [])

    def _by_owner(self, kind: str) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for item in self.all(kind):
            for own in item["metadata"].get("ownerReferences") or ():
                found[own["uid"]].append(item)
        return found

    def units(self) -> Iterator[Unit]:
        """Every container that has a status, of pods that are neither being deleted nor of a former template."""
        return iter(self._units)

    @cached_property
    def _units(self) -> list[Unit]:
        there = [pod for pod in self.pods if not pod["metadata"].get("deletionTimestamp")]
        return [unit for pod in there if not superseded(self.owner(pod), pod) for unit in self._of(pod)]

    def _of(self, pod: Object) -> Iterator[Unit]:
        owner = self.owner(pod)
        status = pod.get("status") or {}
        parts = (("initContainers", "initContainerStatuses", True), ("containers", "containerStatuses", False))
        for specs, statuses, init in parts:
            by_name = {item["name"]: item for item in pod["spec"].get(specs) or ()}
            for item in status.get(statuses) or ():
                if item["name"] in by_name:
                    yield Unit(owner, pod, by_name[item["name"]], item, init)

    def one_each(self, units: Iterator[Unit]) -> Iterator[tuple[Unit, int]]:
        """One unit of each owner and container, the youngest pod's, with the number of pods alike."""
        groups: dict[tuple[str, str], list[Unit]] = defaultdict(list)
        for unit in units:
            groups[unit.owner["metadata"]["uid"], unit.spec["name"]].append(unit)
        for same in groups.values():
            yield max(same, key=lambda unit: unit.pod["metadata"]["creationTimestamp"]), len(same)

    def selected(self, selector: Mapping[str, str], namespace: str | None) -> list[Object]:
        """The pods with these labels."""
        if not selector:
            return [pod for pod in self.pods if pod["metadata"].get("namespace") == namespace]
        groups = [self._pods_by_label.get((namespace, *pair), []) for pair in selector.items()]
        return [
            pod for pod in min(groups, key=len) if selector.items() <= (pod["metadata"].get("labels") or {}).items()
        ]

    @cached_property
    def _pods_by_label(self) -> dict[tuple[str | None, str, str], list[Object]]:
        found: dict[tuple[str | None, str, str], list[Object]] = defaultdict(list)
        for pod in self.pods:
            for label, value in (pod["metadata"].get("labels") or {}).items():
                found[pod["metadata"].get("namespace"), label, value].append(pod)
        return found

    def workloads(self) -> list[Object]:
        """Deployments, StatefulSets and DaemonSets."""
        return [*self.all("deployments.apps"), *self.all("statefulsets.apps"), *self.all("daemonsets.apps")]

    @cached_property
    def _workloads_by_namespace(self) -> dict[str | None, list[Object]]:
        found: dict[str | None, list[Object]] = defaultdict(list)
        for item in self.workloads():
            found[item["metadata"].get("namespace")].append(item)
        return found

    def behind(self, service: Object) -> list[Object]:
        """The workloads whose pods a service selects."""
        selector = (service.get("spec") or {}).get("selector") or {}
        space = service["metadata"].get("namespace")
        return [
            item
            for item in self._workloads_by_namespace.get(space, ())
            if selector
            and selects({"matchLabels": selector}, (template_of(item).get("metadata") or {}).get("labels") or {})
        ]

    def hosts(self, workload: Object) -> list[Dependency]:
        """Every host that a workload is told; in a single namespace also by the ConfigMaps that fill its variables."""
        uid, space = workload["metadata"]["uid"], workload["metadata"].get("namespace")
        if uid not in self._hosts:
            names = config_names(workload) if self.namespace else ()
            data = {name: self._data(name, space) for name in names}
            self._hosts[uid] = list(dependencies(workload, data))
        return self._hosts[uid]

    @cached_property
    def _hosts(self) -> dict[str, list[Dependency]]:
        return {}

    def _data(self, name: str, namespace: str | None) -> Mapping[str, str]:
        """What a ConfigMap holds; the list has their names only."""
        found = self.elsewhere(Ref(api_version="v1", kind="ConfigMap", name=name, namespace=namespace))
        return (found or {}).get("data") or {}

    def elsewhere(self, ref: Ref) -> Object | None:
        """One object that no list of the snapshot holds, read once; empty where it may not be read, None for none."""
        key = str(ref)
        if key not in self._read:
            try:
                self._read[key] = self.ctx.cluster.read(ref)
            except NotFound:
                self._read[key] = None
            except ShipmateError as error:
                self._read[key] = {}
                self.unchecked[f"{ref.kind.lower()}s of {ref.namespace}"] = error.message
        return self._read[key]

    @cached_property
    def _read(self) -> dict[str, Object | None]:
        return {}

    # --- events and logs ------------------------------------------------------------------------------------------

    @cached_property
    def _events(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for event in self.all("events"):
            found[(event.get("involvedObject") or {}).get("uid", "")].append(event)
        for events in found.values():
            events.sort(key=_last_seen)
        return found

    def events(self, obj: Object, *reasons: str) -> list[Object]:
        """What was reported about an object, latest last, optionally only for some reasons."""
        found = self._events.get(obj["metadata"]["uid"], [])
        return [event for event in found if not reasons or event.get("reason") in reasons]

    def log(self, pod: Object, container: str, previous: bool = False) -> str:
        """The end of a container's log, redacted; empty when there is none."""
        key = (pod["metadata"]["uid"], container, previous)
        if key not in self._logs:
            self._logs[key] = self._read_log(pod, container, previous)
        return self._logs[key]

    def _read_log(self, pod: Object, container: str, previous: bool) -> str:
        node = str(pod["spec"].get("nodeName"))
        if node in self._silent:
            return ""
        query: dict[str, Any] = {"container": container, "tailLines": _LOG_LINES, "limitBytes": _LOG_BYTES}
        if previous:
            query["previous"] = "true"
        path = self.ctx.cluster.path(ref_of(pod), "log")
        try:
            raw = self.ctx.cluster.get_raw(path, accept="*/*", patient=False, timeout=_LOG_SECONDS, **query)
            return redact_text(raw.decode("utf-8", "replace"))
        except (BadRequest, NotFound):  # the container has none (yet)
            return ""
        except ShipmateError as error:
            self.unchecked["logs"] = error.message
            if not isinstance(error, Forbidden):
                self._silent.add(node)  # a kubelet that does not answer would be waited for again and again
            return ""

    def last_words(self, unit: Unit) -> str:
        """What a container said before it ended: of the run that ended, if there is a later one."""
        return next(self.runs(unit), "")

    def runs(self, unit: Unit) -> Iterator[str]:
        """What a container said in the runs that are still known, the one that ended last first."""
        self.once("logs of what crashes", self._read_logs)
        later = (unit.status.get("state") or {}).get("terminated") is None
        again = bool(unit.status.get("restartCount"))
        for previous in (True, False) if again and later else (False, True) if again else (False,):
            text = self.log(unit.pod, unit.spec["name"], previous)
            if text and not text.startswith(_NO_LOG):  # the runtime may just be clearing one of them away
                yield text

    def _read_logs(self) -> None:
        """The last words of all that crashes, several at a time, for they will all be asked for."""
        crashing = (unit for unit in self.units() if unit.waiting.get("reason") == "CrashLoopBackOff")
        units = [unit for unit, _ in self.one_each(crashing) if unit.status.get("restartCount")]
        if len(units) > 1:
            with ThreadPoolExecutor(_LOGS_AT_ONCE) as pool:
                list(pool.map(lambda unit: self.log(unit.pod, unit.spec["name"], previous=True), units))

    def seconds_since(self, time: str | None) -> float:
        """Age in seconds of a time as the server writes it; 0 when there is none."""
        return (self.now - datetime.fromisoformat(time)).total_seconds() if time else 0.0


def _controller(obj: Object) -> str:
    """The uid of what made an object; empty when nothing did."""
    for own in obj["metadata"].get("ownerReferences") or ():
        if own.get("controller"):
            return own["uid"]
    return ""


def _last_seen(event: Object) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])
