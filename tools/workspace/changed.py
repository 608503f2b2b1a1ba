"""What changed lately, of all kinds in one list: rollouts, releases, objects, restarts, and what was warned of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import Failed, Forbidden
from tools.helm import store
from tools.helm.values import paths
from tools.kubernetes.handlers.diff import changes
from tools.kubernetes.look.events import concerns, event_time, fetch_events
from tools.kubernetes.look.lately import Moment, moments
from tools.kubernetes.look.lookup import check_exists
from tools.kubernetes.quantity import age, parse_duration, parse_time
from tools.secrets.redact import redact_text

_MOST = 25
_MOST_WARNINGS = 5
_MOST_VALUES = 4
_TOLD_VALUES = ("tag", "image", "repository", "replicas", "replicaCount", "cpu", "memory", "enabled", "type", "port")


def what_changed(
    ctx: Context,
    *,
    name: str | None = None,
    namespace: str | None = None,
    all_namespaces: bool = False,
    since: str = "24h",
) -> Result:
    """What changed lately, newest first: rollouts and releases with what differs from the one before, objects that were
    made or written and by whom, restarts, and how often what was warned of.

    name: only what concerns this workload, release or object. since: how far back, such as 2h; objects that are gone
    and changes that were overwritten leave no trace here.
    """
    place = None if all_namespaces else namespace or ctx.namespace or ctx.cluster.namespace
    oldest = datetime.now(UTC) - timedelta(seconds=parse_duration(since))
    found, denied = moments(ctx, place, oldest)
    try:
        found += _releases(ctx, place, oldest)
    except (Forbidden, Failed):
        denied.append("releases")
    if name:
        found = [one for one in found if _concerns(one, name)]
    warned = _warnings(ctx, place, name, oldest, denied)
    where = (f" with {name}" if name else "") + (f" in namespace {place}" if place else " in the cluster")
    if not found and not warned:
        check_exists(ctx, place)
        text = f"Nothing changed{where} in the last {since}."
        return Result(text="\n".join([text, *_unseen(denied)]), data={"changes": [], "unchecked": denied})
    found.sort(key=lambda one: one.at, reverse=True)
    lines = [f"{len(found)} change{'s' if len(found) != 1 else ''}{where} in the last {since}, newest first:"]
    lines += [_line(one, place) for one in found[:_MOST]]
    if len(found) > _MOST:
        lines.append(f"  … and {len(found) - _MOST} earlier ones: ask for a shorter time, or for one of them.")
    lines += [f"Warned of: {', '.join(warned)}."] if warned else []
    data = [{**one._asdict(), "at": one.at.isoformat()} for one in found]
    return Result(text="\n".join([*lines, *_unseen(denied)]), data={"changes": data, "unchecked": denied})


def _line(one: Moment, place: str | None) -> str:
    home = f"{one.namespace}/" if place is None and one.namespace else ""
    return f"  {age(one.at.isoformat()):>6} ago  {home}{one.subject}: {one.text}"


def _unseen(denied: Sequence[str]) -> list[str]:
    return [f"Not looked at, for lack of rights: {', '.join(denied)}."] if denied else []


def _concerns(one: Moment, name: str) -> bool:
    subject = one.subject.partition("/")[2]
    return subject == name or subject.startswith(f"{name}-") or subject.endswith(f"-{name}")


def _releases(ctx: Context, place: str | None, oldest: datetime) -> list[Moment]:
    found: list[Moment] = []
    for newest in store.newest(ctx, place):
        history = store.history(ctx, newest.name, newest.namespace)
        for index, one in enumerate(history):
            at = parse_time(one.updated) if one.updated else None
            if at and at >= oldest:
                text = (
                    f"revision {one.revision} ({one.status}): {_difference(history[index - 1] if index else None, one)}"
                )
                found.append(Moment(at.astimezone(UTC), f"release/{one.name}", one.namespace, text))
    return found


def _difference(before: store.Revision | None, after: store.Revision) -> str:
    if before is None:
        return f"installed from {after.chart_name} {after.chart_version}"
    told: list[str] = []
    if (before.chart_name, before.chart_version) != (after.chart_name, after.chart_version):
        told.append(f"chart {before.chart_version} → {after.chart_version}")
    told += _values(before.values, after.values)
    return "; ".join(told) if told else redact_text(after.description) or "the same values again"


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[str]:
    """Which values differ; what they are only where that is never a secret."""
    old, new = paths(before), paths(after)
    names = list(dict.fromkeys(".".join(str(part) for part in item.path) for item in changes(old, new)))
    for name in names[:_MOST_VALUES]:
        plain = name.rpartition(".")[2] in _TOLD_VALUES
        yield (
            redact_text(f"{name} {old.get(name, 'default')} → {new.get(name, 'default')}")
            if plain
            else f"{name} changed"
        )
    if len(names) > _MOST_VALUES:
        yield f"{len(names) - _MOST_VALUES} more values"


def _warnings(ctx: Context, place: str | None, name: str | None, oldest: datetime, denied: list[str]) -> list[str]:
    """The reasons of warnings, the most frequent first."""
    try:
        events = fetch_events(ctx, place, warnings_only=True)
    except Forbidden:
        denied.append("events")
        return []
    counted: Counter[str] = Counter()
    for event in events:
        if event_time(event) >= oldest and concerns(event, "", name or ""):
            subject = event.get("involvedObject") or {}
            counted[f"{event.get('reason')} ({str(subject.get('kind')).lower()} {subject.get('name')})"] += 1
    return [redact_text(what) for what, _ in counted.most_common(_MOST_WARNINGS)]
