"""A write whose answer nobody saw: what undo needs, told from what was kept before it and from what is there now."""

from __future__ import annotations

import copy
import json
from typing import Any

from tools.change import Scale
from tools.context import Context
from tools.kubernetes.handlers.diff import changes, clean, look, pointer, way_back
from tools.kubernetes.handlers.patch import written
from tools.preview import Applied

Object = dict[str, Any]


def as_if_answered(ctx: Context, change: Any, kept: Applied, now: Object) -> Applied:
    """The record of an update that took place, made from what `write_guarded` kept; what else moved since is left out of it.

    Raises NotFound when the kept state has expired.
    """
    former: Object = json.loads(ctx.vault.get(kept.before["object"]))
    if isinstance(change, Scale):
        return kept.model_copy(update={"before": former["spec"].get("replicas", 1)})
    old, new = clean(former), clean(now)
    ours = [item for item in changes(old, new) if _among(pointer(old, item.path), kept.before["paths"])]
    before = _patched(new, way_back(new, ours))
    generation = {"generation": former["metadata"].get("generation", 0)}
    before["metadata"] = {**before["metadata"], **generation}
    return written(ctx, change.summary, before, now)


def _among(where: str, paths: list[str]) -> bool:
    """Whether the place, one around it or one inside of it was shown."""
    return any(f"{where}/".startswith(f"{path}/") or f"{path}/".startswith(f"{where}/") for path in paths)


def _patched(obj: Object, operations: list[dict[str, Any]]) -> Object:
    """The object after a JSON patch of additions, replacements and removals."""
    work = copy.deepcopy(obj)
    for operation in operations:
        above, _, last = operation["path"].rpartition("/")
        parent, key = look(work, above), last.replace("~1", "/").replace("~0", "~")
        place = int(key) if isinstance(parent, list) else key
        if operation["op"] == "remove":
            del parent[place]
        elif operation["op"] == "add" and isinstance(parent, list):
            parent.insert(place, operation["value"])
        else:
            parent[place] = operation["value"]
    return work
