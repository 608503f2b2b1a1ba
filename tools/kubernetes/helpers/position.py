"""Where a helper pod stands: as near to a pod as it gets, so that the same policies, rights and names hold for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.look.log_sources import find_pods
from tools.kubernetes.look.lookup import check_exists
from tools.kubernetes.look.pods import containers
from tools.kubernetes.look.related import labels_of, visible
from tools.kubernetes.names import check_namespace

Object = Mapping[str, Any]

# Labels by which controllers know their own pods; a helper must not be taken for one.
_CONTROLLERS = (
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
)
_CONTROLLER_DOMAINS = ("batch.kubernetes.io/", "statefulset.kubernetes.io/", "apps.kubernetes.io/")
_SAME = (
    "serviceAccountName", "hostNetwork", "dnsPolicy", "dnsConfig", "hostAliases", "imagePullSecrets",
    "runtimeClassName", "schedulerName", "priorityClassName",
)  # fmt: skip


@dataclass(frozen=True)
class Position:
    """`title` for people; `pod` is the one that is stood beside, None for a plain place in the namespace."""

    title: str
    namespace: str
    pod: Object | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def node(self) -> str:
        return str((self.pod or {}).get("spec", {}).get("nodeName") or "")

    @property
    def container(self) -> Object:
        """The main container of the pod."""
        found = [spec for role, spec, _ in containers(self.pod or {}) if role == "main"]
        return found[0] if found else {}

    def spec(self) -> dict[str, Any]:
        """The parts of a pod's spec that make up its place."""
        place: dict[str, Any] = {}
        if self.pod:
            place = {key: self.pod["spec"][key] for key in _SAME if self.pod["spec"].get(key)}
        if self.node:
            place |= on_node(self.node)
        return place

    def user(self) -> dict[str, int]:
        """The user and group of the pod's main container, as far as they are set."""
        pod_wide: Object = (self.pod or {}).get("spec", {}).get("securityContext") or {}
        own: Object = self.container.get("securityContext") or {}
        return {
            key: value for key in ("runAsUser", "runAsGroup") if (value := own.get(key, pod_wide.get(key))) is not None
        }


def on_node(name: str) -> dict[str, Any]:
    """Onto this very node, whatever it keeps others from, and still by the scheduler, which knows what room is left."""
    field = {"key": "metadata.name", "operator": "In", "values": [name]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
        "tolerations": [{"operator": "Exists"}],
    }


def position_of(ctx: Context, source: str | None, namespace: str | None) -> Position:
    """Beside a running pod of `source` (a pod, workload, service or component); without one, anywhere."""
    if not source:
        place = namespace or ctx.namespace or ctx.recent or ctx.cluster.namespace
        check_namespace(place)
        check_exists(ctx, place)
        return Position(f"namespace {place}", place)
    title, pods = find_pods(ctx, None, source, namespace)
    if not pods:
        raise NotFound(f"{title} has no pods to stand beside.", "Start it first, or ask without `from`.")
    pod = max(pods, key=_suitable)
    labels = {key: value for key, value in labels_of(pod).items() if not _of_controller(key)}
    return Position(f"pod {pod['metadata']['name']}", pod["metadata"]["namespace"], pod, labels)


def _suitable(pod: Object) -> tuple[bool, bool, bool]:
    status: Object = pod.get("status") or {}
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ())
    return ready, status.get("phase") == "Running", bool(pod["spec"].get("nodeName"))


def _of_controller(label: str) -> bool:
    return label in _CONTROLLERS or label.startswith(_CONTROLLER_DOMAINS)


def disturbed(ctx: Context, position: Position) -> tuple[str, ...]:
    """What else notices a pod with these labels although it is never ready."""
    told: list[str] = []
    for service in visible(ctx, "services", position.namespace) if position.labels else ():
        spec: Object = service["spec"]
        if (
            spec.get("publishNotReadyAddresses")
            and (spec.get("selector") or {"": ""}).items() <= position.labels.items()
        ):
            name = service["metadata"]["name"]
            told.append(
                f"Service {name} publishes pods that are not ready: the helper's address is among its own meanwhile."
            )
    for budget in visible(ctx, "poddisruptionbudgets.policy", position.namespace) if position.labels else ():
        if _counts(budget["spec"], position.labels):
            told.append(f"Disruption budget {budget['metadata']['name']} lets nobody evict its pods meanwhile.")
    return tuple(told)


def _counts(spec: Object, labels: Mapping[str, str]) -> bool:
    """Whether a budget reckons in shares of a workload, which it cannot while a stranger is among its pods."""
    from tools.kubernetes.handlers.foresight.capacity import selects

    share = spec.get("maxUnavailable") is not None or str(spec.get("minAvailable", "")).endswith("%")
    return share and bool(spec.get("selector")) and selects(spec["selector"], labels)
