"""What Kubernetes reported about its objects lately."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import Forbidden
from tools.kubernetes.look.lookup import check_exists, split_name
from tools.kubernetes.look.tables import render
from tools.kubernetes.quantity import format_age, parse_duration, parse_time
from tools.secrets.redact import redact_object, redact_text

_MOST_EVENTS = 60
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# Workloads whose pods (and replica sets, jobs) are named after them with a dash.
_PARENTS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob"})

Event = dict[str, Any]


def events(
    ctx: Context,
    *,
    namespace: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    all_namespaces: bool = False,
    warnings_only: bool = False,
    since: str | None = None,
) -> Result:
    """Show what Kubernetes reported lately (scheduling, pulling, probes, restarts), the latest last.

    name: of the object, with kind or as deployment/backend; the pods of a workload are included.
    since: no older than this, such as 10m or 2h. warnings_only: leave out what is normal.
    """
    if name:
        kind, name = split_name(kind, name)
    kind_name = ctx.cluster.kinds.resolve(kind).kind if kind else ""
    place = None if all_namespaces else (namespace or ctx.cluster.namespace)
    oldest = datetime.now(UTC) - timedelta(seconds=parse_duration(since)) if since else _LONG_AGO
    found = [
        event
        for event in fetch_events(ctx, place, warnings_only=warnings_only)
        if concerns(event, kind_name, name or "") and event_time(event) >= oldest
    ]
    what = "warnings" if warnings_only else "events"
    about = f" about {name or kind_name}" if name or kind_name else ""
    where = (f" in namespace {place}" if place else " in all namespaces") + (f" in the last {since}" if since else "")
    if not found:
        check_exists(ctx, place)
        return Result(text=f"There are no {what}{about}{where}.", data={"items": []})
    hidden = len(found) - _MOST_EVENTS
    found = found[-_MOST_EVENTS:]
    note = f" (the latest; {hidden} older ones are not shown)" if hidden > 0 else ""
    text = f"{len(found)} {what}{about}{where}{note}:\n{event_table(found, namespaces=place is None)}"
    return Result(text=redact_text(text), data=redact_object({"items": [event_item(event) for event in found]}))


def fetch_events(ctx: Context, namespace: str | None, *, fields: str = "", warnings_only: bool = False) -> list[Event]:
    """The core events of a namespace, or of all (of those that this user may see), the latest last."""
    resource = ctx.cluster.kinds.resolve("events")
    chosen = ",".join(part for part in (fields, "type=Warning" if warnings_only else "") if part)
    try:
        found = list(ctx.cluster.list(resource, namespace, fields=chosen))
    except Forbidden:
        if namespace:
            raise
        found = list(ctx.cluster.list(resource, ctx.cluster.namespace, fields=chosen))
    return sorted(found, key=event_time)


def concerns(event: Event, kind: str, name: str) -> bool:
    """Whether an event is about this object (empty strings match all) or about what a workload made."""
    subject = event.get("involvedObject") or {}
    subject_kind, subject_name = subject.get("kind") or "", subject.get("name") or ""
    if kind in ("", subject_kind) and name in ("", subject_name):
        return True
    made_by = bool(name) and subject_name.startswith(f"{name}-") and (not kind or kind in _PARENTS)
    return made_by and subject_kind in ("Pod", "ReplicaSet", "Job")


def event_time(event: Event) -> datetime:
    """When it happened last; series and single events keep that in different fields."""
    series = event.get("series") or {}
    for stamp in (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")):
        if stamp:
            return parse_time(stamp)
    created = (event.get("metadata") or {}).get("creationTimestamp")
    return parse_time(created) if created else _LONG_AGO


def event_item(event: Event) -> dict[str, Any]:
    """The parts of an event that matter, flat."""
    subject = event.get("involvedObject") or {}
    return {
        "time": event_time(event).isoformat(),
        "type": event.get("type") or "",
        "reason": event.get("reason") or "",
        "kind": subject.get("kind") or "",
        "name": subject.get("name") or "",
        "namespace": subject.get("namespace") or "",
        "count": (event.get("series") or {}).get("count") or event.get("count") or 1,
        "message": (event.get("message") or "").strip(),
    }


def event_table(found: Sequence[Event], *, namespaces: bool = False, subjects: bool = True) -> str:
    """Events as aligned text; `subjects` leaves out the object where it is plain anyway."""
    columns = [
        *(["namespace"] if namespaces else []),
        "ago",
        "type",
        "reason",
        *(["object"] if subjects else []),
        "message",
    ]
    return render(columns, _rows(found, namespaces, subjects))


def _rows(found: Iterable[Event], namespaces: bool, subjects: bool) -> Iterable[list[str]]:
    now = datetime.now(UTC)
    for event in found:
        item = event_item(event)
        times = f" (×{item['count']})" if item["count"] > 1 else ""
        yield [
            *([item["namespace"]] if namespaces else []),
            format_age((now - event_time(event)).total_seconds()),
            item["type"],
            item["reason"],
            *([f"{item['kind'].lower()}/{item['name']}"] if subjects else []),
            item["message"] + times,
        ]
