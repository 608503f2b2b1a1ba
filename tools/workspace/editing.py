"""Change tool for any field of any object, the way that lasts: through the chart's values where it has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from tools.change import Change, Proposal
from tools.context import Context
from tools.errors import NotFound
from tools.helm.values import Values, look, nested
from tools.kubernetes.edits import edit_change
from tools.kubernetes.look.find import KINDS
from tools.kubernetes.look.lookup import get_one
from tools.kubernetes.look.owners import owners
from tools.kubernetes.workload_changes import containers_of
from tools.secrets.sealing import sealed
from tools.workspace.routing import Managed, Subject, changed, subject

_POD_SETTINGS = {
    "securityContext": "podSecurityContext",
    "serviceAccountName": "serviceAccount.name",
    **{
        key: key
        for key in (
            "tolerations",
            "nodeSelector",
            "affinity",
            "priorityClassName",
            "terminationGracePeriodSeconds",
            "topologySpreadConstraints",
            "imagePullSecrets",
        )
    },
}
_CONTAINER_SETTINGS = frozenset(
    ("livenessProbe", "readinessProbe", "startupProbe", "resources", "securityContext", "envFrom", "command", "args")
)


def edit_object(
    ctx: Context,
    *,
    name: str,
    fields: dict[str, Any],
    kind: str | None = None,
    container: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Change any fields of an existing object: `fields` is a part of the object, like {"spec": {"suspend": true}}.

    Null removes a field. Containers, variables, volumes go by name, ports by number, mounts by path (an element without
    one is the only one there is); tolerations and envFrom are added to; {"$patch": "delete", …} removes an element.
    """
    target = _target(ctx, name, kind, namespace)
    found = edit_change(target.live, fields, container)
    if found is None:
        return Proposal(notes=(f"Nothing is to change: {target} is so already.", *target.notes))
    plain = sealed(ctx, found)

    def direct() -> Change:
        return plain

    def values(owner: Managed) -> Values:
        return chart_settings(owner.values, owner.prefix, target.live, cast(Mapping[str, Any], found.patch))

    return changed(ctx, target, values, direct, plain.summary, f"The release has these values for {target} already.")


def _target(ctx: Context, name: str, kind: str | None, namespace: str | None) -> Subject:
    kind = name.partition("/")[0] if "/" in name else kind
    if kind is None or ctx.cluster.kinds.resolve(kind).kind in KINDS:
        return subject(ctx, name, kind, namespace)
    live = get_one(ctx, kind, name, namespace or ctx.namespace)[1]
    return Subject(live, owners(ctx, live))


def chart_settings(
    known_values: Mapping[str, Any], prefix: str, live: Mapping[str, Any], body: Mapping[str, Any]
) -> Values:
    """The chart's settings for a patch; raises NotFound unless the chart has one for each of its fields."""
    flat: Values = {}
    for setting, value in _wanted(live, body):
        path = f"{prefix}.{setting}" if prefix else setting
        known = look(known_values, path)
        switched = isinstance(known, Mapping) and "enabled" in known
        if not setting or known is None or switched or type(known) is not type(value):
            raise NotFound(f"The chart has no setting for {setting or 'all of this'} of {prefix or 'it'}.")
        flat[path] = value
    return nested(flat)


def _wanted(live: Mapping[str, Any], body: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Settings, as charts commonly call them, with what they shall be; an empty name for what charts have none for."""
    spec: Mapping[str, Any] = body.get("spec") or {}
    if live["kind"] == "Service":
        for key, value in spec.items():
            yield ("service.type" if key == "type" else ""), value
        return
    pods: Mapping[str, Any] = (spec.get("template") or {}).get("spec") or {}
    if set(body) - {"spec"} or set(spec) - {"template"} or set(spec.get("template") or {}) - {"spec"}:
        yield "", None
    for key, value in pods.items():
        if key != "containers":
            yield _POD_SETTINGS.get(key, ""), value
            continue
        for item in value:
            known = item["name"] == containers_of(live)[0]["name"]
            for field, inner in item.items():
                if field != "name":
                    yield (field if known and field in _CONTAINER_SETTINGS else ""), inner
