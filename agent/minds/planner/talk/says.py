"""What the planner says by itself, from the templates in `prompts/planner/says.toml`."""

from __future__ import annotations

import tomllib
from functools import cache

from rapidfuzz import fuzz

from tools.data import data_folder


@cache
def _templates() -> dict[str, dict[str, str]]:
    return tomllib.loads((data_folder("prompts") / "planner" / "says.toml").read_text(encoding="utf-8"))


def say(template: str, **values: str) -> str:
    """The sentence of that name, filled in."""
    return _templates()["sentences"][template].strip().format(**values).strip()


def nearest_things(text: str) -> str:
    """That the request was not understood, with the three things that come nearest to it."""
    return say("unknown", nearest=nearest_examples(text))


def nearest_examples(text: str) -> str:
    """The three things that come nearest to what was said."""
    examples = _templates()["examples"]
    ranked = sorted(examples, key=lambda name: -fuzz.token_set_ratio(text.lower(), f"{name} {examples[name]}"))
    return "\n".join(f"- {examples[name]}" for name in ranked[:3])
