"""A write whose answer nobody saw: what is kept before it, and the way back from that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.context import Context
from tools.errors import NotFound, Refused
from tools.kubernetes.handlers.diff import MISSING, Changed, changes, clean, look, pointer, restored
from tools.preview import Applied, Preview
from tools.redact import redact_object
from tools.sealing import seal_value

Object = dict[str, Any]


def former_state(ctx: Context, preview: Preview, live: Object) -> Applied:
    """The object as it is before the write, as one value in the vault, and which of its places the diff showed."""
    kept = ctx.vault.put(json.dumps(clean(live)))
    before = {"object": kept, "paths": [value.path for value in preview.shown]}
    return Applied(summary=preview.summary, before=before, facts={"uid": live["metadata"]["uid"], "rolls": True})


def former_values(ctx: Context, applied: Applied, now: Object) -> list[Changed]:
    """What the change changed, secrets sealed: as its answer told, else as far as the kept state differs from now."""
    if not isinstance(applied.before, Mapping):
        return restored(applied.before or [])
    try:
        former: Object = json.loads(ctx.vault.get(applied.before["object"]))
    except NotFound as error:
        raise Refused("The former values are no longer kept, so they cannot be put back.", error.next_step) from error
    safe_old, safe_new = redact_object(former), redact_object(now)
    return [
        change._replace(
            before=_sealed(ctx, change.before, safe_old, pointer(former, change.path)),
            after=_sealed(ctx, change.after, safe_new, pointer(now, change.path)),
        )
        for change in changes(former, now)
        if _among(pointer(former, change.path), applied.before["paths"])
    ]


def _among(where: str, paths: list[str]) -> bool:
    """Whether the place, one around it or one inside of it was shown."""
    return any(f"{where}/".startswith(f"{path}/") or f"{path}/".startswith(f"{where}/") for path in paths)


def _sealed(ctx: Context, value: Any, safe: Any, where: str) -> Any:
    return value if value is MISSING else seal_value(ctx, value, look(safe, where))
