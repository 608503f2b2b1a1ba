"""Who a clause is about: its own names, all components, or what was spoken of before; else a question."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.meaning import Question, Step, Unknown
from agent.minds.planner.reading.facts import WORKLOADS
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken, Target
from agent.minds.planner.talk.says import say

Built = list[Step] | Question | Unknown

CHANGEABLE = (*WORKLOADS, "replicaset", "pod", "service", "namespace")
_EXCEPT = re.compile(
    r"\b(?:except(?: for)?|(?:,|and|but) not|apart from|excluding|other than|besides|leave(?: out)?)\b", re.IGNORECASE
)


def place(spoken: Spoken) -> dict[str, Any]:
    """The namespace argument, when the clause names one."""
    return {"namespace": spoken.namespace} if spoken.namespace else {}


def where(arguments: dict[str, Any]) -> str:
    """The namespace in words."""
    if arguments.get("all_namespaces"):
        return " in all namespaces"
    return f" in namespace {arguments['namespace']}" if arguments.get("namespace") else ""


def join(words: list[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def subjects(spoken: Spoken) -> list[Target]:
    """The named targets without the excepted ones; every component where the whole application is meant."""
    clause = spoken.clause
    cut = _EXCEPT.search(clause.text)
    excepted = {word.name for word in clause.words if cut and word.name and word.start >= cut.start()}
    named = [target for target in spoken.targets if target.name not in excepted]
    whole = (
        clause.says("whole")
        or any(target.app for target in named)
        or bool(excepted and clause.says("each", "components"))
    )
    single = [target for target in named if not target.app]
    if whole and not single:
        found = [name for name in clause.facts.components if name not in excepted]
        return [Target(name, component=True, known=True) for name in found]
    return single or _every(spoken) or remembered(spoken)


def _every(spoken: Spoken) -> list[Target]:
    """ "all deployments": the existing ones of that kind, where the sentence says all of them."""
    clause = spoken.clause
    kind = next((word.kind for word in clause.kinds if word.kind in WORKLOADS), "")
    many = any(sense.section == "kind" and sense.form == "s" for word in clause.kinds for sense in word.senses)
    if not kind or not many or not clause.says("each", "whole"):
        return []
    return [Target(name, kind, known=True) for name in spoken.facts.names(kind, spoken.namespace or None)]


def remembered(spoken: Spoken) -> list[Target]:
    """What a pronoun, or nothing at all, points back to."""
    memory = spoken.clause.memory
    names = memory.subject.get("names") or ([memory.subject["name"]] if memory.subject.get("name") else [])
    components = spoken.facts.components
    kind = memory.subject.get("kind", "")
    return [Target(name, kind, name in components and not kind, known=True) for name in names]


def workload_arguments(target: Target, spoken: Spoken, tool: str) -> dict[str, Any]:
    """Name, kind where the person said a kind of workload, and namespace."""
    arguments: dict[str, Any] = {"name": target.name}
    if tool != "expose" and target.kind in lexicon().groups["workloads"] - {"pod"}:
        arguments["kind"] = target.kind
    own = place(spoken)
    if not own and not spoken.targets and spoken.clause.memory.subject.get("namespace"):
        own = {"namespace": spoken.clause.memory.subject["namespace"]}
    return {**arguments, **own}


def is_release(target: Target, spoken: Spoken) -> bool:
    """Whether the name is that of a Helm release, and of no object that was looked for."""
    return not target.known and not target.kind and target.name in spoken.facts.releases()


def unclear_name(spoken: Spoken, steps: tuple[Step, ...] = ()) -> Question | None:
    """The question for a name that may be a misspelling of several."""
    _ = spoken.targets
    if not spoken.unclear:
        return None
    typed, near = spoken.unclear
    return Question(f"There is no {typed!r}. Which one do you mean?", near, slot="name", steps=steps)


def ask_whom(spoken: Spoken, verb: str, tool: str, arguments: dict[str, Any], slot: str = "name") -> Question:
    """One question for the name that is missing."""
    step = Step(tool, {slot: "", **arguments, **place(spoken)}, verb, change=True)
    return Question(f"What shall I {verb}?", spoken.facts.components, slot=slot, steps=(step,))


def per_target(spoken: Spoken, tool: str, verb: str, extra: dict[str, Any], tail: str = "") -> Built:
    """The same change for every subject; `verb` and `tail` frame the target's name in the reading."""
    if question := unclear_name(spoken, (Step(tool, {"name": "", **extra, **place(spoken)}, f"{verb} {tail}", True),)):
        return question
    targets = subjects(spoken)
    if not targets:
        return ask_whom(spoken, f"{verb}{tail}".strip(), tool, extra)
    if other := next((target for target in targets if target.kind and target.kind not in CHANGEABLE), None):
        return Unknown(say("change-kind", kind=other.kind, name=other.name))
    steps: list[Step] = []
    for target in targets:
        arguments = {**workload_arguments(target, spoken, tool), **extra}
        steps.append(Step(tool, arguments, f"{verb} {target.said}{tail}{where(arguments)}", change=True))
    return steps
