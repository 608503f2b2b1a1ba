"""Trouble that was told, and what people say about it: "fix it", "why do you think so?", "and the other one?"."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from agent.minds.mind import Returned, Turn
from agent.minds.planner.meaning import Interpretation, Meaning, Memory, Reply, Step
from agent.minds.planner.talk.says import say
from agent.minds.planner.talk.wording import worded
from tools.data import data_folder

Found = Mapping[str, Any]  # a finding as `diagnose` gives it in its data
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_LEAD = re.compile(
    r"^(?:(?:and|ok|okay|so|then|now|well|but|hmm|yes|yeah|yep|sure|please|great|good|right|alright|also|oh|no|just|hey"
    r"|(?:can|could|would|will) you|can we|i want you to|i would like you to|go ahead and|thanks|thank you|perfect"
    r"|shipmate)(?=[ ,.:;!-])[ ,.:;!-]*)+",
)
_TAIL = re.compile(r"(?:[ ,]+(?:please|pls|thanks|thank you|shipmate|then|though|ok))*[ ?!.]*$")
_OF_THE_LAST_ANSWER = ("every", "which", "log", "again", "evidence")  # these may be said of other things, too
_ABOUT_IT = ("diagnose", "fix", "logs", "events", "what_changed")
_REST = ("others", "rest", "remaining")
_UNDECIDED = ("proposed", "refused", "denied")


@dataclass(frozen=True)
class Trouble:
    """What the last diagnosis of the conversation found.

    step    the call that found it, to be made again
    found   its findings, worst first; `told` is the number of the one that was told in full
    place   the namespace that was looked at; None for the whole cluster
    tried   how many fixes of a finding were applied, by its id and the name of its subject
    """

    step: Step
    found: tuple[Found, ...] = ()
    told: int = 1
    place: str | None = None
    tried: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    @property
    def now(self) -> Found | None:
        """The finding that is spoken of."""
        return self.found[self.told - 1] if 0 < self.told <= len(self.found) else None

    @property
    def subject(self) -> dict[str, Any]:
        """What was asked about, else what the finding is about, as arguments."""
        asked = {key: self.step.arguments[key] for key in ("name", "kind") if self.step.arguments.get(key)}
        return {**asked, **_placed(self.step.arguments)} if asked else _about(self.now) if self.now else {}


def trouble_in(turns: Sequence[Turn]) -> Trouble | None:
    """The trouble that was told last in these turns, and which fixes were tried since the first of them."""
    last: Returned | None = None
    tried: Counter[tuple[str, str]] = Counter()
    proposed: list[tuple[str, str]] = []
    for turn in turns:
        for entry in turn.returned:
            if entry.call.tool == "diagnose" and entry.result and isinstance(entry.result.data, dict):
                last = entry
        fixes = [entry.proposal.cure for entry in turn.returned if entry.proposal and entry.proposal.cure]
        if fixes:
            proposed = [(one.id, one.subject.name) for cure in fixes for one in cure.troubles[:1]]
        if turn.role == "plan" and turn.text not in _UNDECIDED:
            tried.update(proposed)
            proposed = []
    if last is None or last.result is None:
        return None
    data: Mapping[str, Any] = last.result.data
    step = Step("diagnose", dict(last.call.arguments), worded("diagnose", last.call.arguments))
    found = tuple(data.get("findings") or ())
    return Trouble(step, found, int(data.get("told") or 1), data.get("namespace"), dict(tried))


def about_trouble(text: str, memory: Memory) -> Meaning | None:
    """A message about the trouble that was told; None for anything else, and where none was."""
    trouble, said = memory.trouble, _said(text)
    if trouble is None or said is None:
        return None
    what, which = said
    if what in _OF_THE_LAST_ANSWER and not all(step.tool in _ABOUT_IT for step in memory.last):
        return None
    if what == "again":
        return _step("diagnose", {**trouble.step.arguments, "number": None, "every": None})
    if trouble.now is None:  # nothing was found
        return _step("fix", _scope(trouble), change=True) if what.startswith("fix") else None
    if what in ("every", "which", "fix-which"):
        return _of_several(what, which, trouble, "detail" in text.lower())
    return _of_one(what, trouble, trouble.now)


def _of_several(what: str, which: str, trouble: Trouble, detailed: bool) -> Meaning:
    number, count = _number(which, trouble), len(trouble.found)
    if what == "every" and (count > 1 or detailed):
        return _diagnosed(trouble, every=True)
    if what == "every" or (number is None and count == 1):
        return Reply(say("trouble-only"))
    if number is None:
        return Reply(say("trouble-count", count=str(count)))
    if what == "fix-which":
        return _fixed(trouble, trouble.found[number - 1])
    return _diagnosed(trouble, every=True) if which in _REST else _diagnosed(trouble, number)


def _of_one(what: str, trouble: Trouble, now: Found) -> Meaning | None:
    match what:
        case "fix-all":
            return _step("fix", {**_scope(trouble), "every": True}, change=True)
        case "fix" | "fix-other-way":
            return _fixed(trouble, now, other=what == "fix-other-way")
        case "log":
            return _logs(now)
        case "evidence":
            return Reply(_evidence(now))
        case "sure":
            return Reply(_sureness(now))
        case "else":
            return Reply(_alternatives(trouble, now))
        case _:
            return None


def refers_back(text: str) -> bool:
    """Whether a message makes sense only after a diagnosis: "fix it", "are you sure?", "is it healthy now?"."""
    return _said(text) is not None


# --- what was said --------------------------------------------------------------------------------------------------


@cache
def _phrases() -> tuple[tuple[str, re.Pattern[str]], ...]:
    data = tomllib.loads((data_folder("prompts") / "planner" / "trouble.toml").read_text(encoding="utf-8"))
    words: dict[str, str] = data["words"]

    def whole(phrase: str) -> str:
        for name, piece in words.items():
            phrase = phrase.replace(f"{{{name}}}", piece)
        return phrase

    return tuple((name, re.compile(whole(phrase))) for name, phrases in data["says"].items() for phrase in phrases)


def _said(text: str) -> tuple[str, str] | None:
    """What kind of remark this is, and which finding it names."""
    low = " ".join(text.lower().split())
    low = _TAIL.sub("", low)
    for said in dict.fromkeys((low, _LEAD.sub("", low))):
        for name, phrase in _phrases():
            if match := phrase.fullmatch(said):
                return name, match.groupdict().get("which") or ""
    return None


def _number(which: str, trouble: Trouble) -> int | None:
    """The number of the finding that is meant; None where there is none such."""
    count = len(trouble.found)
    digits = re.sub(r"\D", "", which)
    if which in ("other", "next", *_REST):
        number = trouble.told + 1 if trouble.told < count else 1 if count > 1 else 0
    else:
        number = count if which == "last" else int(digits) if digits else _ORDINALS.get(which, 0)
    return number if 0 < number <= count else None


# --- what is done about it ------------------------------------------------------------------------------------------


def _step(tool: str, arguments: Mapping[str, Any], change: bool = False) -> Interpretation:
    given = {key: value for key, value in arguments.items() if value is not None}
    step = Step(tool, given, worded(tool, given), change)
    return Interpretation((step,), step.reading)


def _diagnosed(trouble: Trouble, number: int | None = None, every: bool | None = None) -> Interpretation:
    return _step("diagnose", {**trouble.step.arguments, "number": number, "every": every})


def _fixed(trouble: Trouble, found: Found, other: bool = False) -> Interpretation:
    """The best fix that was not tried yet."""
    subject: Mapping[str, Any] = found["subject"]
    tried = trouble.tried.get((found["id"], subject["name"]), 0)
    way = max(tried + 1, 2 if other else 1)
    arguments = {"finding": found["id"], "name": subject["name"], "kind": str(subject["kind"]).lower()}
    return _step("fix", {**arguments, "namespace": trouble.place or "*", "way": way if way > 1 else None}, change=True)


def _scope(trouble: Trouble) -> dict[str, Any]:
    kept = ("name", "kind", "namespace")
    return {key: trouble.step.arguments[key] for key in kept if trouble.step.arguments.get(key)}


def _logs(found: Found) -> Interpretation | None:
    if found["subject"]["kind"] not in ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"):
        return None
    return _step("logs", _about(found))


def _about(found: Found) -> dict[str, Any]:
    subject: Mapping[str, Any] = found["subject"]
    return {"name": subject["name"], "kind": str(subject["kind"]).lower(), **_placed(subject)}


def _placed(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"namespace": arguments["namespace"]} if arguments.get("namespace") else {}


# --- what is answered -----------------------------------------------------------------------------------------------


def _evidence(found: Found) -> str:
    lines = [found["summary"]]
    if found["chain"]:
        lines.append("The way from what is seen to the cause: " + " ← ".join(found["chain"]) + ".")
    for item in found["evidence"]:
        first, *rest = str(item["text"]).splitlines() or [""]
        lines += [f"  {str(item['source']).capitalize()}: {first}", *(f"     {line}" for line in rest)]
    return "\n".join([*lines, say(f"trouble-{found['confidence']}")])


def _sureness(found: Found) -> str:
    text = say(f"trouble-{found['confidence']}")
    shown = [str(item["text"]).splitlines()[-1 if item["source"] == "log" else 0] for item in found["evidence"]]
    proof = f" It rests on: {'; '.join(shown[:2])}." if shown else ""
    return f"{text}{proof} {say('trouble-look-again')}"


def _alternatives(trouble: Trouble, found: Found) -> str:
    """What else is wrong near it, and the next thing to try if the first does not help."""
    lines = [say(f"trouble-else-{found['confidence']}", id=found["id"])]
    others = [item for item in trouble.found if item is not found]
    if others:
        lines.append("Also found: " + "; ".join(f"{item['summary']} ({item['id']})" for item in others[:3]))
    ways = [str(fix["text"]) for fix in found["fixes"]]
    if len(ways) > 1:
        lines.append("If the first fix does not help: " + " ".join(ways[1:]))
    return "\n".join(lines)


def hint(data: object) -> str:
    """How to go on after a diagnosis, in one line; empty where nothing was found."""
    if not isinstance(data, Mapping) or not data.get("findings"):
        return ""
    found: Sequence[Found] = data["findings"]  # pyright: ignore[reportUnknownVariableType]
    told = found[min(int(data.get("told") or 1), len(found)) - 1]  # pyright: ignore[reportUnknownArgumentType]
    parts = [say("trouble-fix")] if any(fix["steps"] for fix in told["fixes"]) else []
    parts += [say("trouble-others")] if not data.get("every") else []
    return " ".join(parts)
