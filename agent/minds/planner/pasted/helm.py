"""helm lines as typed calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agent.minds.planner.meaning import Step
from agent.minds.planner.pasted.commandline import Line, NotTaken, flags, parse, valid
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.subjects import where
from agent.minds.planner.reading.text import chart_value

_OTHERS = frozenset(
    "template repo pull push lint test package search show dependency plugin env version verify registry create".split()
)
_SET = ("--set=", "--set-string=", "--create-namespace", "--wait")


def read(words: list[str], facts: Facts) -> list[Step]:
    """The calls of a line after `helm`; raises NotTaken with the sentence for the person."""
    at = next(
        (
            index
            for index, word in enumerate(words)
            if not word.startswith("-")
            and (index == 0 or words[index - 1] not in ("-n", "--namespace", "--kube-context"))
        ),
        None,
    )
    if at is None:
        raise NotTaken("That line names no sub-command of helm.")
    verb, rest = words[at], words[:at] + words[at + 1 :]
    if verb not in _VERBS:
        raise NotTaken(
            f"I do not know `helm {verb}`. I can list, install, upgrade, roll back and uninstall releases, "
            "and show their status, history and values."
        )
    reader, known = _VERBS[verb]
    return reader(parse(rest, known, facts))


def _list(line: Line) -> list[Step]:
    if line.words:
        raise NotTaken("helm list takes no names.")
    scope: dict[str, Any] = {"all_namespaces": True} if "--all-namespaces" in line.flags else dict(line.place)
    return [Step("list_releases", scope, f"list the releases{where(scope)}")]


def _release(line: Line) -> dict[str, Any]:
    if len(line.words) != 1:
        raise NotTaken("Name exactly one release.")
    return {"release": valid(line.words[0]), **line.place}


def _status(line: Line) -> list[Step]:
    arguments = _release(line)
    return [Step("release_status", arguments, f"show the release {arguments['release']}{where(arguments)}")]


def _history(line: Line) -> list[Step]:
    arguments = _release(line)
    return [
        Step("release_history", arguments, f"show the history of the release {arguments['release']}{where(arguments)}")
    ]


def _get(line: Line) -> list[Step]:
    if line.words[:1] != ["values"]:
        raise NotTaken("Of `helm get` I know only values.")
    line.words = line.words[1:]
    arguments = {**_release(line), **({"all": True} if "--all" in line.flags else {})}
    return [
        Step("release_values", arguments, f"show the values of the release {arguments['release']}{where(arguments)}")
    ]


def _install(line: Line) -> list[Step]:
    return [_chart(line, "helm_install", "install")]


def _upgrade(line: Line) -> list[Step]:
    step = _chart(line, "helm_upgrade", "upgrade")
    if "--install" in line.flags:
        step = step.having(install=True)
    if "--reuse-values" in line.flags:
        step = step.having(reuse_values=True)
    return [step]


def _chart(line: Line, tool: str, verb: str) -> Step:
    if len(line.words) != 2:
        raise NotTaken(f"helm {verb} needs a release and a chart.")
    release, chart = line.words
    if not re.fullmatch(r"[\w./:@-]+", chart):
        raise NotTaken(f"{chart!r} is not a chart.")
    arguments: dict[str, Any] = {"release": valid(release), "chart": chart, **line.place}
    if values := _values(line):
        arguments["values"] = values
    if "--create-namespace" in line.flags:
        arguments["create_namespace"] = True
    return Step(tool, arguments, f"{verb} the release {release} from chart {chart}{where(line.place)}", True)


def _values(line: Line) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for flag in ("--set", "--set-string"):
        for text in line.flags.get(flag, ()):
            for pair in text.split(","):
                key, equals, value = pair.partition("=")
                if not equals or not re.fullmatch(r"[\w-]+(?:\.[\w-]+)*", key):
                    raise NotTaken(f"I read {flag} as name=value with dots, not {pair!r}.")
                values[key] = value if flag == "--set-string" else chart_value(value)
    return values


def _rollback(line: Line) -> list[Step]:
    if len(line.words) not in (1, 2):
        raise NotTaken("helm rollback needs a release, and may name a revision.")
    arguments: dict[str, Any] = {"release": valid(line.words[0]), **line.place}
    if len(line.words) == 2:
        if not line.words[1].isdecimal():
            raise NotTaken("The revision is a number.")
        arguments["revision"] = int(line.words[1])
    said = f" to revision {arguments['revision']}" if "revision" in arguments else " to its revision before"
    return [
        Step("helm_rollback", arguments, f"roll back the release {arguments['release']}{said}{where(arguments)}", True)
    ]


def _uninstall(line: Line) -> list[Step]:
    if not line.words:
        raise NotTaken("Name the release to uninstall.")
    return [
        Step(
            "helm_uninstall",
            {"release": valid(name), **line.place},
            f"uninstall the release {name}{where(line.place)}",
            True,
        )
        for name in line.words
    ]


_VERBS: dict[str, tuple[Callable[[Line], list[Step]], dict[str, str]]] = {
    "list": (_list, flags("-A/--all-namespaces")),
    "ls": (_list, flags("-A/--all-namespaces")),
    "status": (_status, {}),
    "history": (_history, {}),
    "get": (_get, flags("-a/--all")),
    "install": (_install, flags(*_SET)),
    "upgrade": (_upgrade, flags(*_SET, "-i/--install", "--reuse-values")),
    "rollback": (_rollback, flags("--wait")),
    "uninstall": (_uninstall, flags("--wait")),
    "delete": (_uninstall, {}),
}
WORDS = frozenset(_VERBS) | _OTHERS
