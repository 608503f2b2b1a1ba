"""The errors in logs, grouped; and what was written around a crash. Read as a stream, so that size does not matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import ShipmateError
from tools.kubernetes.door.paths import check_name
from tools.kubernetes.look.log_sources import Source, find_pods, sources_of
from tools.kubernetes.look.log_templates import Kind, Summary, take
from tools.kubernetes.look.logs import why_not
from tools.kubernetes.look.pods import containers
from tools.kubernetes.quantity import parse_duration

_MOST_PODS = 20
_SHOWN = 15  # kinds of errors that are told
_AROUND = 30  # lines before the end of a run that crashed, and after the start of the next
_WIDEST = 400  # characters of a sample


def log_errors(
    ctx: Context,
    *,
    name: str,
    kind: str | None = None,
    namespace: str | None = None,
    container: str | None = None,
    previous: bool = False,
    since: str | None = None,
) -> Result:
    """The errors in the whole log of a pod or workload, grouped by their wording: how many, first and last, a sample.

    previous: of the run before the last restart. since: no older than this, such as 10m or 2h. Logs of any size.
    """
    if container:
        check_name(container)
    title, pods = find_pods(ctx, kind, name, namespace)
    sources = [source for pod in pods[:_MOST_PODS] for source in sources_of(pod, container)]
    query: dict[str, Any] = {"previous": previous, "timestamps": True}
    if since:
        query["sinceSeconds"] = max(1, int(parse_duration(since)))
    summary, notes = Summary(), list[str]()
    for source in sources:
        try:
            lines = ctx.cluster.stream(source.path, container=source.container, **query)
            take(summary, lines, f"{source.pod}/{source.container}")
        except ShipmateError as error:
            notes.append(why_not(source, error, previous=previous))
    if len(pods) > _MOST_PODS:
        notes.append(f"Only the first {_MOST_PODS} of {len(pods)} pods were read.")
    extra = (" before the last restart" if previous else "") + (f" in the last {since}" if since else "")
    return Result(text=_told(title, extra, summary, notes), data=_data(summary, notes))


def _told(title: str, extra: str, summary: Summary, notes: list[str]) -> str:
    read = f"{summary.lines:,} lines ({summary.bytes / 1e6:,.1f} MB)"
    found = summary.ordered()
    if not found:
        lines = [f"No errors in the log of {title}{extra}: {read} were read."]
    else:
        kinds = f"{len(found)} kind{'s' if len(found) != 1 else ''}"
        lines = [f"{summary.trouble:,} errors of {kinds} in the log of {title}{extra}, out of {read}:"]
        for item in found[:_SHOWN]:
            lines += _kind(item)
        if len(found) > _SHOWN:
            lines.append(f"… and {len(found) - _SHOWN} rarer kinds.")
    return "\n".join([*lines, *(f"Note: {note}" for note in notes)])


def _kind(item: Kind) -> list[str]:
    when = f"last {_moment(item.last)}" if item.count == 1 else f"{_moment(item.first)} to {_moment(item.last)}"
    pods = f", in {len(item.sources)} containers" if len(item.sources) > 1 else ""
    return [f"{item.count:>7,} ×  {item.sample[:_WIDEST]}", *(f"           {line[:_WIDEST]}" for line in item.more),
            f"           {when}{pods}"]  # fmt: skip


def _moment(stamp: str) -> str:
    return stamp[:19].replace("T", " ") or "at an unknown time"


def _data(summary: Summary, notes: list[str]) -> dict[str, Any]:
    return {
        "lines": summary.lines,
        "bytes": summary.bytes,
        "errors": summary.trouble,
        "kinds": [
            {"count": one.count, "first": one.first, "last": one.last, "template": one.template, "sample": one.sample,
             "more": one.more, "sources": sorted(one.sources)}
            for one in summary.ordered()[:100]
        ],
        "notes": notes,
    }  # fmt: skip


def crash_log(
    ctx: Context, *, name: str, kind: str | None = None, namespace: str | None = None, container: str | None = None
) -> Result:
    """What was written around the last crash of a workload: how that run ended, its last lines, what came next."""
    title, pods = find_pods(ctx, kind, name, namespace)
    parts: list[str] = []
    crashes: list[dict[str, Any]] = []
    for pod in pods[:_MOST_PODS]:
        states = {spec["name"]: status for _, spec, status in containers(pod)}
        for source in sources_of(pod, container):
            ended, previous = _ending(states[source.container])
            if ended:
                before, after = _around(ctx, source, previous)
                crashes.append({"pod": source.pod, "container": source.container, "ended": ended, "lines": before})
                parts += _crash(source, ended, before, after)
    if not crashes:
        parts = [f"No container of {title} has ended in a way that is still known."]
    return Result(text="\n".join(parts), data={"crashes": crashes})


def _ending(status: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """How the last run ended, and whether that is the one before the present."""
    for field, previous in (("state", False), ("lastState", True)):
        if ended := (status.get(field) or {}).get("terminated"):
            return {key: ended.get(key) for key in ("reason", "exitCode", "signal", "finishedAt")}, previous
    return {}, False


def _around(ctx: Context, source: Source, previous: bool) -> tuple[list[str], list[str]]:
    """The last lines of the run that ended, and the first of the next; a log that is not kept has none."""
    before = _lines(ctx, source, previous=previous, tailLines=_AROUND)
    after = _lines(ctx, source, previous=False, limitBytes=4096)[:5] if previous else []
    return before, after


def _lines(ctx: Context, source: Source, **query: Any) -> list[str]:
    try:
        raw = ctx.cluster.get_raw(source.path, accept="*/*", container=source.container, **query)
    except ShipmateError as error:
        return [f"({why_not(source, error, previous=bool(query['previous']))})"]
    return raw.decode("utf-8", "replace").splitlines()


def _crash(source: Source, ended: Mapping[str, Any], before: list[str], after: list[str]) -> list[str]:
    how = f"exit code {ended['exitCode']}" + (f", {ended['reason']}" if ended.get("reason") else "")
    head = (
        f"{source.pod}/{source.container} ended at {_moment(str(ended.get('finishedAt') or ''))} ({how}). Before that:"
    )
    return [head, *(f"  {line[:_WIDEST]}" for line in before or ["(nothing was written)"]),
            *(["After the restart:", *(f"  {line[:_WIDEST]}" for line in after)] if after else [])]  # fmt: skip
