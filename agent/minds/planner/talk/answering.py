"""A message as the answer to the question that was asked before it."""

from __future__ import annotations

import re
from typing import Any

from rapidfuzz.distance import OSA

from agent.minds.planner.calls.workloads import check_image, check_replicas
from agent.minds.planner.meaning import Interpretation, Meaning, Question, Reply, Step, Unknown
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.parts import Parts, find_parts
from agent.minds.planner.talk.says import say
from agent.minds.planner.talk.wording import worded

WHOLE_APP = "the whole app"
SUBJECT = ("name", "names", "kind", "namespace", "release")
_ORDINALS = {"first": 0, "1st": 0, "former": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "last": -1}
_FRAME = re.compile(
    r"^(?:(?:the|in|on|for|to|use|it is|i mean|i meant|of) )+"
    r"| (?:ones?|please|namespace|component|pod|deployment|node)$"
)


def subject_of(steps: tuple[Step, ...]) -> dict[str, Any]:
    """What steps are about, as arguments."""
    found: dict[str, Any] = {}
    for step in steps:
        for key in SUBJECT:
            if step.arguments.get(key):
                found[key] = step.arguments[key]
        if step.tool == "create_namespace":
            found = {"namespace": step.arguments["name"]}
        if step.arguments.get("component"):
            found["name"] = step.arguments["component"]
        if step.arguments.get("of"):
            found["name"] = step.arguments["of"]
            found.pop("kind", None)
        if step.arguments.get("node"):
            found |= {"name": step.arguments["node"], "kind": "node"}
    names = [step.arguments.get("name") or step.arguments.get("component") for step in steps]
    if len(steps) > 1 and all(names) and len(set(names)) > 1:
        found["names"] = list(dict.fromkeys(names))
    if "names" in found and len(found["names"]) == 1:
        found["name"] = found.pop("names")[0]
    return found


def answer(question: Question, text: str, facts: Facts) -> Meaning | None:
    """The message as an answer to the question; None when it is something else."""
    low = text.lower().strip(" .!\"'`")
    if question.choices:
        picked = _picked(question, low)
        if picked is None:
            return None
        steps = question.choices[picked]
        if not steps:
            return Reply(say("left"))
        return Interpretation(steps, "; ".join(step.reading for step in steps), 1.0)
    if lexicon().reply(low) == "no":
        return Reply(say("left"))
    value = _value(question, low, text, facts)
    if value is None or not question.steps:
        return None
    if isinstance(value, Unknown):
        return value
    return _filled(question, value)


def _picked(question: Question, low: str) -> int | None:
    if lexicon().reply(low) == "yes" and "yes" in question.options:
        return question.options.index("yes")
    if lexicon().reply(low) == "no":
        return question.options.index("no") if "no" in question.options else None
    for index, option in enumerate(question.options):
        if low == option.lower() or OSA.distance(low, option.lower()) <= (1 if len(low) > 4 else 0):
            return index
    for word, index in _ORDINALS.items():
        if re.fullmatch(rf"(?:the )?{word}(?: ones?| option)?", low):
            return index % len(question.options)
    inside = [
        index
        for index, option in enumerate(question.options)
        if len(low) > 2 and set(low.split()) <= set(option.lower().split())
    ]
    return inside[0] if len(inside) == 1 and "yes" not in question.options else None


def _filled(question: Question, value: Any) -> Meaning:
    step = question.steps[question.index]
    step = changed_step(step, {question.slot: None if value == WHOLE_APP else value})
    after = [
        later.having(**{question.slot: value})
        if (question.slot in later.arguments and not later.arguments[question.slot])
        or (question.slot not in SUBJECT and later.tool == step.tool)
        else later
        for later in question.steps[question.index + 1 :]
    ]
    steps = (*question.steps[: question.index], step, *after)
    return Interpretation(steps, "; ".join(one.reading for one in steps), 1.0)


def _value(question: Question, low: str, text: str, facts: Facts) -> Any:
    """The answer as a value of the slot, or None."""
    slot, parts = question.slot, find_parts(text)
    index = next(
        (place for word, place in _ORDINALS.items() if re.fullmatch(rf"(?:the )?{word}(?: ones?)?", low)), None
    )
    if index is not None and question.options:
        return _slot_value(slot, question.options[index])
    if slot in ("replicas", "max", "min", "port", "revision"):
        number = any_number(parts)
        if number is None:
            return None
        return check_replicas(number) or number if slot != "port" else number
    if slot == "image":
        image = parts.images[0] if parts.images else low if re.fullmatch(r"[a-z0-9][\w./-]*", low) else ""
        return check_image(image) or image if image else None
    if slot.startswith(("memory", "cpu")):
        found = [amount.value for amount in parts.amounts]
        bare = find_parts(f"{slot.split('_')[0]} {text}").amounts
        return found[0] if found else bare[0].value if bare else None
    if slot == "value":
        return _free_value(question, text)
    word = _FRAME.sub("", low).strip()
    if low == WHOLE_APP or word == "whole app":
        return WHOLE_APP
    known = (*question.options, *facts.components)
    near = [name for name in known if OSA.distance(word, name.lower()) <= (1 if len(name) > 4 else 0)]
    if near:
        return _slot_value(slot, near[0])
    is_name = re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", word) and not lexicon().lookup((word,))
    return _slot_value(slot, word) if is_name else None


_VALUE_LEAD = re.compile(
    r"^(?:(?:please|use|try|take|set|make|it|to|is|the|should|be|shall|i|mean|tag|version|image|value|number|with|yes|ok)"
    r"[ :,=]+)+",
    re.IGNORECASE,
)


_SCHEDULE = re.compile(r"(?:[\d*][\d*/,-]* ){3}[\w*/,-]+ [\w*/,-]+")


def _free_value(question: Question, text: str) -> str | None:
    """One word that only the person knows, such as a tag, or a schedule; a longer message is something else."""
    said = re.sub(r"(?:,? (?:please|pls|thanks))+\W*$", "", text.strip(), flags=re.IGNORECASE)
    said = _VALUE_LEAD.sub("", said).strip(" .!?\"'`")
    near = next((option for option in question.options if option.lower() == said.lower()), said)
    whole = re.fullmatch(r"\S+", near) or _SCHEDULE.fullmatch(near)
    return near if whole and not lexicon().reply(near.lower()) else None


def _slot_value(slot: str, word: str) -> Any:
    return [word] if slot == "names" else word


def any_number(parts: Parts) -> int | None:
    found = (parts.to, parts.count, parts.by, parts.more, *parts.ports, *parts.numbers, parts.revision)
    return next((number for number in found if number is not None), None)


def changed_step(step: Step, change: dict[str, Any]) -> Step:
    """The earlier call with some arguments replaced, in new words."""
    arguments = {**step.arguments, **change}
    return step.having(worded(step.tool, arguments), **change)
