"""Which field manager holds a field, read from what the server keeps about each object. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tools.kubernetes.handlers.diff import MISSING, Changed, Item, Path, told
from tools.kubernetes.look.owners import PEOPLE, SYSTEM

# What the owners of an object are told by already.
_TOLD = ("argocd", "kustomize-controller", "helm-controller", "helm")


def field_owners(live: Mapping[str, Any], found: Iterable[Changed]) -> tuple[str, ...]:
    """Warnings on managers that set fields of these changes and may set them again.

    A person's tool counts only where it applies whole manifests, which it will do again.
    """
    fields: dict[str, list[str]] = {}
    for change in found:
        if change.before is not MISSING:
            for name in managers_of(live, change.path):
                fields.setdefault(name, []).append(told(change.path))
    return tuple(
        f"{_some(paths)} {'was' if len(paths) == 1 else 'were'} set by {name}, which may put its own value back: "
        "change it there too."
        for name, paths in fields.items()
    )


def managers_of(live: Mapping[str, Any], path: Path) -> list[str]:
    """The managers that hold what stands at a path and are neither Shipmate, nor part of Kubernetes, nor one-time."""
    names: list[str] = []
    for entry in (live.get("metadata") or {}).get("managedFields") or ():
        name: str = entry.get("manager") or ""
        declared = entry.get("operation") == "Apply"
        if not name or name == "shipmate" or name.startswith((*SYSTEM, *_TOLD)):
            continue
        if entry.get("subresource") or (name.startswith(PEOPLE) and not declared):
            continue
        if _holds(entry.get("fieldsV1") or {}, path):
            names.append(name)
    return list(dict.fromkeys(names))


def _holds(node: Mapping[str, Any], path: Path) -> bool:
    for part in path:
        if isinstance(part, int):  # a list without keys is held as a whole
            return True
        below = _item(node, part.name) if isinstance(part, Item) else node.get(f"f:{part}")
        if below is None:
            return False
        if not below:  # held as a whole from here on
            return True
        node = below
    return True


def _item(node: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    for key, below in node.items():
        if key.startswith("k:") and json.loads(key[2:]).get("name") == name:
            return below
    return None


def _some(paths: list[str]) -> str:
    shown = ", ".join(paths[:3])
    return f"{shown} and {len(paths) - 3} more" if len(paths) > 3 else shown
