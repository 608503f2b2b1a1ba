"""What a message means because of what was said before: answers, "and the frontend?", "make it 5", "undo that", "why?"."""

from __future__ import annotations

import re
from typing import Any

from rapidfuzz.distance import OSA

from agent.minds.planner.build_workloads import check_image, check_replicas
from agent.minds.planner.clause import Clause
from agent.minds.planner.facts import Facts
from agent.minds.planner.meaning import Interpretation, Meaning, Memory, Question, Reply, Step, Unknown
from agent.minds.planner.names import Spoken
from agent.minds.planner.parts import Parts, find_parts
from agent.minds.planner.says import say
from agent.minds.planner.wording import worded

_YES = re.compile(
    r"(?:yes|y|yeah|yep|yup|sure|ok|okay|do it|go ahead|please do|correct|right|exactly|go for it|confirmed?|affirmative|proceed)\b[ .!,]*(?:please|do it|go ahead|thanks|do that)?[ .!]*",
    re.I,
)
_NO = re.compile(
    r"(?:no|n|nope|nah|cancel|stop|never ?mind|forget it|leave it|do not|abort|neither|none)\b[ .!,]*(?:thanks|thank you|please|leave it)?[ .!]*",
    re.I,
)
_ORDINALS = {"first": 0, "1st": 0, "former": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "last": -1, "latter": -1}
_LEAD = re.compile(
    r"^(?:(?:yes|no|ok|okay|and|now|also|but|sorry|i mean|i meant|rather|actually|instead|or|well|please|then|hmm|oh|wait|not that)\b[ ,.:-]*)+",
    re.I,
)
WHOLE_APP = "the whole app"
_SUBJECT = ("name", "names", "kind", "namespace", "release")


def subject_of(steps: tuple[Step, ...]) -> dict[str, Any]:
    """What steps are about, as arguments."""
    found: dict[str, Any] = {}
    for step in steps:
        for key in _SUBJECT:
            if step.arguments.get(key):
                found[key] = step.arguments[key]
        if step.arguments.get("component"):
            found["name"] = step.arguments["component"]
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
    if _NO.fullmatch(low):
        return Reply(say("left"))
    value = _value(question, low, text, facts)
    if value is None or not question.steps:
        return None
    if isinstance(value, Unknown):
        return value
    return _filled(question, value)


def _picked(question: Question, low: str) -> int | None:
    if _YES.fullmatch(low) and "yes" in question.options:
        return question.options.index("yes")
    if _NO.fullmatch(low):
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
    step = _changed(step, {question.slot: None if value == WHOLE_APP else value})
    after = [
        later.having(**{question.slot: value})
        if (question.slot in later.arguments and not later.arguments[question.slot])
        or (question.slot not in _SUBJECT and later.tool == step.tool)
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
        number = _number(parts)
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
    word = re.sub(
        r"^(?:the|in|on|for|in the|to|use|it is|i mean|i meant|of)\s+|\s+(?:one|ones|please|namespace|component|pod|deployment|node)$",
        "",
        low,
    ).strip()
    known = (*question.options, *facts.components)
    if low == WHOLE_APP or word == "whole app":
        return WHOLE_APP
    near = [name for name in known if OSA.distance(word, name.lower()) <= (1 if len(name) > 4 else 0)]
    if near:
        return _slot_value(slot, near[0])
    single = re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", word)
    return (
        _slot_value(slot, word)
        if single and not re.search(r"^(?:why|help|what|how|undo|list|show|status)$", word)
        else None
    )


def _slot_value(slot: str, word: str) -> Any:
    return [word] if slot == "names" else word


def _number(parts: Parts) -> int | None:
    found = (parts.to, parts.count, parts.by, parts.more, *parts.ports, *parts.numbers, parts.revision)
    return next((number for number in found if number is not None), None)


def follow_up(text: str, found: list[Clause], facts: Facts, memory: Memory) -> Meaning | None:
    """A message that only makes sense as a variation of what came before; None for a request of its own."""
    low = text.lower().strip(" .!?")
    if _YES.fullmatch(low) or _NO.fullmatch(low):
        return Reply(say("nothing-waits" if _YES.fullmatch(low) else "left"))
    if re.fullmatch(
        r"(?:thanks?(?: you)?(?: very much| a lot)?|thx|great|perfect|nice|cool|awesome|good job|well done|cheers)", low
    ):
        return Reply(say("thanks"))
    if re.fullmatch(
        r"(?:hi|hello|hey|good (?:morning|evening|afternoon)|hallo|hola|bonjour)(?: there| shipmate)?", low
    ):
        return Reply(say("hello"))
    if not memory.last:
        return None
    if re.fullmatch(
        r"(?:please )?(?:and )?(?:again|once more|(?:do|run|show|try) (?:it|that|this) again|retry|try again|repeat(?: that)?|same again|refresh)",
        low,
    ):
        return Interpretation(memory.last, "; ".join(step.reading for step in memory.last))
    if (
        re.fullmatch(r"what (?:would|will) you (?:change|do)|what are you going to (?:change|do)", low)
        and memory.last[0].change
    ):
        return Interpretation(memory.last, "; ".join(step.reading for step in memory.last))
    if len(found) != 1:
        found = [
            clause for clause in found if not _LEAD.fullmatch(clause.text.strip() + " ") and clause.text.strip(" ,.")
        ] or found
        if len(found) != 1:
            return None
    return _overlay(_LEAD.sub("", found[0].text) or found[0].text, facts, memory)


_VARY = re.compile(
    r"^(?:(?:do|make|and|set|run|try) (?:it|that|this|them)|what about|how about|same(?: thing)?(?: again)?|the same|likewise|ditto|with|use|to|for|in|on|make it|make that|change (?:it|that) to|use|only|just|the|of|do the same|same goes)\b",
    re.I,
)


def _overlay(text: str, facts: Facts, memory: Memory) -> Meaning | None:
    """The latest calls with the parts that the message names replaced."""
    from agent.minds.planner.clause import parse

    clause = parse(text, facts, memory)
    own_topic = any(
        word.in_section("topic", "change", "ask", "see")
        and not word.is_a(
            "replicas",
            "version",
            "image",
            "previous",
            "errors",
            "only",
            "which",
            "show",
            "each",
            "cluster",
            "memory",
            "cpu",
        )
        for word in clause.words
        if not word.name
    )
    varies = _VARY.match(text.strip().lower()) is not None or clause.sense is None
    if own_topic or not varies or clause.mood in ("whatif", "howto", "help", "whatchange", "never"):
        return None
    if clause.kinds and not any(step.arguments.get("kind") for step in memory.last):
        return None
    spoken = Spoken(clause)
    changed: list[Step] = []
    for step in memory.last:
        change = _changes(step, clause, spoken)
        if isinstance(change, Unknown):
            return change
        if change:
            changed.append(_changed(step, change))
    named = [target.name for target in spoken.targets if not target.app]
    if not changed:
        return None
    if len(named) == 1 and len(memory.last) > 1:
        changed = changed[-1:]
    if len(named) > 1 and len(memory.last) == 1:
        slot = _name_slot(memory.last[0])
        changed = [_changed(changed[0], {slot: name}) for name in named] if slot else changed
    return Interpretation(tuple(changed), "; ".join(step.reading for step in changed), 0.9)


def _name_slot(step: Step) -> str:
    return next((key for key in ("name", "component", "names", "node", "release") if key in step.arguments), "")


def _changes(step: Step, clause: Clause, spoken: Spoken) -> dict[str, Any] | Unknown:
    """The arguments that the message replaces in one earlier call."""
    parts, change = clause.parts, dict[str, Any]()
    named = [target.name for target in spoken.targets if not target.app]
    slot = _name_slot(step)
    if named and (slot or step.tool in ("top", "events", "list_objects", "diagnose", "status")):
        change[slot or "name"] = [named[0]] if slot == "names" else named[0]
    place = spoken.namespace
    if (
        not place
        and not named
        and (match := re.search(r"\b(?:in|for|about|on|to) (?:the )?([a-z0-9-]+)\b", clause.text.lower()))
    ):
        place = match[1] if match[1] in spoken.facts.namespaces() else ""
    if place and step.tool not in ("undo", "cordon", "build_image", "create_namespace"):
        change["namespace"] = place
        if named == [place]:
            change.pop(slot or "name", None)
    if parts.all_namespaces and "name" not in step.arguments:
        change |= {"all_namespaces": True, "namespace": None}
    numbers = _numbers(step, clause)
    if isinstance(numbers, Unknown):
        return numbers
    change |= numbers
    if parts.images and step.tool in ("deploy", "set_image"):
        change |= {"image": parts.images[-1]}
    if parts.tag and step.tool in ("deploy", "set_image"):
        change["tag"] = parts.tag
    if step.tool == "logs":
        change |= _log_changes(clause)
    if step.tool == "top" and clause.says("memory", "cpu"):
        change["sort_by"] = "memory" if clause.says("memory") else "cpu"
    if step.tool == "list_objects" and clause.kinds:
        change["kind"] = clause.kinds[0].kind
    return change


def _numbers(step: Step, clause: Clause) -> dict[str, Any] | Unknown:
    parts = clause.parts
    number = _number(parts)
    if step.tool in ("scale", "deploy") and (number is not None or parts.factor is not None):
        if number is None:
            return {"percent": 100 * (parts.factor or 1), "replicas": None, "by": None} if step.tool == "scale" else {}
        if wrong := check_replicas(number) if parts.more is None else None:
            return wrong
        if parts.more is not None and step.tool == "scale":
            return {"by": parts.more, "replicas": None, "percent": None}
        return {"replicas": number, **({"by": None, "percent": None} if step.tool == "scale" else {})}
    slots = {"expose": "port", "rollback": "revision", "helm_rollback": "revision", "autoscale": "max", "logs": "tail"}
    if number is not None and step.tool in slots:
        return {slots[step.tool]: number}
    if step.tool == "set_image" and number is not None:
        return {"tag": str(number)}
    if step.tool == "set_resources" and parts.amounts:
        return {
            key: amount.value for amount in parts.amounts for key in step.arguments if key.startswith(amount.resource)
        } or {f"{amount.resource}_{amount.role or 'limit'}": amount.value for amount in parts.amounts}
    return {}


def _log_changes(clause: Clause) -> dict[str, Any]:
    parts = clause.parts
    found: dict[str, Any] = {
        "tail": parts.tail, "since": parts.since, "grep": parts.grep or (parts.quoted[0] if parts.quoted else ""), "container": parts.container,
    }  # fmt: skip
    if clause.says("previous"):
        found["previous"] = True
    if not found["grep"] and clause.says("errors"):
        found["grep"] = "error"
    return {key: value for key, value in found.items() if value not in (None, "")}


def _changed(step: Step, change: dict[str, Any]) -> Step:
    """The earlier call with some arguments replaced, in new words."""
    arguments = {**step.arguments, **change}
    return step.having(worded(step.tool, arguments), **change)
