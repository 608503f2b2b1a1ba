"""Whether new containers stay up. Pure.

Without a probe a container counts as ready the moment it starts, also one that crashes a second later. So after a new
template such containers are watched until they have run for a few seconds; where a probe or `minReadySeconds` says
when a pod is ready, nothing is added to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Object = Mapping[str, Any]

SECONDS = 5.0


class Steadiness:
    """What was seen of the containers so far; `unsteady` is asked again and again with a monotonic time."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def unsteady(self, pods: Iterable[Object], now: float, clock: datetime | None = None) -> str:
        """Name of a container that has not run long enough yet, empty when all have.

        A container has, by this machine's clock compared with its start, or since it was first seen here: clocks of
        two machines may differ by any amount.
        """
        for pod in pods:
            if pod["metadata"].get("deletionTimestamp") or probed(pod.get("spec") or {}):
                continue
            for status in (pod.get("status") or {}).get("containerStatuses") or ():
                running = (status.get("state") or {}).get("running")
                if not running:
                    return str(status["name"])
                key = f"{pod['metadata']['uid']}/{status['name']}/{status.get('restartCount', 0)}"
                seen = now - self._since.setdefault(key, now)
                if max(seen, _age(running.get("startedAt"), clock)) < SECONDS:
                    return str(status["name"])
        return ""


def watched(workload: Object) -> bool:
    """Whether this workload leaves it to Kubernetes' guess when its pods are ready."""
    spec = workload.get("spec") or {}
    return not spec.get("minReadySeconds") and not probed((spec.get("template") or {}).get("spec") or {})


def probed(spec: Object) -> bool:
    """Whether a probe tells when a pod is ready."""
    probes = ("readinessProbe", "startupProbe")
    return any(item.get(probe) for item in spec.get("containers") or () for probe in probes)


def _age(started: str | None, clock: datetime | None) -> float:
    return ((clock or datetime.now(UTC)) - datetime.fromisoformat(started)).total_seconds() if started else 0.0
