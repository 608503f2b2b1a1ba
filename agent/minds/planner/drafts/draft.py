"""Objects drafted from words: "create a job pi with image perl that runs `perl -v`, 3 completions".

The order is taken apart phrase by phrase (see `fragments`); each phrase sets fields of a manifest, which goes through
the same preview as a pasted one. A word that no phrase took was not understood, and then nothing is proposed.
"""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.drafts.containers import Part, parts_of
from agent.minds.planner.drafts.data import groups, kinds, words
from agent.minds.planner.drafts.finish import finished, missing
from agent.minds.planner.drafts.fragments import HIDDEN, Found, Text, fragments
from agent.minds.planner.drafts.head import Head, read_head
from agent.minds.planner.drafts.manifest import filled, put
from agent.minds.planner.meaning import Interpretation, Meaning, Question, Step, Unknown
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.quantities import amounts
from agent.minds.planner.talk.says import say

Object = dict[str, Any]


def draft(text: str, facts: Facts) -> Meaning | None:
    """The order to make one object as a call that applies its manifest; None when the text is no such order."""
    said = Text(text.strip())
    head = read_head(said, facts)
    if head is None:
        return None
    form = kinds().get(head.kind)
    if form is None:
        return Unknown(say("create-kind", kind=head.kind))
    if head.kind == "namespace" and not re.search(r"label|annotat", text, re.IGNORECASE):
        return None  # has a tool of its own, which knows its names better
    if head.name != head.name.lower():
        return Unknown(say("impossible-name", name=head.name))
    made = Draft(head, form, said)
    try:
        made.read()
    except KeyError as twice:
        return Unknown(say("draft-twice", kind=head.kind, field=str(twice.args[0])))
    if left := made.left():
        return Unknown(say("draft-left", kind=head.kind, name=head.name or "", part=left))
    if question := missing(made.kind, made.name, made.manifest):
        return Question(question)
    documents = finished(made.kind, made.manifest)
    return Interpretation((_step(documents, made),), _reading(documents), 0.9)


class Draft:
    """One object in the making."""

    def __init__(self, head: Head, form: dict[str, Any], said: Text) -> None:
        self.kind, self.name, self.said = head.kind, head.name, said
        self.manifest: Object = {"apiVersion": form["api"], "kind": form["kind"], "metadata": {"name": head.name}}
        self.form = form
        self.measured = False  # whether amounts of CPU or memory were said

    def read(self) -> None:
        """Let each phrase take its words, those about the object first, then those about containers."""
        for fragment in fragments():
            if fragment.at != "container" and self._concerns(fragment.kinds):
                while found := self.said.find(fragment):
                    self._apply(found, None)
        if self.kind in groups()["pods"]:
            for part in parts_of(self.said, self._pods(), self.name):
                self._read_container(part)

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
        found = amounts(self.said.rest[part.span[0] : part.span[1]])
        for amount in found:
            roles = (f"{amount.role}s",) if amount.role else ("requests", "limits")
            for role in roles:
                put(part.container, f"resources.{role}.{amount.resource}", amount.value)
            self.measured = True
            start, end = (part.span[0] + at for at in amount.span)
            self.said.take((start, end))

    def _apply(self, found: Found, container: Object | None) -> None:
        self.said.take(found.span)
        base = {"object": self.manifest, "pods": self._pods(), "template": self._template(), "container": container}
        target = base[found.fragment.at]
        if target is None:
            return
        for path, template in found.fragment.set:
            value = filled(template, found.values)
            where = filled(path, found.values)
            if value is not None and where is not None:
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


def _step(documents: list[Object], made: Draft) -> Step:
    import yaml

    text = "---\n".join(yaml.safe_dump(document, sort_keys=False) for document in documents)
    place = made.manifest["metadata"].get("namespace")
    return Step("apply_manifest", {"manifest": text, "namespace": place}, _reading(documents), True)


def _reading(documents: list[Object]) -> str:
    told: list[str] = []
    for document in documents:
        meta = document["metadata"]
        told.append(f"{document['kind'].lower()} {meta['name']}")
    place = documents[0]["metadata"].get("namespace")
    return f"create {', '.join(told)}" + (f" in namespace {place}" if place else "")
