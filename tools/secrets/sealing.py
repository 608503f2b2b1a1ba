"""Secret values of a change: kept as references into the vault, put back only on the way to the server."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from tools.change import ApplyManifest, Patch
from tools.context import Context
from tools.secrets.known import REDACTED, learn, learn_object, learn_removed
from tools.secrets.redact import redact_object
from tools.secrets.vault import is_reference

Json = Any
_NUMBER = "\0number:"  # begins what is kept of a secret that is not text
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
    learn_object(obj)
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
        if isinstance(safe, str):
            learn_removed(raw, safe)
        return ctx.vault.put(raw)
    if isinstance(raw, int | float) and safe == REDACTED:
        return ctx.vault.put(_NUMBER + json.dumps(raw))
    return raw


def unseal(ctx: Context, value: Json) -> Json:
    """The payload with its secret values; raises NotFound when one is no longer kept."""
    plain = _unsealed(ctx, value)
    learn_object(plain)
    return plain


def _unsealed(ctx: Context, value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _unsealed(ctx, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unsealed(ctx, item) for item in value]
    if not is_reference(value):
        return value
    kept = ctx.vault.get(value)
    if kept.startswith(_NUMBER):
        return json.loads(kept.removeprefix(_NUMBER))
    learn(kept, sure=True)  # a server that refuses it may repeat it
    return kept


def references(value: Json) -> set[str]:
    """The references into the vault that a payload holds."""
    if isinstance(value, Mapping):
        return references(list(value.values()))
    if isinstance(value, list):
        return set[str]().union(*(references(item) for item in value))
    return {value} if is_reference(value) else set()


def veiled(ctx: Context, value: Json, safe: Json) -> Json:
    """A value to compare with later: itself when it holds no secret, else a keyed digest of it."""
    return value if value == safe else _veil(ctx, value)


def still(ctx: Context, value: Json, kept: Json) -> bool:
    """Whether a value is the one that was kept, veiled or not."""
    return value == kept or (isinstance(kept, dict) and kept.keys() == {"digest"} and _veil(ctx, value) == kept)


def _veil(ctx: Context, value: Json) -> Json:
    text = json.dumps(value, sort_keys=True)
    return {"digest": hmac.new(ctx.vault.key, text.encode(), hashlib.sha256).hexdigest()}
