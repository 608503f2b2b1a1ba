"""Which frame a clause fits: the heaviest cue of `prompts/planner/frames.toml` that it satisfies."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken
from tools.data import data_folder

_PARTS = (
    "images", "charts", "files", "pairs", "settings", "capitals", "slashed", "numbers", "count", "more", "by", "to",
    "percent", "factor", "tag", "revision", "selector", "ports", "tail", "grep",
)  # fmt: skip
_SINGULAR = {
    "images": "image",
    "charts": "chart",
    "files": "file",
    "pairs": "pair",
    "settings": "setting",
    "numbers": "number",
    "ports": "port",
}


@dataclass(frozen=True)
class Frame:
    name: str
    change: bool
    cues: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Fit:
    """A frame that the clause fits, and how well."""

    frame: Frame
    score: float


@cache
def frames() -> tuple[Frame, ...]:
    """All frames, those that change something first."""
    data = tomllib.loads((data_folder("prompts") / "planner" / "frames.toml").read_text(encoding="utf-8"))
    return tuple(
        Frame(name, section == "change", tuple(frozenset(cue.split()) for cue in cues))
        for section in ("change", "read")
        for name, cues in data[section].items()
    )


@cache
def _weights() -> dict[str, float]:
    weights: dict[str, float] = {}
    by_section = {"change": 4.0, "ask": 4.0, "topic": 3.0}
    for senses in lexicon().senses.values():
        for sense in senses:
            weight = by_section.get(sense.section, 1.0)
            weights[sense.concept] = max(weight, weights.get(sense.concept, 0.0))
    return weights


def fitting(clause: Clause, spoken: Spoken) -> list[Fit]:
    """The frames that fit, best first; of equal ones the earlier in the file."""
    has = _traits(clause, spoken)
    verb = clause.concept if clause.mood == "do" else ""
    changing = bool(
        clause.sense and clause.sense.section in ("change", "light") and verb != "want" and clause.mood == "do"
    )
    fits: list[Fit] = []
    for frame in frames():
        if not frame.change and changing:
            continue
        cues = [cue for cue in frame.cues if cue <= has and (not frame.change or verb in cue)]
        if cues:
            fits.append(Fit(frame, max(sum(_weight(one) for one in cue) for cue in cues)))
    return sorted(fits, key=lambda fit: -fit.score)


def _weight(trait: str) -> float:
    if trait.startswith("kind.") or trait in ("<setting>", "<image>", "<more>", "<chart>", "<range>", "<capitals>"):
        return 1.5
    if trait in ("<tail>", "<grep>"):
        return 3.0
    return 1.0 if trait.startswith("<") else _weights().get(trait, 1.0)


def _traits(clause: Clause, spoken: Spoken) -> frozenset[str]:
    """Everything of the clause that a cue can name."""
    traits = {sense.concept for word in clause.words for sense in word.senses if sense.section != "kind"}
    for word in clause.kinds:
        traits |= {"<kind>", f"kind.{word.kind}"}
    for part in _PARTS:
        value = getattr(clause.parts, part)
        if value not in (None, "", []):
            traits.add(f"<{_SINGULAR.get(part, part)}>")
    if any("." in key for key, _ in clause.parts.pairs):  # backend.replicaCount=3 is a chart's value, not a variable
        traits = (traits - {"<pair>"}) | {"<value>"}
    if clause.parts.range and clause.parts.to is None:
        traits.add("<range>")
    traits |= {f"<{amount.resource}>" for amount in clause.parts.amounts}
    if any(spoken.targets) or clause.pronoun:
        traits.add("<name>")
    if any(target.component for target in spoken.targets):
        traits.add("<component>")
    return frozenset(traits)
