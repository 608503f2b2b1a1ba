"""What a message means because of what was said before: "and the frontend?", "make it 5", "in staging", "again"."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls.questions import about
from agent.minds.planner.calls.workloads import check_replicas
from agent.minds.planner.meaning import Interpretation, Meaning, Memory, Reply, Step, Unknown
from agent.minds.planner.reading.clause import Clause, parse
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.talk.answering import any_number, changed_step
from agent.minds.planner.talk.says import say

_LEAD = re.compile(
    r"^(?:(?:yes|no|ok|okay|and|now|also|but|sorry|i mean|i meant|rather|actually|instead|or|well|please|then|hmm|oh"
    r"|wait|not that)\b[ ,.:-]*)+",
    re.IGNORECASE,
)


def follow_up(text: str, found: list[Clause], facts: Facts, memory: Memory) -> Meaning | None:
    """A message that only makes sense as a variation of what came before; None for a request of its own."""
    reply = lexicon().reply(text)
    if reply and not (reply == "again" and memory.last):
        return Reply(say({"yes": "nothing-waits", "no": "left", "again": "nothing-before"}.get(reply, reply)))
    if not memory.last:
        return None
    whole = " ".join(clause.text for clause in found).lower().strip(" .!?")
    what = re.fullmatch(r"what (?:would|will|are) you (?:going to )?(?:change|do)", whole)
    if reply == "again" or (what and memory.last[0].change):
        return Interpretation(memory.last, "; ".join(step.reading for step in memory.last))
    if len(found) != 1:
        found = [
            clause for clause in found if not _LEAD.fullmatch(clause.text.strip() + " ") and clause.text.strip(" ,.")
        ] or found
        if len(found) != 1:
            return None
    return _overlay(_LEAD.sub("", found[0].text) or found[0].text, facts, memory)


_VARY = re.compile(
    r"^(?:(?:do|make|and|set|run|try) (?:it|that|this|them)|(?:what|how) about|(?:do )?(?:the )?same|likewise|ditto"
    r"|with|use|to|for|in|on|change (?:it|that) to|only|just|the|of)\b",
    re.IGNORECASE,
)


def _overlay(text: str, facts: Facts, memory: Memory) -> Meaning | None:
    """The latest calls with the parts that the message names replaced."""
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
            changed.append(changed_step(step, change))
    named = [target.name for target in spoken.targets if not target.app]
    if not changed:
        return None
    if len(named) == 1 and len(memory.last) > 1:
        changed = changed[-1:]
    if len(named) > 1 and len(memory.last) == 1:
        slot = _name_slot(memory.last[0])
        changed = [changed_step(changed[0], {slot: name}) for name in named] if slot else changed
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
    change |= _kind_change(step, spoken)
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


def _kind_change(step: Step, spoken: Spoken) -> dict[str, Any]:
    """The kind of what is named now, where it is another one than before, and the aspect that is asked for."""
    kind = next((target.kind for target in spoken.targets if target.known and target.kind), "")
    change = {"kind": kind} if kind and step.tool in ("users", "describe", "get_object") else {}
    aspect = about(spoken.clause)
    return {**change, "about": aspect} if aspect and step.tool == "describe" else change


def _numbers(step: Step, clause: Clause) -> dict[str, Any] | Unknown:
    parts = clause.parts
    number = any_number(parts)
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
        "tail": parts.tail,
        "since": parts.since,
        "grep": parts.grep or (parts.quoted[0] if parts.quoted else ""),
        "container": parts.container,
    }
    if clause.says("previous"):
        found["previous"] = True
    if not found["grep"] and clause.says("errors"):
        found["grep"] = "error"
    return {key: value for key, value in found.items() if value not in (None, "")}
