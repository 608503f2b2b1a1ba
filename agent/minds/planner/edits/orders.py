"""Edits beside the frames: which of the two readings of a message holds, and messages of several orders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from agent.minds.planner.drafts.fragments import Text
from agent.minds.planner.edits.edit import Edit
from agent.minds.planner.edits.phrases import form_of, pattern
from agent.minds.planner.edits.targets import LIKELY, Candidate, candidates
from agent.minds.planner.meaning import Interpretation, Meaning, Memory, Question, Step
from agent.minds.planner.reading.facts import WORKLOADS, Facts
from agent.minds.planner.talk.answering import subject_of

_ORDER = re.compile(rf"\W*(?:(?:{pattern('polite')})\W+)*(?:{pattern('orders')})\b", re.IGNORECASE)
_MUST = re.compile(r"\b(?:should|must|needs?|shall|has to|have to|is to|are to)\b", re.IGNORECASE)
_MORE = re.compile(r"\b(?:add|adds|adding|added|additional|another|second|extra|new|also|open|opens?)\b", re.IGNORECASE)
_NO_ORDER = re.compile(
    r"^\W*(?:is|are|does|do|did|was|were|has|why|what|which|who|when|where|how|show|list|get|check|tell)\b"
    r"|\b(?:by|another)\s+(?:a\s+)?\d|\b(?:if|unless|when|until|tomorrow|later)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(  # "delete the secret db": the object, nothing in it
    r"\W*(?:please\s+)?(?:delete|destroy|drop)\b(?!.*\b(?:from|off|of|in)\b)", re.IGNORECASE | re.DOTALL
)
_NEXT = re.compile(
    rf"(?:[.;]\s+|\n\s*(?:[-*]|\d+[.)])?\s*|,?\s+(?:and\s+)?then\s+|,?\s+and\s+(?:also\s+)?(?=(?:{pattern('orders')}|"
    r"scale|restart|delete|label|annotate|deploy|expose|create)\b))(?=\S)",
    re.IGNORECASE,
)

_FRAMES_OWN = Step("", {})


def edited(text: str, facts: Facts, memory: Memory, framed: Callable[[str, Memory], Meaning]) -> Meaning:
    """What the message means: as `framed` reads it, or as orders to change fields of objects that exist."""
    whole = framed(text, memory)
    made = edit(text, facts, memory)
    if made and not _is_framed(made, whole, facts):
        return made
    return (None if made else _in_parts(text, facts, memory, framed)) or whole


def edit(text: str, facts: Facts, memory: Memory) -> Interpretation | Question | None:
    """The order to change fields of one object; None when it is none, or not understood to the last word."""
    text = text.strip()
    asks = text.endswith("?") and not re.match(r"\W*(?:please\W+)?(?:can|could|would|will)\b", text, re.IGNORECASE)
    if asks or _NO_ORDER.search(text) or _WHOLE.match(text):
        return None
    for candidate in candidates(Text(text).rest, facts, memory):
        if step := _step(text, candidate, facts):
            if step is _FRAMES_OWN:
                return None
            return Interpretation((step,), step.reading, 0.9)
    if step := _step(text, Candidate("deployment", "", False, (0, 0)), facts):
        if step is _FRAMES_OWN:
            return None
        options = facts.components or facts.names("deployment")
        return Question("Which workload shall be changed so?", options, slot="name", steps=(step,))
    return None


def _step(text: str, candidate: Candidate, facts: Facts) -> Step | None:
    """The call, if every word fits this object; `_FRAMES_OWN` where it does and frames have tools for all of it."""
    form = form_of(candidate.kind)
    start, end = candidate.span
    blank = text[:start] + " " * (end - start) + text[end:]
    if form is None or not (_ORDER.match(blank) or _MUST.search(blank)):
        return None
    blank, place = _bare_place(blank, facts)
    made = Edit(candidate.kind, candidate.name, form, Text(blank))
    try:
        made.read()
        fields, said_place = made.fields()
    except KeyError:  # two phrases contradict each other, or one needs an object that is yet to be made
        return None
    more = bool(_MORE.search(blank))
    if made.left() or not fields or (_opens(fields) and not more):
        return None
    if _simple(candidate.kind, fields, more):
        return _FRAMES_OWN
    kind = candidate.kind if candidate.said or candidate.kind != "deployment" else ""
    if candidate.kind in WORKLOADS and candidate.name in facts.components and not candidate.said:
        kind = ""
    arguments: dict[str, Any] = {"name": candidate.name, **({"kind": kind} if kind else {}), "fields": fields}
    if namespace := said_place or place or candidate.namespace:
        arguments["namespace"] = namespace
    where = f" in namespace {namespace}" if namespace else ""
    reading = f"change {kind or 'workload'} {candidate.name}{where}: {', '.join(dict.fromkeys(_told(fields)))}"
    return Step("edit_object", arguments, reading, True)


def _bare_place(text: str, facts: Facts) -> tuple[str, str]:
    """ "… in staging", where that is a namespace: the text without it, and the namespace."""
    for match in re.finditer(r"\b(?:in|on|from|of)\s+(?:the\s+)?([a-z0-9][a-z0-9-]*)\b", text, re.IGNORECASE):
        if match[1].lower() in facts.namespaces():
            return text[: match.start()] + " " * len(match[0]) + text[match.end() :], match[1].lower()
    return text, ""


def _is_framed(made: Interpretation | Question, whole: Meaning, facts: Facts) -> bool:
    """Whether the frames' reading holds: one about something that exists, or a question, beside a question of ours."""
    if isinstance(made, Interpretation) or not isinstance(whole, Interpretation):
        return isinstance(made, Question) and isinstance(whole, Question)
    names = {str(step.arguments.get("name") or "") for step in whole.calls if step.change}
    return all(name in facts.components or any(name in facts.names(kind) for kind in LIKELY) for name in names)


def _opens(fields: dict[str, Any]) -> bool:
    """Whether a port is put beside those that are there; "change the port to 80" may mean another than that."""
    spec = fields.get("spec") or {}
    pods = ((spec.get("template") or {}).get("spec")) or {}
    lists = [spec.get("ports") or [], *(one.get("ports") or [] for one in pods.get("containers", ()))]
    return any({"port", "containerPort"} & port.keys() and "$patch" not in port for ports in lists for port in ports)


def _simple(kind: str, fields: dict[str, Any], more: bool) -> bool:
    """Whether frames have a tool for all of it: what they refuse to do with it is not to be done another way."""
    if kind not in (*WORKLOADS, "pod", "replicaset"):
        return kind not in ("cronjob", "job") and not fields.keys() - {"metadata"}
    spec = dict(fields.get("spec") or {})
    pods = ((spec.pop("template", None) or {}).get("spec")) or {}
    if more and any({"name", "image"} <= item.keys() for item in pods.get("containers", ())):
        return False  # one more container
    inside = [{key for key in item if key != "name"} for item in pods.get("containers", ())]
    return (
        not spec.keys() - {"replicas"}
        and not pods.keys() - {"containers"}
        and all(keys <= {"image", "resources", "env"} for keys in inside)
        and _plain(pods)
    )


def _plain(pods: dict[str, Any]) -> bool:
    """Whether the variables have values of their own, rather than taken from elsewhere."""
    return all("valueFrom" not in item for one in pods.get("containers", ()) for item in one.get("env", ()))


def _told(fields: dict[str, Any]) -> Iterator[str]:
    """The fields in words, with the values that are short and no secret."""
    for key, value in fields.items():
        if key in ("spec", "template", "jobTemplate", "metadata"):
            yield from _told(value)
        elif key == "containers":
            yield from (inner for item in value for inner in _told({k: v for k, v in item.items() if k != "name"}))
        elif isinstance(value, str | int):
            yield f"{key} {str(value).lower() if isinstance(value, bool) else value}"
        else:
            yield key if value is not None else f"remove {key}"


def _in_parts(
    text: str, facts: Facts, memory: Memory, framed: Callable[[str, Memory], Meaning]
) -> Interpretation | None:
    """Several orders, at least one of them an edit; None unless all of them are understood."""
    parts = [part.strip() for part in _NEXT.split(text) if part.strip()]
    steps: list[Step] = []
    edits = 0
    for part in parts if len(parts) > 1 else ():
        meaning = framed(part, memory)
        made = edit(part, facts, memory)
        if isinstance(made, Interpretation) and not _is_framed(made, meaning, facts):
            meaning, edits = made, edits + 1
        if not isinstance(meaning, Interpretation):
            return None
        steps += meaning.calls
        memory = replace(memory, subject=subject_of(meaning.calls) or memory.subject, question=None)
    return Interpretation(tuple(steps), "; ".join(step.reading for step in steps), 0.9) if edits else None
