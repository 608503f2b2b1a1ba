"""Which workload a selector that matches nothing was probably meant for."""

from __future__ import annotations

from collections.abc import Mapping

from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import template_of

_NEAR = 0.75  # of 1


def labels_of(workload: Object) -> dict[str, str]:
    """The labels of a workload's pods."""
    return (template_of(workload).get("metadata") or {}).get("labels") or {}


def closest(snap: Snapshot, namespace: str | None, name: str, selector: Mapping[str, str]) -> Object | None:
    """The workload of that name, or the one with almost these labels; None when none is near."""
    from rapidfuzz import fuzz

    best: tuple[float, Object | None] = (0.0, None)
    for item in snap.workloads():
        if item["metadata"].get("namespace") != namespace:
            continue
        labels = labels_of(item)
        shared = sum(fuzz.ratio(value, labels.get(key, "")) for key, value in selector.items())
        values = max((fuzz.ratio(a, b) for a in selector.values() for b in labels.values()), default=0)
        score = 2.0 if item["metadata"]["name"] == name else max(shared / max(len(selector), 1), values) / 100
        if score > best[0]:
            best = (score, item)
    return best[1] if best[0] >= _NEAR else None


def right_selector(workload: Object) -> dict[str, str]:
    """The labels by which a workload itself knows its pods."""
    return (workload["spec"].get("selector") or {}).get("matchLabels") or labels_of(workload)


def corrected(selector: Mapping[str, str], workload: Object) -> dict[str, str | None]:
    """A merge patch from a selector to the one that selects the workload's pods."""
    right = right_selector(workload)
    return {**{key: None for key in selector if key not in right}, **right}
