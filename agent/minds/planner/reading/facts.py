"""What the planner may look up while it reads a sentence: lazily, and only what the sentence needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from tools.errors import ShipmateError

if TYPE_CHECKING:
    from tools.context import Context
    from tools.workspace.components import Workspace

WORKLOADS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True)
class KindFact:
    """A kind as the cluster names it, in lower case; `words` are all its names, plural and short ones included."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Running:
    """The workload that runs a component."""

    kind: str
    name: str
    namespace: str


class Facts(Protocol):
    """Answers are empty, never errors, where nothing is known (no cluster, no rights, no workspace)."""

    @property
    def app(self) -> str:
        """Name of the workspace's application; empty without one."""
        ...

    @property
    def components(self) -> tuple[str, ...]: ...

    @property
    def problem(self) -> str:
        """Why the workspace cannot be read; empty when it can, or when there is none."""
        ...

    @property
    def buildable(self) -> tuple[str, ...]:
        """Components that have a source to build."""
        ...

    @property
    def release(self) -> str: ...

    @property
    def context(self) -> str:
        """Name of the kubeconfig context in use."""
        ...

    @property
    def home(self) -> str:
        """The namespace to look at when neither the sentence nor the context names one; empty: the context's."""
        ...

    def running(self, component: str) -> Running | None:
        """What runs a component, when that is one workload."""
        ...

    def namespaces(self) -> tuple[str, ...]: ...

    def kind_called(self, word: str) -> str:
        """The kind, custom ones included, that goes by this word; nothing when none does."""
        ...

    def names(self, kind: str, namespace: str | None = None) -> tuple[str, ...]:
        """Names of the objects of a kind, in one namespace or where the person works."""
        ...

    def releases(self) -> tuple[str, ...]: ...

    def labels_of(self, name: str, namespace: str | None = None) -> Mapping[str, str]:
        """The labels by which a workload selects its pods."""
        ...

    def schema_of(self, kind: str) -> Mapping[str, Any]:
        """The OpenAPI schema of a kind, references resolved, with its `apiVersion` and `kind` as `x-is`."""
        ...


@dataclass(frozen=True)
class StaticFacts:
    """Facts given by hand: for tests, and where there is neither cluster nor workspace."""

    app: str = ""
    components: tuple[str, ...] = ()
    buildable: tuple[str, ...] = ()
    release: str = ""
    context: str = ""
    spaces: tuple[str, ...] = ()
    custom: tuple[KindFact, ...] = ()
    objects: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    charts: tuple[str, ...] = ()
    home: str = ""
    workloads: Mapping[str, Running] = field(default_factory=dict[str, Running])
    selectors: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def running(self, component: str) -> Running | None:
        return self.workloads.get(component)

    def namespaces(self) -> tuple[str, ...]:
        return self.spaces

    def kind_called(self, word: str) -> str:
        names = {word: kind.name for kind in self.custom for word in (kind.name, *kind.words)}
        return names.get(word, "") or names.get(word.removesuffix("s"), "")

    def names(self, kind: str, namespace: str | None = None) -> tuple[str, ...]:
        return self.objects.get(kind, ())

    def releases(self) -> tuple[str, ...]:
        return self.charts

    def labels_of(self, name: str, namespace: str | None = None) -> Mapping[str, str]:
        return self.selectors.get(name, {})

    def schema_of(self, kind: str) -> Mapping[str, Any]:
        return self.schemas.get(kind, {})

    @property
    def problem(self) -> str:
        return ""


class ContextFacts:
    """Facts from the workspace and the cluster, each fetched once, when first asked for."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._names: dict[tuple[str, str | None], tuple[str, ...]] = {}
        self._schemas: dict[str, Mapping[str, Any]] = {}

    @cached_property
    def _workspace(self) -> Workspace | None:
        try:
            return self._ctx.workspace
        except ShipmateError:  # told by `problem`, and by the tools that need it
            return None

    @property
    def problem(self) -> str:
        try:
            _ = self._ctx.workspace
        except ShipmateError as error:
            return str(error)
        return ""

    @property
    def app(self) -> str:
        return self._workspace.name if self._workspace and self._workspace.components else ""

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(self._workspace.components) if self._workspace else ()

    @property
    def buildable(self) -> tuple[str, ...]:
        found = self._workspace.components if self._workspace else {}
        return tuple(name for name, one in found.items() if one.source is not None)

    @property
    def release(self) -> str:
        return self._workspace.release if self._workspace and self._workspace.chart else ""

    @property
    def context(self) -> str:
        try:
            return self._ctx.cluster.context
        except ShipmateError:
            return ""

    @property
    def home(self) -> str:
        try:
            if self._ctx.namespace or self._ctx.cluster.namespace != "default" or not self.components:
                return ""
        except ShipmateError:
            return ""
        own = self._workspace.namespace if self._workspace else ""
        return own if own in self.namespaces() else ""

    def running(self, component: str) -> Running | None:
        from tools.kubernetes.look.find import find_workload

        own = self._workspace.namespace if self._workspace else None
        for namespace in (None, own):  # where several namespaces have one, the workspace's own is meant
            try:
                live = find_workload(self._ctx, component, namespace=namespace)
            except ShipmateError:
                continue
            return Running(live["kind"].lower(), live["metadata"]["name"], live["metadata"]["namespace"])
        return None

    def namespaces(self) -> tuple[str, ...]:
        return self.names("namespace")

    def kind_called(self, word: str) -> str:
        try:
            kinds = self._ctx.cluster.kinds
            found = kinds.resolve(word)  # a kind that was defined a moment ago is found, too
        except ShipmateError:
            return ""
        return found.singular or found.kind.lower()

    def names(self, kind: str, namespace: str | None = None) -> tuple[str, ...]:
        key = (kind, namespace)
        if key not in self._names:
            self._names[key] = self._look_up(kind, namespace)
        return self._names[key]

    def _look_up(self, kind: str, namespace: str | None) -> tuple[str, ...]:
        try:
            cluster = self._ctx.cluster
            resource = cluster.kinds.resolve(kind)
            home = self._workspace.namespace if self._workspace and self._workspace.components else cluster.namespace
            places = (namespace,) if namespace else dict.fromkeys((cluster.namespace, home))
            wanted = places if resource.namespaced else (None,)
            found = (cluster.list(resource, place, metadata_only=True) for place in wanted)
            return tuple(dict.fromkeys(item["metadata"]["name"] for items in found for item in items))
        except ShipmateError:
            return ()

    @cached_property
    def _releases(self) -> tuple[str, ...]:
        labels = "owner=helm"
        try:
            cluster = self._ctx.cluster
            found = cluster.list(cluster.kinds.resolve("secret"), None, selector=labels)
            names = [item["metadata"].get("labels", {}).get("name", "") for item in found]
        except ShipmateError:
            return ()
        return tuple(dict.fromkeys(name for name in names if name))

    def releases(self) -> tuple[str, ...]:
        return self._releases

    def labels_of(self, name: str, namespace: str | None = None) -> Mapping[str, str]:
        from tools.kubernetes.look.find import find_workload

        try:
            live = find_workload(self._ctx, name, namespace=namespace)
        except ShipmateError:
            return {}
        selector = live["spec"]["selector"]
        return {} if selector.get("matchExpressions") else selector.get("matchLabels") or {}

    def schema_of(self, kind: str) -> Mapping[str, Any]:
        from tools.kubernetes.look.schema import schema_of

        if kind not in self._schemas:
            try:
                self._schemas[kind] = schema_of(self._ctx.cluster, kind)
            except ShipmateError:
                self._schemas[kind] = {}
        return self._schemas[kind]
