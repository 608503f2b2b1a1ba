"""Compare, then write: a write that lands only on the state that was shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tools.change import Json, Ref
from tools.context import Context
from tools.errors import Conflict
from tools.kubernetes.door.errors import AlreadyExists, status_of
from tools.kubernetes.door.transport import Reply
from tools.kubernetes.handlers.foresight.preflight import check_shown, live_object
from tools.permit import Permit
from tools.preview import Applied, Preview

_TRIES = 8

# From the live object to the body of the write; the body carries the live resourceVersion.
MakeBody = Callable[[dict[str, Any]], Json]


def write_guarded(
    ctx: Context,
    ref: Ref,
    preview: Preview,
    permit: Permit,
    method: str,
    path: str,
    content_type: str,
    make: MakeBody,
    **query: Any,
) -> tuple[dict[str, Any], Reply]:
    """Write to an object that exists, and return it as it was together with the reply.

    The write is bound to the resourceVersion that was just compared, so nobody can come in between; when only
    something that was not shown moved (a status, say), it compares and tries again. Raises Conflict otherwise.
    """
    for _ in range(_TRIES):
        live = live_object(ctx, ref)
        check_shown(ctx, ref, live, preview.uid, preview.shown)
        if live is None:
            break
        permit.keep(_former_state(ctx, preview, live))
        try:
            return live, ctx.cluster.write(permit, method, path, make(live), content_type, **query)
        except Conflict as error:
            if isinstance(error, AlreadyExists) or field_conflicts(error):
                raise
    raise Conflict(f"{ref} keeps changing; nothing was written.", "Try again in a moment.")


def _former_state(ctx: Context, preview: Preview, live: dict[str, Any]) -> Applied:
    """The object as it is before the write, as one value in the vault, and which of its places the diff showed."""
    meta = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    kept = {**{key: value for key, value in live.items() if key != "status"}, "metadata": meta}
    before = {"object": ctx.vault.put(json.dumps(kept)), "paths": [value.path for value in preview.shown]}
    return Applied(summary=preview.summary, before=before, facts={"uid": meta["uid"]})


def with_version(patch_type: str, patch: Json, live: dict[str, Any]) -> Json:
    """The patch, bound to this very version of the object."""
    meta = live["metadata"]
    bond = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
    if patch_type == "json":
        bonds = [{"op": "replace", "path": f"/metadata/{key}", "value": value} for key, value in bond.items()]
        return [*bonds, *patch]
    return {**patch, "metadata": {**(patch.get("metadata") or {}), **bond}}


def field_conflicts(error: BaseException) -> list[tuple[str, str]]:
    """(manager, field) of each field that somebody else manages, when that is why an apply was refused."""
    status = status_of(error)
    if status is None:
        return []
    found: list[tuple[str, str]] = []
    for cause in status.causes:
        if cause.reason == "FieldManagerConflict":
            parts = cause.message.split('"')
            found.append((parts[1] if len(parts) > 2 else cause.message, cause.field.lstrip(".")))
    return found
