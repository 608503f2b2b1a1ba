"""Requests to try something rather than to read it: does it connect, resolve, answer; what is in that volume."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

from agent.minds.planner.meaning import Interpretation, Memory, Step
from agent.minds.planner.reading.facts import Facts
from tools.data import data_folder

_LONGEST = 300  # characters of a request of this kind
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_KINDS = r"(?:(?:pods?|deployments?|statefulsets?|daemonsets?|services?|svc|component|container|app|host|server)[ /])"
_ARTICLE = r"(?:the |my |our |its |a )?"
_SLOTS = {
    "NAME": rf"{_ARTICLE}{_KINDS}?(?P<%s>{_WORD})(?:'s)?(?: (?:pods?|deployment|service|component|container|app))?",
    "HOST": rf"{_ARTICLE}{_KINDS}?(?P<%s>{_WORD}(?::\d{{1,5}})?)(?: (?:pods?|deployment|service|component|server))?",
    "HOSTPORT": rf"(?P<%s>{_WORD}:\d{{1,5}})",
    "URL": r"(?P<%s>https?://[^\s\"'<>]+?)",
    "PATH": r"[\"'`]?(?P<%s>/?[\w.@+,=-]+(?:/[\w.@+,=-]*)*|/)[\"'`]?",
    "CLAIM": rf"{_ARTICLE}(?:(?:volume claim|persistent ?volume ?claim|volume|claim|pvc)[ /](?P<%s>{_WORD}))",
}
_AFTER = rf"|{_ARTICLE}(?P<%s_>{_WORD}) (?:volume claim|persistent ?volume ?claim|volume|claim|pvc)"
_NOBODY = frozenset(
    "i we you they he she it one someone somebody anyone anybody everyone users user people this that there these those"
    " not no to be still only just everything anything something nothing which what who all any each every both pod"
    " pods service services".split()
)
_BYTES = 1024  # of a file that is asked for without saying how much


def checks(text: str, facts: Facts, memory: Memory) -> Interpretation | None:
    """The calls, when the whole request is one of this kind; None when it is anything else."""
    if len(text) > _LONGEST:
        return None
    sections = [section for section, mark in _marks() if mark.search(text)]
    if not sections:
        return None
    rest = re.sub(rf"^\W*{_words()['polite']}", "", text.strip(), flags=re.IGNORECASE).rstrip(" .?!")
    rest, extras = _extras(rest, facts)
    for section in sections:
        for pattern in _patterns(section):
            found = pattern.fullmatch(rest)
            if found and (slots := _slots(found, memory)):
                return _read(section, slots, extras, facts)
    return None


def _read(section: str, slots: dict[str, Any], extras: dict[str, Any], facts: Facts) -> Interpretation | None:
    space = {key: extras[key] for key in ("namespace",) if key in extras}
    image = {key: extras[key] for key in ("image",) if key in extras}
    source = {"source": slots["source"]} if slots.get("source") else {}
    beside = f" from {slots['source']}" if source else ""
    where = f" in {space['namespace']}" if space else ""
    match section:
        case "ask" | "connect":
            port = {key: extras[key] for key in ("port",) if key in extras}
            aim = {"target": slots["target"], **source, **space, **port}
            if section == "ask" and not ({slots["source"], slots["target"].partition(":")[0]} & _known(facts)):
                return None  # nobody that is known here: it may be about something else
            tried = {**aim, **image, **{key: extras[key] for key in ("timeout",) if key in extras}}
            told = f"try whether {slots['target']} is reached{beside}{where}"
            steps = (Step("check_connection", tried, told, change=True),)
        case "resolve":
            told = f"try whether {slots['name']} resolves{beside}{where}"
            steps = (Step("check_dns", {"name": slots["name"], **source, **space, **image}, told, change=True),)
        case "volume":
            path = slots.get("head") or slots.get("path") or "/"
            head = {"head": int(slots.get("bytes") or _BYTES)} if slots.get("head") else {}
            arguments = {"claim": slots["claim"], "path": path, **head, **space, **image}
            steps = (Step("list_volume", arguments, f"look at {path} in claim {slots['claim']}{where}", change=True),)
        case "errors" | "crash":
            tool = "log_errors" if section == "errors" else "crash_log"
            more: dict[str, Any] = {"since": extras["since"]} if "since" in extras and section == "errors" else {}
            more |= {"previous": True} if "previous" in extras and section == "errors" else {}
            what = "the errors in the logs" if section == "errors" else "what was logged around the crash"
            steps = (Step(tool, {"name": slots["name"], **more, **space}, f"show {what} of {slots['name']}{where}"),)
        case _:
            minutes = extras.get("minutes") or extras.get("hours", 0) * 60
            arguments = {"name": slots["name"], **space, **({"minutes": minutes} if minutes else {})}
            steps = (Step("debug_copy", arguments, f"start a sleeping copy of {slots['name']}{where}", change=True),)
    return Interpretation(steps, "; ".join(step.reading for step in steps))


def _slots(found: re.Match[str], memory: Memory) -> dict[str, str] | None:
    """What stands in the slots; None where one of them is no name."""
    slots: dict[str, str] = {}
    for key, value in found.groupdict().items():
        if value:
            slots[key.rstrip("_")] = value
    for key in ("source", "name"):
        if slots.get(key, "").lower() == "it" and memory.subject.get("name"):
            slots[key] = str(memory.subject["name"])
    names = [slots[key] for key in ("source", "name", "target", "claim") if key in slots]
    return None if any(name.lower() in _NOBODY for name in names) else slots


def _known(facts: Facts) -> set[str]:
    names = {*facts.components}
    for kind in ("deployment", "statefulset", "daemonset", "service", "pod"):
        names |= {*facts.names(kind)}
    return names


def _extras(text: str, facts: Facts) -> tuple[str, dict[str, Any]]:
    """The parts that may stand anywhere, taken out of the text; the namespace only where there is one of that name."""
    found: dict[str, Any] = {}
    for key, pattern in _data()["extras"].items():
        if match := re.search(rf"(?:^|\s){pattern}(?=\s|$)", text, re.IGNORECASE):
            value = match[1] if match.lastindex else ""
            found[key] = int(value) if value.isdigit() else value.replace(" ", "")
            text = text[: match.start()] + text[match.end() :]
    space = re.search(
        r"\s(?:-n|in|in the|in namespace|in the namespace|of namespace) ([a-z0-9-]+)(?: namespace)?$", text
    )
    if space and space[1] in facts.namespaces():
        found["namespace"] = space[1]
        text = text[: space.start()]
    return " ".join(text.split()), found


@cache
def _data() -> dict[str, dict[str, Any]]:
    return tomllib.loads((data_folder("prompts") / "planner" / "checks.toml").read_text(encoding="utf-8"))


@cache
def _words() -> dict[str, str]:
    return _data()["words"]


@cache
def _marks() -> tuple[tuple[str, re.Pattern[str]], ...]:
    marked = ((section, body.get("mark")) for section, body in _data().items())
    return tuple((section, re.compile(mark, re.IGNORECASE)) for section, mark in marked if mark)


@cache
def _patterns(section: str) -> tuple[re.Pattern[str], ...]:
    return tuple(_compiled(pattern) for pattern in _data()[section]["patterns"])


def _compiled(pattern: str) -> re.Pattern[str]:
    def slot(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        text = _SLOTS[kind] % name
        return f"(?:{text}{_AFTER % name})" if kind == "CLAIM" else text

    pattern = re.sub(r"\{([A-Z]+):(\w+)\}", slot, pattern)
    for name, words in _words().items():
        pattern = pattern.replace("{" + name + "}", words)
    return re.compile(pattern, re.IGNORECASE)
