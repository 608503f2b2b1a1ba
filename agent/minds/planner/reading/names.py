"""Which objects, and which namespace, a clause speaks of: checked against what exists, misspellings told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import OSA

from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.facts import WORKLOADS, Facts
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.words import Word

_DNS = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_IMPOSSIBLE = re.compile(
    r"(?=.*[A-Za-z])(?:[\w./\\-]*\w(?:_|[/\\]+)\w[\w./\\-]*|\.\.?/[\w./-]+|\w[\w./-]*/\.\.?/[\w./-]*|\w[\w./-]*/|[\w.-]{254,})"
)
_TAKEN_OFF = ("label", "labels", "annotate", "annotations", "env")  # "tier-" takes a label off
_OTHERS = ("service", "job", "cronjob", "configmap", "secret", "ingress", "persistentvolumeclaim")
_LINKS = frozenset("of for to on from with the a an my our about inside named called".split())


@dataclass(frozen=True)
class Target:
    """Something that is named. `typed` is what the person wrote when it was taken for a misspelling of `name`."""

    name: str
    kind: str = ""
    component: bool = False
    app: bool = False
    known: bool = False
    typed: str = ""

    @property
    def said(self) -> str:
        """The target in words, for the reading."""
        what = "component " if self.component else "application " if self.app else f"{self.kind} " if self.kind else ""
        return f"{what}{self.name}" + (f" (for {self.typed!r})" if self.typed else "")


def impossible_name(clause: Clause) -> str:
    """A word that can only be meant as a name, but that no object can have; no part of it may be taken for one."""
    for match in re.finditer(r"[^\s\"'`,;()]+", clause.text):
        word = match[0].rstrip(".:!?")
        left = clause.parts.rest[match.start() : match.start() + len(word)].strip()
        image = clause.says("image") and clause.text[: match.start()].rstrip().endswith((" to", " image"))
        cut = word.endswith("-") and re.search(r"[A-Za-z]", word) and not clause.says(*_TAKEN_OFF)
        if left and not image and word.lower() != "and/or" and (cut or _IMPOSSIBLE.fullmatch(word)):
            return word
    return ""


def nearest(word: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that the word may be a misspelling of, all equally near; empty when none is near."""
    if not word.isascii():
        return ()
    allowed = 0 if len(word) < 4 else 1 if len(word) < 6 else 2
    if allowed == 0 and len(word) == 3:  # short names are near when two letters changed places
        return tuple(name for name in names if len(name) == 3 and OSA.distance(word, name) == 1 == _swapped(word, name))
    near = [(OSA.distance(word, name, score_cutoff=allowed), name) for name in names]
    digits = re.sub(r"\D", "", word)  # web-1 is no misspelling of web-2
    near = [(distance, name) for distance, name in near if distance <= allowed and re.sub(r"\D", "", name) == digits]
    best = min(near, default=(0, ""))[0]
    return tuple(name for distance, name in near if distance == best)


def _swapped(word: str, name: str) -> int:
    return int(sorted(word) == sorted(name))


class Spoken:
    """What a clause names: `targets`, and `namespace`."""

    def __init__(self, clause: Clause) -> None:
        self.clause = clause
        self.facts: Facts = clause.facts
        self.unclear: tuple[str, tuple[str, ...]] | None = None
        self._places: set[str] = set()

    @cached_property
    def namespace(self) -> str:
        """The namespace that the clause names, or nothing."""
        parts = self.clause.parts
        if parts.namespace:
            return self._checked_namespace(parts.namespace.lower())
        if re.search(r"\bin (?:it|there)\b", self.clause.text.lower()) and self.clause.memory.subject.get("namespace"):
            return str(self.clause.memory.subject["namespace"])
        for preposition, place in parts.places:
            if self._is_place(preposition, place):
                self._places.add(place)
                return self._checked_namespace(place)
        return ""

    def _is_place(self, preposition: str, place: str) -> bool:
        facts, inside = self.facts, preposition in ("in", "into", "within", "inside", "under", "across")
        if place in facts.components or (self._is_word(place) and not (inside and place == facts.app)):
            return False
        if place in facts.namespaces():
            return True
        if not inside:
            return False
        if place == facts.app or place in lexicon().common - {"production", "prod", "dev", "test", "testing", "demo"}:
            return False
        return not any(nearest(place, facts.components)) and not self._existing(place)[0]

    def _is_word(self, place: str) -> bool:
        word = next((word for word in self.clause.words if word.text.split()[-1] == place or word.text == place), None)
        return bool(word and (word.name or (word.senses and place not in self.facts.namespaces())))

    def _checked_namespace(self, place: str) -> str:
        known = self.facts.namespaces()
        close = nearest(place, known) if known and place not in known else ()
        if len(close) == 1:
            self.clause.notes.append(f"read {place!r} as the namespace {close[0]}")
            return close[0]
        return place

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Everything that is named, in order, each once."""
        found = [Target(name, kind, known=True) for kind, name in self.clause.parts.slashed]
        sure, guesses = self._by_words()
        found += sure
        if self.clause.parts.named:
            found.append(Target(self.clause.parts.named.lower()))
        found += [Target(quoted) for quoted in self.clause.parts.quoted if _DNS.fullmatch(quoted)]
        checked = [self._check(target) for target in found]
        maybe = [self._check(target) for target in guesses]
        known = [target for target in maybe if target.known]
        if not checked and not known:
            known = maybe[:1] if len(maybe) > 1 and not together(self.clause, maybe) else maybe
        return tuple(dict.fromkeys((*checked, *known)))

    def _by_words(self) -> tuple[list[Target], list[Target]]:
        """Targets that stand where a name stands, and words that may be names because they are nothing else."""
        words = [word for word in self.clause.words if not word.filler]
        sure: list[Target] = []
        guesses: list[Target] = []
        spaces = {self.namespace} | self._places
        for index, word in enumerate(words):
            kind = self._kind_beside(words, index)
            if word.name and word.text in spaces:
                continue
            if word.name:
                whole = word.name == self.facts.app and word.name not in self.facts.components
                sure.append(Target(word.name, "" if whole else kind, not whole, whole, True))
            elif self._may_be_name(word, words, index):
                target = Target(word.text, kind)
                marked = any(c.isdigit() or c in "-." for c in word.text) or bool(kind)
                (sure if marked or self._in_place(words, index) else guesses).append(target)
        return sure, guesses

    def _may_be_name(self, word: Word, words: list[Word], index: int) -> bool:
        if not _DNS.fullmatch(word.text) or word.text in {self.namespace} | self._places:
            return False
        if word.unknown:
            return not word.text.endswith("ing") or self._existing(word.text)[0] or self.clause.mood == "do"
        if word.text in self.clause.facts.components:
            return True
        previous = words[index - 1] if index else None
        singular = previous is not None and previous.kind and not _is_plural(previous)
        return bool(
            singular
            and word.common
            and len(word.text) > 3
            and word.text in self._all_names(previous.kind if previous else "")
        )

    def _kind_beside(self, words: list[Word], index: int) -> str:
        """The kind that stands right before or after a name, if it can be meant of it."""
        before = words[index - 1] if index else None
        if before is not None and before.common and before.text in ("named", "called") and index > 1:
            before = words[index - 2]
        after = words[index + 1] if index + 1 < len(words) else None
        for beside in (before, after):
            if beside is not None and beside.kind and beside is not self.clause.verb:
                return beside.kind
        return ""

    def _in_place(self, words: list[Word], index: int) -> bool:
        """Whether the word stands right after the main verb, a link word, or another name."""
        while index > 0:
            before = words[index - 1]
            if before is self.clause.verb or before.is_a("logs", "status", "events", "problem", "usage", "history"):
                return True
            if not (before.common and before.text in (*_LINKS, "and", ",", "is", "does", "new", "all")):
                return bool(before.name)
            if before.text in ("of", "for", "on", "from", "to"):
                return True
            index -= 1
        return False

    def _check(self, target: Target) -> Target:
        """The target as it exists, if it does; a misspelling corrected and told."""
        if target.known:
            return target
        name, facts = target.name, self.facts
        close = nearest(name, (*facts.components, facts.app) if facts.app else facts.components)
        fits = not target.kind or target.kind in (*lexicon().groups["workloads"], "service")
        if fits and len(close) == 1 and name not in self._all_names(target.kind, quick=True):
            whole = close[0] == facts.app and close[0] not in facts.components
            return Target(close[0], target.kind, not whole, whole, True, "" if close[0] == name else name)
        if self.clause.concept in ("create", "deploy") and not target.kind:
            return target
        exact, near, kind = self._existing(name, target.kind)
        if exact:
            return Target(name, target.kind or kind, known=True)
        if len(near) == 1:
            return Target(near[0], target.kind or kind, known=True, typed=name)
        if near:
            self.unclear = (name, near)
        return target

    def _existing(self, name: str, kind: str = "") -> tuple[bool, tuple[str, ...], str]:
        """Whether an object of that name exists, else the nearest names; with the kind it was found as."""
        near: tuple[str, ...] = ()
        near_kind = ""
        for one in (kind,) if kind else (*WORKLOADS, "pod"):
            names = self.facts.names(one, self.clause.parts.namespace or None)
            if name in names:
                return True, (), "" if one in WORKLOADS else one
            if one != "pod" or kind:
                close = nearest(name, names)
                if close and not near:
                    near, near_kind = close, "" if one in WORKLOADS else one
        for one in () if kind else _OTHERS:
            if name in self.facts.names(one, self.clause.parts.namespace or None):
                return True, (), one
        return False, near, near_kind

    def _all_names(self, kind: str, quick: bool = False) -> tuple[str, ...]:
        """Names of existing objects of the kind; `quick` does not ask the cluster when the workspace knows enough."""
        if quick and not kind:
            return tuple(name for one in WORKLOADS for name in self.facts.names(one))
        return self.facts.names(kind) if kind else ()


def _is_plural(word: Word) -> bool:
    return any(sense.section == "kind" and sense.form == "s" for sense in word.senses)


def together(clause: Clause, targets: list[Target]) -> bool:
    """Whether the names stand in one list: "a, b and c"."""
    names = [re.escape(target.typed or target.name) for target in targets]
    return bool(re.search(r"\W+(?:and\W+|,\W*|or\W+)?(?:the )?".join(names), clause.text, re.IGNORECASE))
