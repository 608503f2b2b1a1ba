"""Objects drafted from words: "create a job pi with image perl that runs `perl -v`, 3 completions".

The order is taken apart phrase by phrase (see `fragments`); each phrase sets fields of a manifest, which goes through
the same preview as a pasted one. A word that no phrase took was not understood, and then nothing is proposed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent.minds.planner.drafts.containers import Part, parts_of
from agent.minds.planner.drafts.data import groups, kinds, words
from agent.minds.planner.drafts.finish import finished, missing, suggestion
from agent.minds.planner.drafts.fragments import HIDDEN, Found, Text, fragments
from agent.minds.planner.drafts.head import Head, mended_kind, read_head
from agent.minds.planner.drafts.manifest import filled, put
from agent.minds.planner.drafts.relations import looked_up, related
from agent.minds.planner.drafts.special import given, policy_head, read_traffic
from agent.minds.planner.drafts.typos import corrected
from agent.minds.planner.meaning import Interpretation, Meaning, Question, Step, Unknown
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.quantities import amounts
from agent.minds.planner.talk.says import say

Object = dict[str, Any]

_AUTOSCALE = re.compile(
    r"^(?:please )?auto-?scale (?=.*\b(?:memory|scal(?:e|ing) down|scal(?:e|ing) up)\b)((?:the )?\S+)", re.IGNORECASE
)


def draft(text: str, facts: Facts) -> Meaning | None:
    """The order to make objects as a call that applies their manifests; None when the text is no such order."""
    text = _AUTOSCALE.sub(r"create an hpa for \1", text.strip())
    if given_ := given(text, facts):
        documents, question = given_
        return Question(question) if question else _applied(documents, []) if documents else None
    said = Text(text)
    notes: list[str] = []
    head = policy_head(text) or read_head(said, facts)
    if head is None and (mended := mended_kind(text)):
        text, notes = mended[0], [mended[1]]
        said = Text(text)
        head = read_head(said, facts)
    if head is None or (head.kind == "namespace" and not re.search(r"label|annotat", text, re.IGNORECASE)):
        return None  # namespaces have a tool of their own, which knows their names better
    made = _made(head, said, facts)
    if isinstance(made, Unread):
        again, read_as = corrected(text, head.kind, made.words)
        if read_as:
            said = Text(again)
            head = policy_head(again) or read_head(said, facts) or head
            second = _made(head, said, facts)
            made, notes = (second, [*notes, *read_as]) if not isinstance(second, Unread) else (made, notes)
    if isinstance(made, Unread):
        return Unknown(say("draft-left", kind=head.kind, name=head.name or "", part=made.words))
    return _applied(made, notes) if isinstance(made, list) else made


@dataclass(frozen=True)
class Unread:
    """The words that nobody took."""

    words: str


def _made(head: Head, said: Text, facts: Facts) -> list[Object] | Unread | Question | Unknown:
    """The documents of one order, or why there are none."""
    if head.name != head.name.lower():
        return Unknown(say("impossible-name", name=head.name))
    if (form := kinds().get(head.kind)) is None:
        return _by_schema(head, said, facts)
    made = Draft(head, form, said)
    problem, suggested = "", ""
    try:
        if head.kind == "networkpolicy":
            suggested, problem = read_traffic(said, made.manifest, facts)
        made.read()
        if left := made.left():
            return Unread(left)
        problem = problem or looked_up(made.kind, made.manifest, facts) or related(made.kind, made.manifest)
    except KeyError as twice:
        return Unknown(say("draft-twice", kind=head.kind, field=str(twice.args[0])))
    if not problem:
        made.call(suggested or suggestion(made.kind, made.manifest))
        problem = missing(made.kind, made.name, made.manifest)
    return Question(problem) if problem else finished(made.kind, made.manifest)


def _by_schema(head: Head, said: Text, facts: Facts) -> list[Object] | Unread | Question | Unknown:
    """A kind that no data is about, by the fields that its schema names."""
    if not (schema := facts.schema_of(head.kind)):
        return Unknown(say("create-kind", kind=head.kind))
    from agent.minds.planner.drafts.generic import read_by_schema

    made = Draft(head, {"api": schema["x-is"]["apiVersion"], "kind": schema["x-is"]["kind"]}, said)
    made.read()
    problem = read_by_schema(said, schema, made.manifest, head)
    if not problem and (left := made.left()):
        return Unread(left)
    return Question(problem) if problem else [made.manifest]


class Draft:
    """One object in the making."""

    def __init__(self, head: Head, form: dict[str, Any], said: Text) -> None:
        self.kind, self.name, self.said = head.kind, head.name, said
        self.manifest: Object = {"apiVersion": form["api"], "kind": form["kind"], "metadata": {"name": head.name}}
        self.form = form
        self.measured = False  # whether amounts of CPU or memory were said
        self._probes: list[tuple[int, str]] = []
        self._timings: list[tuple[tuple[int, int], str, int]] = []

    def read(self) -> None:
        """Let each phrase take its words, those about the object first, then those about containers."""
        for fragment in fragments():
            if fragment.at != "container" and self._concerns(fragment.kinds):
                while found := self.said.find(fragment):
                    self._apply(found, None)
        if self.kind in groups()["pods"]:
            for part in parts_of(self.said, self._pods(), self.name):
                self._read_container(part)
        if where := self.form.get("amounts"):
            for amount in amounts(self.said.rest):
                put(
                    self.manifest,
                    where + "{}",
                    {f"{amount.role}s.{amount.resource}" if amount.role else amount.resource: amount.value},
                )
                self.measured = True
                self.said.take(amount.span)

    def call(self, name: str) -> None:
        """Give it a name where nobody said one."""
        self.name = self.manifest["metadata"]["name"] = self.name or name

    def left(self) -> str:
        """The words that nobody took."""
        found = re.findall(r"[^\s\x00,;:!?()]+", self.said.rest.replace(HIDDEN, "…"))
        plain = ((word, word.lower().strip("\"'`.")) for word in found)
        known = words("filler") | (words("measures") if self.measured else frozenset())
        return " ".join(word for word, low in plain if low not in known and re.search(r"[\w…]", low))

    def _concerns(self, wanted: frozenset[str]) -> bool:
        return "any" in wanted or self.kind in wanted

    def _read_container(self, part: Part) -> None:
        for fragment in fragments():
            if fragment.at == "container" and self._concerns(fragment.kinds):
                while found := self.said.find(fragment, part.span):
                    self._apply(found, part.container)
        self._time_probes(part.container)
        found = amounts(self.said.rest[part.span[0] : part.span[1]])
        for amount in found:
            roles = (f"{amount.role}s",) if amount.role else ("requests", "limits")
            for role in roles:
                put(part.container, f"resources.{role}.{amount.resource}", amount.value)
            self.measured = True
            start, end = (part.span[0] + at for at in amount.span)
            self.said.take((start, end))

    def _time_probes(self, container: Object) -> None:
        """Words about times belong to the probe before them, or to the first where none is before."""
        probes = sorted(self._probes)
        for span, name, value in self._timings:
            if not probes:
                self.said.give_back(span)
                continue
            before = [probe for probe in probes if probe[0] <= span[0]]
            at = (before or probes)[-1 if before else 0][0]
            for where, probe in probes:
                if where == at:
                    put(container, f"{probe}.{name}", value)
        self._probes, self._timings = [], []

    def _apply(self, found: Found, container: Object | None) -> None:
        self.said.take(found.span)
        base = {"object": self.manifest, "pods": self._pods(), "template": self._template(), "container": container}
        target = base[found.fragment.at]
        if target is None:
            return
        for path, template in found.fragment.set:
            value = filled(template, found.values)
            where = filled(path, found.values)
            if where is not None and where.startswith("timing."):
                self._timings.append((found.span, where.removeprefix("timing."), value))
            elif value is not None and where is not None:
                if probe := re.match(r"(\w+Probe)\.", where):
                    self._probes.append((found.span[0], probe[1]))
                put(target, where, value)

    def _pods(self) -> Object:
        return self._inner(self.form.get("pods", "spec"))

    def _template(self) -> Object:
        path = self.form.get("pods", "")
        return self._inner(path.removesuffix(".spec")) if path.endswith("template.spec") else self.manifest

    def _inner(self, path: str) -> Object:
        target = self.manifest
        for name in path.split("."):
            target = target.setdefault(name, {})
        return target


def _applied(documents: list[Object], notes: list[str]) -> Interpretation:
    import yaml

    text = "---\n".join(yaml.safe_dump(document, sort_keys=False) for document in documents)
    places = {document["metadata"].get("namespace") for document in documents}
    place = places.pop() if len(places) == 1 else None
    reading = _reading(documents) + (f" ({'; '.join(notes)})" if notes else "")
    step = Step("apply_manifest", {"manifest": text, "namespace": place}, reading, True)
    return Interpretation((step,), reading, 0.8 if notes else 0.9)


def _reading(documents: list[Object]) -> str:
    told = [f"{document['kind'].lower()} {document['metadata']['name']}" for document in documents]
    places = dict.fromkeys(document["metadata"].get("namespace") for document in documents)
    named = [place for place in places if place]
    return f"create {', '.join(told)}" + (f" in namespace {' and '.join(named)}" if named else "")
