"""What containers wrote: of a pod, or of all pods of a workload, in the order of time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tools.catalog import Result
from tools.context import Context
from tools.errors import BadRequest, ShipmateError
from tools.kubernetes.door.paths import check_name
from tools.kubernetes.look.log_sources import Source, find_pods, sources_of
from tools.kubernetes.quantity import parse_duration
from tools.secrets.redact import redact_text

_MOST_PODS = 20
_MOST_LINES = 5000
_SEARCHED_LINES = 20_000  # how far back a grep looks in each container
_MOST_BYTES = 4 * 1024 * 1024


def logs(
    ctx: Context,
    *,
    name: str,
    kind: str | None = None,
    namespace: str | None = None,
    container: str | None = None,
    previous: bool = False,
    since: str | None = None,
    tail: int = 100,
    grep: str | None = None,
) -> Result:
    """Show the log of a pod, or of all pods of a workload, service or component (backend, deployment/backend, a pod).

    previous: of the run before the last restart. since: no older than this, such as 10m or 2h.
    tail: how many of the last lines in all. grep: only lines with this regular expression or text, any case.
    """
    if not 1 <= tail <= _MOST_LINES:
        raise BadRequest(f"The number of lines must be between 1 and {_MOST_LINES}.")
    if container:
        check_name(container)
    title, pods = find_pods(ctx, kind, name, namespace)
    sources = [source for pod in pods[:_MOST_PODS] for source in sources_of(pod, container)]
    if not sources:
        return Result(text=f"{title} has no pods, so there are no logs.", data={"lines": [], "notes": []})
    query: dict[str, Any] = {"previous": previous, "limitBytes": _MOST_BYTES, "timestamps": True}
    query["tailLines"] = _SEARCHED_LINES if grep else tail
    if since:
        query["sinceSeconds"] = max(1, int(parse_duration(since)))
    lines, notes = _read_all(ctx, sources, query)
    if len(pods) > _MOST_PODS:
        notes.append(f"Only the first {_MOST_PODS} of {len(pods)} pods were read.")
    if grep:
        wanted = _pattern(grep)
        lines = [line for line in lines if wanted.search(line[2])]
    found = len(lines)
    lines = lines[-tail:]
    several = len(sources) > 1
    shown = [f"[{_label(source, sources)}] {text}" if several else text for _, source, text in lines]
    head = _head(title, sources, found, len(lines), previous=previous, since=since, grep=grep)
    text = redact_text("\n".join([head, *shown, *(f"Note: {note}" for note in notes)]))
    data = {
        "lines": [
            {"time": time, "pod": source.pod, "container": source.container, "text": redacted}
            for (time, source, _), redacted in zip(lines, _redacted_lines(lines), strict=True)
        ],
        "notes": [redact_text(note) for note in notes],
    }
    return Result(text=text, data=data)


def _redacted_lines(lines: list[tuple[str, Source, str]]) -> list[str]:
    """All lines at once, since a private key runs over several; it may then take fewer lines, hence the second way."""
    together = redact_text("\n".join(text for _, _, text in lines)).split("\n")
    return together if len(together) == len(lines) else [redact_text(text) for _, _, text in lines]


# --- Reading ----------------------------------------------------------------------------------------------------


def _read_all(
    ctx: Context, sources: Iterable[Source], query: Mapping[str, Any]
) -> tuple[list[tuple[str, Source, str]], list[str]]:
    """The lines of all containers by time, and what could not be read."""
    lines: list[tuple[str, Source, str]] = []
    notes: list[str] = []
    for source in sources:
        try:
            raw = ctx.cluster.get_raw(source.path, accept="*/*", container=source.container, **query)
        except ShipmateError as error:
            notes.append(why_not(source, error, previous=bool(query["previous"])))
            continue
        if raw.startswith(_NO_LONGER_KEPT):
            notes.append(f"{source.pod}/{source.container}: its log is no longer kept by the node.")
            continue
        last = ""
        for line in raw.decode("utf-8", "replace").splitlines():
            stamp, _, text = line.partition(" ")
            if not _STAMP.match(stamp):  # the tail of a line that was cut off by the size limit
                stamp, text = last, line
            last = stamp
            lines.append((stamp, source, text))
    lines.sort(key=lambda line: _sortable(line[0]))
    return lines, notes


_NO_LONGER_KEPT = b"unable to retrieve container logs for"  # the kubelet says so with status 200
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\Z")


def _sortable(stamp: str) -> str:
    """Times of unequal precision compare as text once their fractions are equally long."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}"


def why_not(source: Source, error: ShipmateError, *, previous: bool) -> str:
    """Why the log of a container could not be read, in words."""
    what = f"{source.pod}/{source.container}"
    if previous and "previous terminated container" in error.message.lower():
        return f"{what} has not been restarted, so there is no earlier log."
    if source.state != "running" and "waiting to start" in error.message.lower():
        return f"{what} has not started ({source.state}), so it has no log yet."
    return f"{what}: {error.message}"


def _pattern(grep: str) -> re.Pattern[str]:
    try:
        return re.compile(grep, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(grep), re.IGNORECASE)


def _label(source: Source, sources: Iterable[Source]) -> str:
    alone = sum(other.pod == source.pod for other in sources) == 1
    return source.pod if alone else f"{source.pod}/{source.container}"


def _head(
    title: str, sources: list[Source], found: int, shown: int, *, previous: bool, since: str | None, grep: str | None
) -> str:
    pods = len({source.pod for source in sources})
    where = title if title.startswith("pod ") else f"{title} ({pods} pod{'s' if pods != 1 else ''})"
    extra = (" before the last restart" if previous else "") + (f" in the last {since}" if since else "")
    matching = f" that match {grep!r}" if grep else ""
    if not found:
        return f"No lines{matching} in the log of {where}{extra}."
    count = f"The last {shown} of {found} lines" if shown < found else f"{shown} line{'s' if shown != 1 else ''}"
    return f"{count}{matching} of {where}{extra}:"
