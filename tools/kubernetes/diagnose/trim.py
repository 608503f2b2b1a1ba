"""Objects as small as a diagnosis needs them: ten thousand pods must fit into little memory."""

from __future__ import annotations

import re
from typing import Any

Object = dict[str, Any]
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OLD_VERSION = re.compile(r'\{"apiVersion":"[\w.-]+/v\d+beta\d+"')  # what the rule about old versions reads
_TOKEN = "kube-api-access-"  # noqa: S105  (the name of a volume that admission adds to each pod)


class Trimmer:
    """Takes out what no rule reads, and keeps equal parts of sibling pods once. What it returns is only to be read."""

    def __init__(self) -> None:
        self._siblings: dict[str, Object] = {}

    def trim(self, obj: Object) -> Object:
        """The same object, smaller."""
        meta = obj["metadata"]
        meta.pop("managedFields", None)
        if (notes := meta.get("annotations")) and not _OLD_VERSION.match(notes.get(_LAST_APPLIED, "")):
            notes.pop(_LAST_APPLIED, None)
        if obj.get("kind") == "Pod" and "spec" in obj:
            _drop_token(obj["spec"])
            self._share(obj)
        return obj

    def _share(self, pod: Object) -> None:
        """Pods of one controller come from one template, so most of their spec is equal."""
        owners = pod["metadata"].get("ownerReferences")
        if not owners:
            return
        other = self._siblings.setdefault(owners[0]["uid"], pod)
        if other is pod:
            return
        for part in ("metadata", "spec"):
            mine, theirs = pod[part], other[part]
            for name, value in mine.items():
                if value.__class__ in (dict, list) and value == theirs.get(name):
                    mine[name] = theirs[name]


def _drop_token(spec: Object) -> None:
    """Its random name would make each pod's containers differ from its siblings'."""
    volumes = spec.get("volumes") or ()
    if not any(item["name"].startswith(_TOKEN) for item in volumes):
        return
    spec["volumes"] = [item for item in volumes if not item["name"].startswith(_TOKEN)]
    for part in ("initContainers", "containers"):
        for container in spec.get(part) or ():
            mounts = container.get("volumeMounts") or ()
            container["volumeMounts"] = [item for item in mounts if not item["name"].startswith(_TOKEN)]
