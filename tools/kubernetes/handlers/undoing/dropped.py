"""Fields that a manifest no longer has and that stay all the same, because kubectl set them before Shipmate. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.kubernetes.handlers.diff import MISSING, changes, look, pointer, told

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SHOWN = 6


def dropped(live: Mapping[str, Any], manifest: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence about them, or nothing.

    Server-side apply removes only fields that it owned; what `kubectl apply` set by the client is still kubectl's.
    """
    try:
        former = json.loads((live["metadata"].get("annotations") or {}).get(_LAST_APPLIED, "{}"))
    except ValueError:
        return ()
    gone = [
        change.path
        for change in changes(former, manifest)
        if change.after is MISSING and change.path[0] not in ("status", "apiVersion", "kind")
    ]
    stay = [told(path) for path in gone if look(after, pointer(after, path)) is not MISSING]
    stay = [name for name in stay if name not in ("metadata.namespace", "metadata.annotations")]
    if not stay:
        return ()
    more = f" and {len(stay) - _SHOWN} more" if len(stay) > _SHOWN else ""
    names = ", ".join(stay[:_SHOWN]) + more
    return (f"Not in the manifest any more, but set by kubectl apply before, so it stays: {names}.",)
