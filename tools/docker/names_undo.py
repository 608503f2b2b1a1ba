"""The way back of what was done to one name of an image: built, tagged or removed, in one step or several."""

from __future__ import annotations

from collections.abc import Sequence

from tools.change import BuildImage, RemoveImage, TagImage
from tools.context import Context
from tools.errors import NeedsAnswer, Refused
from tools.preview import ANSWERS, Done, Others, Undo


def take_back(ctx: Context, steps: Sequence[Done], how: Others) -> Undo:
    """From the image that the name means now to the one that it meant before the first of these steps."""
    change = steps[0].change
    if not isinstance(change, BuildImage | TagImage | RemoveImage):
        raise TypeError(f"{change.kind} does not change the name of an image")
    name = change.image
    wanted, left = steps[0].applied.before["id"], steps[-1].applied.facts.get("id")
    now = (ctx.engine.image(name) or {}).get("Id")
    if now == wanted:
        return Undo(notes=(f"{name} is already what it was before.",))
    notes: tuple[str, ...] = ()
    if now != left:
        notes = (_moved(name, now, how),)
    if wanted is None:
        return Undo(changes=(RemoveImage(summary=f"take the name {name} off", why="undo", image=name),), notes=notes)
    if ctx.engine.image(wanted) is None:
        raise Refused(f"The image that {name} was before is gone from the engine.", "Build or pull it again.")
    summary = f"put {name} back to the image before" if now else f"name the image {name} again"
    return Undo(changes=(TagImage(summary=summary, why="undo", source=wanted, image=name),), notes=notes)


def _moved(name: str, now: str | None, how: Others) -> str:
    """What is said where somebody else moved the name since; raises where it is to stay so."""
    what = f"{name} {'names another image by now' if now else 'was removed by somebody else since'}"
    if how == "ask":
        raise NeedsAnswer(f"{what}. Keep that, or overwrite it with the image before?", ANSWERS, slot="others")
    if how == "keep":
        raise Refused(f"{what}; it is left as it is.", "Tag it yourself if need be.")
    return f"{what}; it goes back all the same."
