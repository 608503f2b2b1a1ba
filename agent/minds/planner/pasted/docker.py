"""docker lines as typed calls: images are built and listed; containers are Kubernetes' business here."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls.workloads import check_image
from agent.minds.planner.meaning import Step
from agent.minds.planner.pasted.commandline import NotTaken, flags, parse
from agent.minds.planner.reading.facts import Facts

_OTHERS = frozenset(
    "run exec ps stop start kill rm rmi pull push login logout tag save load cp logs inspect compose container network "
    "volume system prune info version buildx context commit export import history top stats restart service "
    "stack swarm manifest trust plugin builder scout model".split()
)
WORDS = frozenset(("images", "image", "build")) | _OTHERS


def read(words: list[str], facts: Facts) -> list[Step]:
    """The calls of a line after `docker`; raises NotTaken with the sentence for the person."""
    if words[:2] in (["image", "ls"], ["image", "list"]):
        words = ["images", *words[2:]]
    elif words[:2] in (["image", "build"], ["buildx", "build"]):
        words = ["build", *words[2:]]
    if words[0] == "images":
        return _images(words[1:], facts)
    if words[0] == "build":
        return _build(words[1:], facts)
    raise NotTaken(
        f"I do not know `docker {words[0]}`. Of Docker I can list and build images; containers run in the cluster."
    )


def _images(words: list[str], facts: Facts) -> list[Step]:
    line = parse(words, flags("-a/--all"), facts)
    if len(line.words) > 1:
        raise NotTaken("Name one image at a time.")
    arguments = {"name": line.words[0]} if line.words else {}
    return [Step("list_images", arguments, "list the images of the Docker engine")]


def _build(words: list[str], facts: Facts) -> list[Step]:
    line = parse(words, flags("-t/--tag="), facts)
    if len(line.words) != 1 or not re.fullmatch(r"[\w./-]+", line.words[0]) or ".." in line.words[0].split("/"):
        raise NotTaken("docker build needs one folder of the workspace.")
    arguments: dict[str, Any] = {"path": line.words[0]}
    if "--tag" in line.flags:
        if wrong := check_image(line.one("--tag")):
            raise NotTaken(wrong.text)
        arguments["image"] = line.one("--tag")
    return [
        Step(
            "build_image",
            arguments,
            f"build an image from {arguments['path']}" + (f" as {arguments['image']}" if "image" in arguments else ""),
            True,
        )
    ]
