"""Read tools about releases. What they return is redacted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.helm import store
from tools.helm.documents import documents
from tools.helm.values import merged, paths
from tools.secrets.redact import redact_object, redact_text


def list_releases(ctx: Context, *, namespace: str | None = None, all_namespaces: bool = False) -> Result:
    """List the Helm releases: chart, version, revision, status. Without a namespace those of all."""
    place = None if all_namespaces else namespace or ctx.namespace
    try:
        found = store.newest(ctx, place)
    except Forbidden:
        if place:
            raise
        place = ctx.cluster.namespace
        found = store.newest(ctx, place)
    where = f"in namespace {place}" if place else "in the cluster"
    if not found:
        return Result(text=f"There is no Helm release {where}.", data=[])
    rows = [
        (one.namespace, one.name, f"{one.chart_name} {one.chart_version}", str(one.revision), one.status, _when(one))
        for one in found
    ]
    table = _table(("NAMESPACE", "RELEASE", "CHART", "REVISION", "STATUS", "UPDATED"), rows)
    return Result(text=table, data=[_facts(one) for one in found])


def release_status(ctx: Context, *, release: str, namespace: str | None = None) -> Result:
    """Show one release: its state, and the objects that belong to it with how many pods are ready."""
    one = store.locate(ctx, release, namespace)
    head = f"{release} in {one.namespace}: {one.status}, revision {one.revision}, {one.chart_name} {one.chart_version}"
    lines = [f"{head} (app {one.app_version}), {_when(one)}. {redact_text(one.description)}".rstrip()]
    if one.pending:
        lines.append("An operation on it still runs, or was cut off: it can be rolled back.")
    objects: list[dict[str, Any]] = []
    for document in documents(one.manifest, one.namespace):
        state = _state(ctx, document.ref)
        objects.append({**document.ref.model_dump(), "state": state})
        lines.append(f"  {document.ref.kind} {document.ref.name}: {state}")
    return Result(text="\n".join(lines), data={**_facts(one), "objects": objects})


def release_history(ctx: Context, *, release: str, namespace: str | None = None) -> Result:
    """Show the revisions of a release that can be rolled back to."""
    place = store.locate(ctx, release, namespace).namespace
    found = store.history(ctx, release, place)
    rows = [
        (
            str(one.revision),
            one.status,
            f"{one.chart_name} {one.chart_version}",
            _when(one),
            redact_text(one.description),
        )
        for one in found
    ]
    table = _table(("REVISION", "STATUS", "CHART", "UPDATED", "DESCRIPTION"), rows)
    return Result(text=f"Release {release} in {place}:\n{table}", data=[_facts(one) for one in found])


def release_values(
    ctx: Context, *, release: str, namespace: str | None = None, all: bool = False, setting: str | None = None
) -> Result:
    """Show the values of a release: those given by people, with `all` also the chart's defaults.

    `setting` is (part of) a dotted path, such as backend.resources; each value then says where it comes from.
    """
    one = store.locate(ctx, release, namespace)
    given, defaults = one.values, one.chart.get("values") or {}
    safe_given = redact_object(given)
    data = merged(redact_object(defaults), safe_given) if all or setting else safe_given
    if not setting:
        return Result(text=_yaml(data) if data else f"Release {release} uses the chart's defaults.", data=data)
    mine = paths(given)
    found = {path: value for path, value in paths(data).items() if setting.lower() in path.lower()}
    if not found:
        raise NotFound(f"Release {release} has no setting {setting}.", f"It has: {', '.join(sorted(data))}.")
    lines = [
        f"{path}: {value}  ({'given' if path in mine else 'default of the chart'})" for path, value in found.items()
    ]
    return Result(text="\n".join(lines), data=found)


def _facts(one: store.Revision) -> dict[str, Any]:
    return {
        "release": one.name,
        "namespace": one.namespace,
        "revision": one.revision,
        "status": one.status,
        "chart": one.chart_name,
        "chart_version": one.chart_version,
        "app_version": one.app_version,
        "updated": one.updated,
        "description": redact_text(one.description),
    }


def _state(ctx: Context, ref: Any) -> str:
    try:
        live = ctx.cluster.read(ref)
    except NotFound:
        return "missing"
    except Forbidden:
        return "not allowed to look"
    spec: Mapping[str, Any] = live.get("spec") or {}
    status: Mapping[str, Any] = live.get("status") or {}
    if ref.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        return f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)} ready"
    if ref.kind == "DaemonSet":
        return f"{status.get('numberReady', 0)}/{status.get('desiredNumberScheduled', 0)} ready"
    return str(status.get("phase") or "there")


def _when(one: store.Revision) -> str:
    return one.updated[:19].replace("T", " ")


def _yaml(data: Any) -> str:
    import yaml

    return yaml.safe_dump(data, sort_keys=True, default_flow_style=False).rstrip()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    )
