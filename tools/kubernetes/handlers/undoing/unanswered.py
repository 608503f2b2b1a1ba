"""A write whose answer nobody saw: what undo needs, told from what was kept before it and from what is there now."""

from __future__ import annotations

import json
from typing import Any

from tools.context import Context
from tools.kubernetes.handlers.diff import changes, clean, pointer, rewind
from tools.kubernetes.handlers.patch import written
from tools.preview import Applied

Object = dict[str, Any]


def as_if_answered(ctx: Context, change: Any, kept: Applied, now: Object) -> Applied:
    """The record of an update that took place, made from what `write_guarded` kept; what else moved is left out.

    Raises NotFound when the kept state has expired.
    """
    former: Object = json.loads(ctx.vault.get(kept.before["object"]))
    old, new = clean(former), clean(now)
    ours = [item for item in changes(old, new) if _among(pointer(old, item.path), kept.before["paths"])]
    before, _ = rewind(new, ours)
    generation = {"generation": former["metadata"].get("generation", 0)}
    before["metadata"] = {**before["metadata"], **generation}
    return written(ctx, change.summary, before, now)


def _among(where: str, paths: list[str]) -> bool:
    """Whether the place, one around it or one inside of it was shown."""
    return any(f"{where}/".startswith(f"{path}/") or f"{path}/".startswith(f"{where}/") for path in paths)
