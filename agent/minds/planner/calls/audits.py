"""Questions over the cluster and audits: which objects a rule means, in which order and form they are answered."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls.lists import listing_of
from agent.minds.planner.calls.looking import plural
from agent.minds.planner.meaning import Interpretation, Meaning, Memory, Step
from agent.minds.planner.reading.clause import parse
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.reading.rules import find_rule
from agent.minds.planner.reading.shape import Shape, find_shape
from agent.minds.planner.reading.subjects import where

_POLITE = re.compile(
    r"^(?:(?:please|hey|hi|ok|so|now|can|could|would|you|i|we|want|need|would like|like|to|know|see|me|tell|us|help"
    r"|check|audit|that|rule|policy|find|out|go|through|verify|if|whether|and|for|the cluster|my cluster)\b[ ,:]*)*",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"(?:which|what|list|show|get|find|count|how many|number of|are there|is there|do (?:any|we|i|all)"
    r"|does (?:any|every|each)|any|all|every|each|give|name|print|report|display|who|are (?:any|all)|is (?:any|every)"
    r"|the|top|search|look)\b",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"\b(?:why|how do|how to|how can|what if|what would|what should|should i|can i)\b", re.IGNORECASE
)
_MUST = re.compile(
    r"^(?:check|audit|verify|make sure|ensure|confirm|rule|policy|find violations|which violate|report)?.*?"
    r"\b(?:all|every|each|any|no)\b(?P<who>[^.:]*?)"
    r"\b(?P<must>must|should|shall|have to|has to|needs? to|may)(?P<no> not| never)?\b",
    re.IGNORECASE,
)
_NONE = re.compile(r"^no (?=[a-z]+ )(?:(\w+) (?:may|must|should|shall|can) )?", re.IGNORECASE)
_NAMESPACES = re.compile(
    r"\b(?:all|every|each|any) (namespaces?)(?= (?:have|has|must|should|without|with|lacks?|contains?)\b)",
    re.IGNORECASE,
)
_DO_ALL = re.compile(r"^(?:do|does|are|is|have|has) (?:all|every|each)\b", re.IGNORECASE)
_THAT_ALL = re.compile(
    r"^\W*(?:please )?(?:check|audit|verify|make sure|confirm|see|tell me)\W+(?:that|if|whether)\W+"
    r"(?:all|every|each)\b",
    re.IGNORECASE,
)
_AUDIT = re.compile(
    r"\b(?:check|audit|verify|violat\w*|offend\w*|rule|policy|compl\w+|report|list|show|find)\b", re.IGNORECASE
)


def asked(text: str, facts: Facts, memory: Memory) -> Meaning | None:
    """A list chosen by a rule, ordered, counted or shaped; None where the message asks for something else."""
    bare = _POLITE.sub("", text.strip())
    if (banned := _NONE.match(bare)) and (_AUDIT.search(text) or text.endswith("?")):
        bare = f"which {banned[1] or ''} {bare[banned.end() :]}"
    bare = _NAMESPACES.sub(r"\1", bare)
    opening = _LOOKS.match(bare) or _LOOKS.match(text.strip()) or _starts_with_kind(bare, facts, memory)
    if not opening or _OTHERWISE.search(text):
        return None
    shape = find_shape(bare or text)
    audit = _audited(shape, text)
    kind = _kind(shape.rest, facts, memory)
    if not kind:
        return None
    rule = find_rule(shape.rest, kind)
    if not (rule.where or shape.asked):
        return None
    conditions = _violations(rule.where) if audit else rule.where
    return _built(re.sub(r"\s+([?.,])", r"\1", rule.rest), conditions, shape, kind, facts, memory)


def _starts_with_kind(text: str, facts: Facts, memory: Memory) -> bool:
    words = [word for word in parse(text, facts, memory).words if not word.filler]
    return bool(words) and bool(words[0].kind or (words[0].unknown and facts.kind_called(words[0].text)))


def _kind(text: str, facts: Facts, memory: Memory) -> str:
    """The kind that is asked for: the first that is named and is no fact of another one."""
    clause = parse(find_rule(text).rest, facts, memory)
    kinds = [word.kind for word in clause.kinds]
    if not kinds:
        kinds = [kind for word in clause.words if word.unknown and (kind := facts.kind_called(word.text))]
    if not kinds and re.search(r"\bcontainers?\b", text, re.IGNORECASE):
        return "pod"
    places = [kind for kind in kinds if kind != "namespace"]
    return kinds[0] if kinds and kinds[0] != "namespace" else (places or kinds or [""])[0]


def _audited(shape: Shape, text: str) -> bool:
    """Whether the message states what must be so; then what is not so is asked for, and *must* is cut out."""
    found = _MUST.search(shape.rest)
    if found and (_AUDIT.search(text) or text.endswith("?")):
        banned = bool(found["no"]) or re.search(r"\bno\b", found[0], re.IGNORECASE) is not None
        shape.rest = f"{shape.rest[: found.start('must')]} {shape.rest[found.end() :]}"
        shape.rest = re.sub(r"\bno (?=\w+s?\b *(?:that|with|in| ))", "all ", shape.rest, count=1, flags=re.IGNORECASE)
        return not banned
    return bool(_DO_ALL.match(shape.rest) or _DO_ALL.match(text) or _THAT_ALL.match(text))


def _violations(terms: list[str]) -> list[str]:
    """What breaks a rule: any of its terms turned round."""
    return [" or ".join(map(_turned, terms))] if terms else []


_TURNED = {"=": "!=", "!=": "=", ">": "<=", "<": ">=", ">=": "<", "<=": ">", "~": "!~", "!~": "~"}


def _turned(term: str) -> str:
    if compared := re.fullmatch(r"(.+?)(!=|>=|<=|!~|=|>|<|~)(.+)", term):
        return f"{compared[1]}{_TURNED[compared[2]]}{compared[3]}"
    bare = re.sub(r"^(?:no|not) ", "", term)
    return bare if bare != term else f"not {term}" if term == "ready" else f"no {term}"


def _built(rest: str, conditions: list[str], shape: Shape, kind: str, facts: Facts, memory: Memory) -> Meaning | None:
    clause = parse(rest, facts, memory)
    clause.memory = memory
    if clause.mood == "do" and clause.sense is not None and clause.sense.section in ("change", "light"):
        return None
    spoken = Spoken(clause)
    step = listing_of(kind, clause, spoken, ruled=True)
    if not isinstance(step, Step):
        return step
    arguments = {**step.arguments, **shape.arguments}
    if "where" in step.arguments:
        conditions = [step.arguments["where"], *conditions]
    if conditions:
        arguments["where"] = conditions[0] if len(conditions) == 1 else conditions
    if "name" in arguments and facts.kind_called(str(arguments["name"])) == kind:
        arguments.pop("name")  # a kind of this cluster alone, at the start of the message
    said = _said(arguments, kind, conditions)
    return Interpretation((Step("list_objects", arguments, said),), said, 1.0)


def _said(arguments: dict[str, Any], kind: str, conditions: list[str]) -> str:
    """The reading in words."""
    verb = "count" if arguments.get("count") else "list"
    told = [f"{verb} {plural(kind)}"]
    if whose := arguments.get("of") or arguments.get("name"):
        told.append(f" of {whose}")
    told.append(where(arguments))
    if conditions:
        told.append(f" with {' and '.join(conditions)}")
    if arguments.get("per"):
        told.append(f" per {arguments['per']}")
    if arguments.get("sort_by"):
        told.append(f", sorted by {arguments['sort_by'].lstrip('-')}")
    if arguments.get("form"):
        told.append(f", as {arguments['form']}")
    return "".join(told)
