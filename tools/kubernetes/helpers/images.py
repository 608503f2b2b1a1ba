"""Which image a helper runs, and what in it can ask: never pulled from anywhere where the node has one that will do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tools.context import Context
from tools.errors import BadRequest
from tools.kubernetes.helpers.position import Position
from tools.kubernetes.look.related import visible

_SCRIPTS = {"python3": ("-c", "ask.py"), "node": ("-e", "ask.js"), "perl": ("-e", "ask.pl")}
# Images known by the last part of their name; Debian's carry Perl, and all with a userland can list files.
_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:python|netshoot|ansible)"), "python3"),
    (re.compile(r"node"), "node"),
    (re.compile(r"(?:debian|ubuntu|postgres|nginx|httpd|redis|mariadb|mysql|buildpack-deps|perl)"), "perl"),
)
_ALPINE = re.compile(r"alpine|busybox")
_USERLAND = re.compile(r"(?:alpine|busybox|centos|fedora|rockylinux|almalinux|amazonlinux|curl|toolbox)")


class Chosen(NamedTuple):
    """An image, the instruments that it is known to have (all, where that is not known), and the node that has it."""

    image: str
    instruments: tuple[str, ...]
    node: str = ""

    @property
    def sure(self) -> bool:
        return len(self.instruments) == 1


@cache
def script(instrument: str) -> str:
    """The text of the script for an interpreter."""
    return (Path(__file__).parent / "scripts" / _SCRIPTS[instrument][1]).read_text(encoding="utf-8")


def command(instrument: str) -> list[str]:
    """The argument list that runs the script; its own arguments follow."""
    return [instrument, _SCRIPTS[instrument][0], script(instrument)]


def script_name(argument: str) -> str:
    """The file that an argument is the text of, empty when it is something else."""
    return next((name for tool, (_, name) in _SCRIPTS.items() if argument == script(tool)), "")


def choose(ctx: Context, position: Position, image: str | None) -> Chosen:
    """The image given; else the pod's own if its name tells what is in it, one on the node, or the pod's own."""
    own = str(position.container.get("image") or "")
    if image:
        return Chosen(image, _instruments(image) or tuple(_SCRIPTS))
    if found := _instruments(own):
        return Chosen(own, found)
    if on_node := _on_nodes(ctx, position.node, _instruments):
        return on_node
    if own:
        return Chosen(own, tuple(_SCRIPTS))
    raise _nothing()


def choose_userland(ctx: Context, position: Position, image: str | None) -> Chosen:
    """An image that can list files."""
    own = str(position.container.get("image") or "")
    if image:
        return Chosen(image, ("ls",))
    if _userland(own):
        return Chosen(own, ("ls",))
    if found := _on_nodes(ctx, position.node, _userland):
        return found
    if own:
        return Chosen(own, ("ls",))
    raise _nothing()


def _nothing() -> BadRequest:
    return BadRequest(
        "No image on the nodes is known to have what is needed for this.", "Name one: with image python:3.13-slim."
    )


def _instruments(image: str) -> tuple[str, ...]:
    base, tag = _parts(image)
    found = next((tool for name, tool in _KNOWN if name.fullmatch(base)), "")
    if found == "perl" and _ALPINE.search(tag):
        return ()
    return (found,) if found else ()


def _userland(image: str) -> tuple[str, ...]:
    return ("ls",) if _instruments(image) or _USERLAND.fullmatch(_parts(image)[0]) else ()


def _parts(image: str) -> tuple[str, str]:
    """The last part of an image's name, and its tag."""
    base, _, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return base, tag


def _on_nodes(ctx: Context, node: str, fits: Callable[[str], tuple[str, ...]]) -> Chosen | None:
    """A known image that this node has already, or any node that takes pods where none is given."""
    nodes = visible(ctx, "nodes", None, fields=f"metadata.name={node}") if node else visible(ctx, "nodes", None)
    order = {tool: index for index, tool in enumerate(("ls", *_SCRIPTS))}
    found: list[tuple[int, Chosen]] = []
    for one in nodes:
        if not _takes_pods(one):
            continue
        for name in _names(one):
            if tools := fits(name):
                found.append((order[tools[0]], Chosen(name, tools, one["metadata"]["name"])))
    return min(found, key=lambda item: item[0])[1] if found else None


def _takes_pods(node: Mapping[str, Any]) -> bool:
    conditions: Iterable[Mapping[str, Any]] = (node.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


def _names(node: Mapping[str, Any]) -> Iterable[str]:
    for image in (node.get("status") or {}).get("images") or ():
        yield from (name for name in image.get("names") or () if "@" not in name)
