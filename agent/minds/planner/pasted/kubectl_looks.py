"""kubectl lines that only look."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.meaning import Step
from agent.minds.planner.pasted.commandline import Line, NotTaken, kind_of, objects, one_object, valid
from agent.minds.planner.reading.subjects import where

_SORTS = {
    "name": "name",
    "creationTimestamp": "age",
    "restartCount": "restarts",
    "lastTimestamp": "age",
    "phase": "status",
}


def _scope(line: Line) -> dict[str, Any]:
    return {"all_namespaces": True} if "--all-namespaces" in line.flags else line.place


def get(line: Line) -> list[Step]:
    output = line.one("--output", "wide")
    if output not in ("wide", "name", "yaml", "json"):
        raise NotTaken(f"I do not format output as {output.split('=')[0]!r}. Leave -o out, or take -o yaml.")
    if not line.words:
        raise NotTaken("That line does not say what to get.")
    kinds = line.words[0].split(",")
    if len(kinds) == 1 and (len(line.words) > 1 or "/" in line.words[0]):
        return [_get_one(kind, name, output, line) for kind, name in objects(line.words)]
    if len(line.words) > 1:
        raise NotTaken("Name objects of one kind at a time.")
    return [_list(kind_of(kind), line) for kind in kinds]


def _get_one(kind: str, name: str, output: str, line: Line) -> Step:
    if output in ("yaml", "json"):
        return Step(
            "get_object",
            {"kind": kind, "name": name, **line.place},
            f"show the definition of {kind} {name}{where(line.place)}",
        )
    wide = {"wide": True} if "--output" in line.flags and output == "wide" else {}
    arguments = {"kind": kind, "name": name, **line.place, **wide}
    return Step("list_objects", arguments, f"show {kind} {name}{where(line.place)}")


def _list(kind: str, line: Line) -> Step:
    scope = _scope(line)
    if kind == "all":
        return Step("status", scope, f"show what runs{where(scope)}")
    if kind in ("events", "event", "ev"):
        return Step("events", scope, f"show the events{where(scope)}")
    if line.one("--output") in ("yaml", "json"):
        raise NotTaken("Name the object whose definition you want to see.")
    arguments: dict[str, Any] = {"kind": kind, **scope}
    if line.one("--output") == "wide":
        arguments["wide"] = True
    if "--selector" in line.flags:
        arguments["selector"] = line.one("--selector")
    if "--sort-by" in line.flags:
        field = line.one("--sort-by").strip("'\"{}").rsplit(".", 1)[-1]
        if field not in _SORTS:
            raise NotTaken(f"I cannot sort by {line.one('--sort-by')!r}; I can by name, age, status or restarts.")
        arguments["sort_by"] = _SORTS[field]
    return Step("list_objects", arguments, f"list {kind}s{where(scope)}")


def describe(line: Line) -> list[Step]:
    found = objects(line.words)
    if not found:
        raise NotTaken("Say which object to describe.")
    return [
        Step("describe", {"kind": kind, "name": name, **line.place}, f"describe {kind} {name}{where(line.place)}")
        for kind, name in found
    ]


def logs(line: Line) -> list[Step]:
    if len(line.words) not in (1, 2):
        raise NotTaken("Say whose logs: a pod or KIND/NAME.")
    kind, name = one_object(line.words) if "/" in line.words[0] else ("", valid(line.words[0]))
    arguments: dict[str, Any] = {"name": name, **({"kind": kind} if kind else {}), **line.place}
    container = line.one("--container") or (line.words[1] if len(line.words) == 2 else "")
    if container:
        arguments["container"] = valid(container)
    if "--previous" in line.flags:
        arguments["previous"] = True
    if "--since" in line.flags:
        if not re.fullmatch(r"(?:\d+[smh])+", line.one("--since")):
            raise NotTaken("--since takes a duration like 10m or 1h.")
        arguments["since"] = line.one("--since")
    if (tail := line.number("--tail")) is not None and tail >= 0:
        arguments["tail"] = tail
    return [Step("logs", arguments, f"show the logs of {name}{where(line.place)}")]


def top(line: Line) -> list[Step]:
    what = {"pod": "pods", "node": "nodes"}.get(kind_of(line.words[0]) if line.words else "", "")
    if not what or len(line.words) > 2:
        raise NotTaken("kubectl top is about pods or nodes.")
    arguments: dict[str, Any] = {"what": what, **(_scope(line) if what == "pods" else {})}
    if len(line.words) == 2:
        arguments["name"] = valid(line.words[1])
    if "--sort-by" in line.flags:
        if line.one("--sort-by") not in ("cpu", "memory"):
            raise NotTaken("--sort-by takes cpu or memory here.")
        arguments["sort_by"] = line.one("--sort-by")
    return [Step("top", arguments, f"show what {what} use{where(arguments)}")]


def events(line: Line) -> list[Step]:
    if line.words:
        raise NotTaken("kubectl events takes no names; use --for KIND/NAME.")
    arguments: dict[str, Any] = _scope(line)
    if "--for" in line.flags:
        kind, name = one_object([line.one("--for")])
        arguments |= {"kind": kind, "name": name}
    if "--types" in line.flags:
        arguments["warnings_only"] = line.one("--types") == "Warning"
    return [Step("events", arguments, f"show the events{where(arguments)}")]


def auth(line: Line) -> list[Step]:
    if line.words[:1] != ["can-i"] or len(line.words) != 3:
        raise NotTaken("Of `kubectl auth` I know can-i VERB KIND, and whoami.")
    arguments: dict[str, Any] = {"verb": line.words[1], "kind": line.words[2], **line.place}
    return [Step("can_i", arguments, f"find out whether you may {line.words[1]} {line.words[2]}{where(line.place)}")]


def cluster_info(line: Line) -> list[Step]:
    return [Step("cluster_info", {}, "show which cluster, namespace and user this is")]


def api_resources(line: Line) -> list[Step]:
    return [Step("list_kinds", {}, "list the kinds of objects that the cluster knows")]
