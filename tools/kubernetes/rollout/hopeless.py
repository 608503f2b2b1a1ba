"""Pods that will not get well by waiting: told from their status, so that nobody waits for a deadline. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any

Object = Mapping[str, Any]

_PULL = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "RegistryUnavailable")
_PULL_FINAL = re.compile(
    r"not found|manifest unknown|name unknown|repository does not exist|pull access denied|unauthorized|forbidden"
    r"|invalid reference|no match for platform|InvalidImageName|ErrImageNeverPull|couldn't parse image",
    re.IGNORECASE,
)
_CONFIG_FINAL = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError")
_CONFIG_SECONDS = 5.0  # a Secret or ConfigMap may be on its way
_SCHEDULING_SECONDS = 6.0  # pods that stop may make room
_PULL_SECONDS = 60.0  # a registry may come back
_RESTARTS = 2


def hopeless(
    pods: Iterable[Object], now: datetime | None = None, autoscaled: bool = False, watched: float = inf
) -> str:
    """Why waiting is in vain, or an empty string; `autoscaled` says that nodes may still be added.

    `watched`: seconds for which they have been looked at. No pod counts as older, as this machine's clock may be off.
    """
    found = list(pods)
    moment = now or datetime.now(UTC)
    stopping = any(pod["metadata"].get("deletionTimestamp") for pod in found)
    for pod in found:
        if pod["metadata"].get("deletionTimestamp"):
            continue
        if reason := _containers(pod, moment, watched) or (
            "" if stopping or autoscaled else _placing(pod, moment, watched)
        ):
            return reason
    return ""


def age(pod: Object, now: datetime) -> float:
    """Seconds since the pod was made."""
    return (now - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])).total_seconds()


def statuses(pod: Object) -> list[Mapping[str, Any]]:
    """The statuses of all its containers, init containers first."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _age_seen(pod: Object, now: datetime, watched: float) -> float:
    old = age(pod, now)
    return min(old, watched) if old >= 0 or watched == inf else watched


def _containers(pod: Object, now: datetime, watched: float) -> str:
    old = _age_seen(pod, now, watched)
    for status in statuses(pod):
        waiting: Mapping[str, Any] = (status.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in _PULL and (_PULL_FINAL.search(f"{reason} {message}") or old > _PULL_SECONDS):
            return f"image {status.get('image') or 'of ' + status['name']} cannot be pulled"
        if reason in _CONFIG_FINAL and old > _CONFIG_SECONDS:
            return f"container {status['name']} cannot be made: {message or reason}"
        terminated = (status.get("state") or {}).get("terminated") or {}
        if status.get("restartCount", 0) >= _RESTARTS and (reason == "CrashLoopBackOff" or terminated.get("exitCode")):
            return f"container {status['name']} keeps crashing ({status['restartCount']} restarts)"
    return ""


def _placing(pod: Object, now: datetime, watched: float) -> str:
    for item in (pod.get("status") or {}).get("conditions") or ():
        if (
            item.get("type") == "PodScheduled"
            and item.get("reason") == "Unschedulable"
            and _age_seen(pod, now, watched) > _SCHEDULING_SECONDS
        ):
            return f"no node takes its pods: {str(item.get('message', '')).partition(' preemption:')[0]}"
    return ""
