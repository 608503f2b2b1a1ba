"""One value of one Secret. Not a tool: no mind can call it, a person at a terminal can (`agent/guard/reveal.py`)."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from tools.change import Ref
from tools.context import Context
from tools.errors import BadRequest, Failed, NotFound
from tools.kubernetes.look.lookup import get_one


class Hidden(NamedTuple):
    """Where a value stands, without the value."""

    ref: Ref
    key: str


def find_hidden(ctx: Context, name: str, key: str | None, namespace: str | None) -> Hidden:
    """The Secret and key that are meant; raises NotFound, or BadRequest where the key has to be named."""
    resource, obj = get_one(ctx, "secret", name, namespace)
    if resource.kind != "Secret":
        raise BadRequest(f"{name} is no Secret.", "Name one, like secret/db.")
    keys = sorted(obj.get("data") or {})
    ref = resource.ref(obj["metadata"]["name"], obj["metadata"]["namespace"])
    if key is None and len(keys) == 1:
        key = keys[0]
    if key is None:
        raise BadRequest(f"The {ref} has {len(keys)} keys.", f"Name one of: {', '.join(keys) or 'none'}.")
    if key not in keys:
        raise NotFound(f"The {ref} has no key {key!r}.", f"It has: {', '.join(keys) or 'none'}.")
    return Hidden(ref, key)


def read_hidden(ctx: Context, hidden: Hidden) -> str:
    """The value itself; raises Failed where it is no text, NotFound where it went meanwhile."""
    packed = (ctx.cluster.read(hidden.ref).get("data") or {}).get(hidden.key)
    if packed is None:
        raise NotFound(f"The {hidden.ref} has no key {hidden.key!r} any more.")
    try:
        return base64.b64decode(packed).decode()
    except (binascii.Error, ValueError):
        raise Failed(f"The value of {hidden.key} in {hidden.ref} is not text.", "Fetch it with kubectl.") from None
