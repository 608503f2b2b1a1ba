"""Which requests each kind of change makes to an API server: what the witness holds both journal and log against."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_Change = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """`fits` tells whether a request can belong to such a change; `once`: it makes exactly one, else as recorded.

    `needs` tells a request that cannot be missing where the change was applied.
    """

    fits: Callable[[_Change, str, str], bool]
    once: bool = True
    needs: Callable[[_Change, str, str], bool] | None = None


def rule_for(change: _Change) -> Rule:
    """The rule of this change's kind; of a kind unknown here, whatever its plan showed."""
    return RULES.get(str(change.get("kind")), Rule(lambda _change, _method, _path: True, once=False))


def _on_object(method: str) -> Callable[[_Change, str, str], bool]:
    """A request to the very object, or to the sub-resource that the change names."""

    def fits(change: _Change, used: str, path: str) -> bool:
        part = "scale" if change["kind"] == "scale" else change.get("subresource") or ""
        return used == method and _leads_to(change["ref"], path, change["ref"]["name"], part)

    return fits


def _applied(change: _Change, method: str, path: str) -> bool:
    """Server-side apply of the object, or its creation."""
    if method == "POST":
        return _leads_to(change["ref"], path)
    return method == "PATCH" and _leads_to(change["ref"], path, change["ref"]["name"])


def _leads_to(ref: Mapping[str, Any], path: str, *names: str) -> bool:
    """Whether the path is one of such an object; version and plural are whatever the server calls them."""
    group = str(ref["api_version"]).rpartition("/")[0]
    root = rf"/apis/{re.escape(group)}/[^/]+" if group else r"/api/[^/]+"
    namespace = re.escape(ref["namespace"]) if ref.get("namespace") else "[^/]+"
    rest = "".join(f"/{re.escape(name)}" for name in names if name)
    return re.fullmatch(rf"{root}(/namespaces/{namespace})?/[^/]+{rest}", path) is not None


def _helper(change: _Change, method: str, path: str) -> bool:
    """The making of its Job, or its removal."""
    if method == "POST":
        return _leads_to(change["ref"], path)
    return method == "DELETE" and _leads_to(change["ref"], path, change["ref"]["name"])


def _made(_change: _Change, method: str, _path: str) -> bool:
    return method == "POST"


def _any(_change: _Change, _method: str, _path: str) -> bool:
    """Whatever the plan showed: the objects of a release are many, and the intent names them."""
    return True


def _record_of_release(change: _Change, _method: str, path: str) -> bool:
    """A write to Helm's own records, without which no release changes."""
    folder = f"/api/v1/namespaces/{change['namespace']}/secrets"
    return path == folder or path.startswith(f"{folder}/sh.helm.release.v1.{change['release']}.v")


def _none(_change: _Change, _method: str, _path: str) -> bool:
    return False


_HELM = Rule(_any, once=False, needs=_record_of_release)
_ELSEWHERE = Rule(_none, once=False)  # it changes an engine, a registry or a file, and no cluster

RULES: dict[str, Rule] = {
    "apply-manifest": Rule(_applied),
    "patch": Rule(_on_object("PATCH")),
    "scale": Rule(_on_object("PATCH")),
    "rollout-undo": Rule(_on_object("PATCH")),
    "delete": Rule(_on_object("DELETE")),
    "helper-job": Rule(_helper, once=False, needs=_made),
    "helm-release": _HELM,
    "helm-rollback": _HELM,
    "helm-uninstall": _HELM,
    "build-image": _ELSEWHERE,
    "tag-image": _ELSEWHERE,
    "deliver-image": _ELSEWHERE,
    "remove-image": _ELSEWHERE,
    "write-file": _ELSEWHERE,
}
