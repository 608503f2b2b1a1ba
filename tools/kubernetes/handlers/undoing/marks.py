"""Secret values as marks that can be compared: equal exactly when the values are, and useless to a reader."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from tools.context import Context
from tools.errors import NotFound
from tools.secrets.redact import redact_object
from tools.secrets.vault import is_reference

Json = Any
_MARK = "mark:"
LOST = "mark:lost"


class Marks:
    """Marks of one object's states, and what each stands for, so that a state made of marks can be written."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._meaning: dict[str, str] = {}

    def of_live(self, obj: dict[str, Any]) -> Json:
        """The object with each text that redaction would touch as a mark."""
        return self._hide(obj, redact_object(obj))

    def of_value(self, raw: Json, safe: Json) -> Json:
        """A part of an object and its redacted counterpart, likewise."""
        return self._hide(raw, safe)

    def of_sealed(self, value: Json) -> Json:
        """What was kept with references into the vault, as marks; a value that is no longer kept becomes LOST."""
        if isinstance(value, Mapping):
            return {key: self.of_sealed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of_sealed(item) for item in value]
        if not is_reference(value):
            return value
        try:
            return self._remember(self._ctx.vault.get(value), value)
        except NotFound:
            return LOST

    def sealed(self, value: Json) -> Json:
        """A value made of marks with references into the vault in their place, to be proposed as a change."""
        if isinstance(value, Mapping):
            return {key: self.sealed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.sealed(item) for item in value]
        if isinstance(value, str) and value in self._meaning:
            meaning = self._meaning[value]
            if not is_reference(meaning):
                meaning = self._meaning[value] = self._ctx.vault.put(meaning)
            return meaning
        return value

    def _hide(self, raw: Json, safe: Json) -> Json:
        if isinstance(raw, Mapping):
            inner: Mapping[str, Json] = safe if isinstance(safe, Mapping) else {}
            return {key: self._hide(value, inner.get(key)) for key, value in raw.items()}
        if isinstance(raw, list):
            items: list[Json] = safe if isinstance(safe, list) and len(safe) == len(raw) else [None] * len(raw)
            return [self._hide(value, items[index]) for index, value in enumerate(raw)]
        return self._remember(raw, raw) if isinstance(raw, str) and raw != safe else raw

    def _remember(self, value: str, meaning: str) -> str:
        mark = _MARK + hmac.new(self._ctx.vault.key, value.encode(), hashlib.sha256).hexdigest()
        if not is_reference(self._meaning.get(mark)):
            self._meaning[mark] = meaning
        return mark


def is_lost(value: Json) -> bool:
    """Whether a value, or a part of it, is no longer kept."""
    if isinstance(value, Mapping):
        return any(is_lost(item) for item in value.values())
    if isinstance(value, list):
        return any(is_lost(item) for item in value)
    return value == LOST
