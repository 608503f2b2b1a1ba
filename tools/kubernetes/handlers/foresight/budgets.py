"""Disruption budgets: what they ask for, and what they make of fewer pods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tools.context import Context
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.look.related import budgets_for, pod_labels, visible
from tools.kubernetes.rollout.rolling import replicas_of

Object = Mapping[str, Any]
_COUNTED = ("deployments.apps", "statefulsets.apps")


def wanted(budget: Object, count: int) -> int:
    """How many of `count` pods a budget wants to be available; percentages are rounded up, as the server does."""
    spec: Mapping[str, Any] = budget["spec"]
    if (least := spec.get("minAvailable")) is not None:
        return _part(least, count)
    return max(count - _part(spec.get("maxUnavailable", 0), count), 0)


def _part(value: int | str, count: int) -> int:
    return math.ceil(count * int(value.rstrip("%")) / 100) if isinstance(value, str) else value


def after_scaling(ctx: Context, workload: Object, count: int) -> list[str]:
    """Budgets that `count` pods can never satisfy."""
    found = budgets_for(ctx, workload["metadata"].get("namespace"), pod_labels(workload))
    return [
        f"Disruption budget {one['metadata']['name']} wants {least} pods available; only {count} will be there, so "
        "that no node with one of them can be drained."
        for one in found
        if (least := wanted(one, count)) > count
    ]


def while_replaced(ctx: Context, after: Object, missing: int) -> list[str]:
    """Budgets that a rollout, which does not heed them, undercuts for a while."""
    if not missing:
        return []
    count = replicas_of(after)
    found = budgets_for(ctx, after["metadata"].get("namespace"), pod_labels(after))
    return [
        f"Disruption budget {one['metadata']['name']} wants {least} of {count} pods available; a rollout does not heed "
        f"it and may leave {count - missing} for a while."
        for one in found
        if (least := wanted(one, count)) > count - missing
    ]


def told(ctx: Context, budget: Object) -> tuple[str, ...]:
    """What a budget means for the workloads that it counts."""
    space = budget["metadata"].get("namespace")
    workloads = [item for kind in _COUNTED for item in visible(ctx, kind, space)]
    counted = [item for item in workloads if selects(budget["spec"].get("selector"), pod_labels(item))]
    if not counted:
        return ("It selects no pods of any workload.",)
    count = sum(replicas_of(item) for item in counted)
    if count and wanted(budget, count) >= count:
        return (f"It wants all {count} pods available: no node with one of them can be drained.",)
    return ()
