"""What the other steps of a plan, or documents of a release, make beside the one at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.change import Change
from tools.context import Context
from tools.errors import Forbidden
from tools.kubernetes.handlers.foresight.preflight import live_object
from tools.kubernetes.rollout.rolling import replicas_of
from tools.kubernetes.workload_changes import template_of

Object = Mapping[str, Any]
_COUNTED = ("Deployment", "StatefulSet", "ReplicaSet")
_DOORKEEPERS = (
    "ServiceAccount", "Namespace", "ResourceQuota", "LimitRange", "PriorityClass", "RuntimeClass",
    "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)  # fmt: skip


class Beside(NamedTuple):
    """What will be there by then.

    made   kind and name of objects, so that nobody needs to miss them
    pods   specs of pods and how many more (or, below zero, fewer) of them there will be
    opens  whether something is changed that decides which pods are let in
    """

    made: frozenset[tuple[str, str]] = frozenset()
    pods: tuple[tuple[Object, int], ...] = ()
    opens: bool = False


def beside(ctx: Context, earlier: tuple[Change, ...], namespace: str | None) -> Beside:
    """What earlier steps of a plan make in a namespace."""
    made = frozenset((one.ref.kind, one.ref.name) for one in earlier if one.kind == "apply-manifest")
    pods = [found for one in earlier if (found := _pods(ctx, one, namespace))]
    opens = any((ref := getattr(one, "ref", None)) and ref.kind in _DOORKEEPERS for one in earlier)
    return Beside(made, tuple(pods), opens)


def _pods(ctx: Context, change: Change, namespace: str | None) -> tuple[Object, int] | None:
    ref = getattr(change, "ref", None)
    if ref is None or ref.namespace != namespace or ref.kind not in _COUNTED:
        return None
    try:
        live = live_object(ctx, ref)
    except Forbidden:
        return None
    now = replicas_of(live) if live else 0
    match change.kind:
        case "apply-manifest":
            wanted = change.manifest.get("spec") or {}
            count, spec = wanted.get("replicas", now if live else 1), (wanted.get("template") or {}).get("spec")
        case "scale":
            count, spec = change.replicas, None
        case "delete":
            count, spec = 0, None
        case _:
            return None
    spec = spec or (template_of(live).get("spec") if live else None)
    return (spec, count - now) if spec and count != now else None
