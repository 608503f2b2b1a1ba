"""What an object's traits need to know of others: who uses it, what it selects. Read once, when first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from tools.context import Context
from tools.errors import NotFound
from tools.kubernetes.look.users import holders

Object = Mapping[str, Any]


class World:
    """The objects around those of a list; `namespace` None stands for all of them."""

    def __init__(self, ctx: Context, namespace: str | None) -> None:
        self._ctx, self._place = ctx, namespace
        self._listed = cache(self._list)

    def _list(self, kind: str) -> list[Object]:
        """All objects of a kind. What may not be seen is an error: without it a rule would be judged wrongly."""
        try:
            return list(self._ctx.cluster.list(self._ctx.cluster.kinds.resolve(kind), self._place))
        except NotFound:
            return []

    def pods(self, obj: Object) -> int:
        """How many pods a service or workload selects."""
        selector: Object = (obj.get("spec") or {}).get("selector") or {}
        if obj.get("kind") == "Service":
            selector = {"matchLabels": selector} if selector else {}
        if not selector:
            return 0
        return sum(_same_place(pod, obj) and selects(selector, _labels(pod)) for pod in self._listed("pods"))

    def endpoints(self, obj: Object) -> int:
        """How many ready addresses stand behind a service."""
        name, count = obj["metadata"]["name"], 0
        for item in self._listed("endpointslices.discovery.k8s.io"):
            if _same_place(item, obj) and _labels(item).get("kubernetes.io/service-name") == name:
                ready = [one for one in item.get("endpoints") or () if (one.get("conditions") or {}).get("ready", True)]
                count += sum(len(one.get("addresses") or ()) for one in ready)
        return count

    def used(self, obj: Object) -> bool:
        """Whether anything that can be seen uses a config map, secret, claim, service account or service."""
        kind, metadata = obj.get("kind", ""), obj["metadata"]
        if kind == "Service":
            return self.pods(obj) > 0 or self.endpoints(obj) > 0
        if kind == "PersistentVolume":
            return bool((obj.get("spec") or {}).get("claimRef"))
        if metadata.get("ownerReferences") or metadata["name"] in ("kube-root-ca.crt", "default"):
            return True
        if kind == "Secret" and str(obj.get("type", "")).startswith(("helm.sh/", "kubernetes.io/service-account")):
            return True
        return bool(holders(self._view, kind, metadata["name"], metadata.get("namespace")))

    @cached_property
    def _view(self) -> Context:
        """One look for all questions, so that each kind is read once."""
        return self._ctx.at_one_moment()

    def selected_by(self, kind: str, obj: Object) -> str:
        """The first object of the kind whose selector takes this workload's pods, or that is in this namespace."""
        if obj.get("kind") == "Namespace":
            return self.inside(kind, obj)
        for item in self._listed(kind):
            spec: Object = item.get("spec") or {}
            selector = spec.get("podSelector", spec.get("selector"))
            if selector is not None and _same_place(item, obj) and selects(selector, _pod_labels(obj)):
                return item["metadata"]["name"]
        return ""

    def autoscaler(self, obj: Object) -> str:
        for item in self._listed("horizontalpodautoscalers.autoscaling"):
            goal: Object = item["spec"]["scaleTargetRef"]
            same = (goal.get("kind"), goal.get("name")) == (obj.get("kind"), obj["metadata"]["name"])
            if same and _same_place(item, obj):
                return item["metadata"]["name"]
        return ""

    def inside(self, kind: str, obj: Object) -> str:
        """The name of the first object of the kind in a namespace."""
        place = obj["metadata"]["name"] if obj.get("kind") == "Namespace" else obj["metadata"].get("namespace")
        return next(
            (item["metadata"]["name"] for item in self._listed(kind) if item["metadata"].get("namespace") == place), ""
        )


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for rule in selector.get("matchExpressions") or ():
        key, values = rule["key"], rule.get("values") or ()
        fits = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }[rule["operator"]]
        if not fits:
            return False
    return True


def _labels(obj: Object) -> Mapping[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _pod_labels(obj: Object) -> Mapping[str, str]:
    template: Object = (obj.get("spec") or {}).get("template") or {}
    return _labels(template) if template else _labels(obj)


def _same_place(one: Object, other: Object) -> bool:
    return one["metadata"].get("namespace") == other["metadata"].get("namespace")
