"""Secret values of a change: kept as references into the vault, put back only on the way to the server."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, TypeVar

from tools.change import ApplyManifest, Patch
from tools.context import Context
from tools.redact import redact_object
from tools.vault import is_reference

Json = Any
C = TypeVar("C", ApplyManifest, Patch)


def sealed(ctx: Context, change: C) -> C:
    """The change with every secret value of its payload moved into the vault."""
    if isinstance(change, ApplyManifest):
        return change.model_copy(update={"manifest": seal(ctx, change.manifest)})
    if isinstance(change.patch, list):
        return change
    payload = {"kind": change.ref.kind, "apiVersion": change.ref.api_version, **change.patch}
    hidden = seal(ctx, payload)
    return change.model_copy(update={"patch": {key: hidden[key] for key in change.patch}})


def seal(ctx: Context, obj: dict[str, Any]) -> dict[str, Any]:
    """The object with each text that redaction would touch replaced by a reference into the vault."""
    return seal_value(ctx, obj, redact_object(obj))


def seal_value(ctx: Context, raw: Json, safe: Json) -> Json:
    """A value with each text that differs from its redacted counterpart `safe` moved into the vault."""
    if isinstance(raw, Mapping):
        inner: Mapping[str, Json] = safe if isinstance(safe, Mapping) else {}
        return {key: seal_value(ctx, value, inner.get(key)) for key, value in raw.items()}
    if isinstance(raw, list):
        items: list[Json] = safe if isinstance(safe, list) and len(safe) == len(raw) else [None] * len(raw)
        return [seal_value(ctx, value, items[index]) for index, value in enumerate(raw)]
    if isinstance(raw, str) and raw != safe and not is_reference(raw):
        return ctx.vault.put(raw)
    return raw


def unseal(ctx: Context, value: Json) -> Json:
    """The payload with its secret values; raises NotFound when one is no longer kept."""
    if isinstance(value, Mapping):
        return {key: unseal(ctx, item) for key, item in value.items()}
    if isinstance(value, list):
        return [unseal(ctx, item) for item in value]
    return ctx.vault.get(value) if is_reference(value) else value


def references(value: Json) -> set[str]:
    """The references into the vault that a payload holds."""
    if isinstance(value, Mapping):
        return references(list(value.values()))
    if isinstance(value, list):
        return set[str]().union(*(references(item) for item in value))
    return {value} if is_reference(value) else set()


def veiled(ctx: Context, value: Json, safe: Json) -> Json:
    """A value to compare with later: itself when it holds no secret, else a keyed digest of it."""
    if value == safe:
        return value
    import json

    text = json.dumps(value, sort_keys=True)
    return {"digest": hmac.new(ctx.vault.key, text.encode(), hashlib.sha256).hexdigest()}
