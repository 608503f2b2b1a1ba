"""Which words of an order are about which container: "with an init container … and a sidecar named log …"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent.minds.planner.drafts.data import words
from agent.minds.planner.drafts.fragments import Text, compiled

Object = dict[str, Any]
_MARK = compiled(
    r"(?:(?:an?|the|one|another|second|additional|extra|main|1|with|plus|also|first) )*"
    r"(?P<role>init(?:iali[sz]ation)?[ -]?containers?|side ?-?cars?(?: containers?)?|containers?)"
    r"(?:(?: called| named)? [\"'`]?{name}[\"'`]?(?=\s|$|[,;:]))?"
)[0]
_NAMED = (
    r"(?:(?:one|a|an|the) )?(?:(?:container )?(?:called|named) )?[\"'`]?(?P<{0}>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)[\"'`]?"
)
_RUNS = (
    r",?\s+(?:(?:that|which) )?(?:(?:using|uses|with|from|running|runs|based on)\s+)(?:(?:the )?image )?(?=[a-z0-9])"
)
_LIST = re.compile(
    rf"(?:with |of |and |has |having )?(?:the )?(?:\d+ )?containers\b:?,?\s+(?P<first>{_NAMED.format('a')}){_RUNS}",
    re.IGNORECASE,
)
_ONE = re.compile(
    rf"(?:and |, ?)?(?<![\w=:/-]){_NAMED.format('name')}(?={_RUNS})(?!\s+with (?!image|the image))", re.IGNORECASE
)


@dataclass(frozen=True)
class Part:
    """The container, already in its place in the pod, and the stretch of text about it."""

    container: Object
    span: tuple[int, int]


def parts_of(said: Text, pods: Object, name: str) -> list[Part]:
    """Each container that is spoken of; words before the first mark are about the main one."""
    if listed := _LIST.search(said.rest):
        return _listed(said, pods, listed)
    marks = [mark for mark in _MARK.finditer(said.rest) if not _only_a_word(mark)]
    edges = [mark.start() for mark in marks] + [len(said.rest)]
    main = _container(pods, "containers", "")
    parts, main_said = [Part(main, (0, edges[0]))], False
    for index, mark in enumerate(marks):
        role, called = mark["role"].lower(), (mark["name"] or "").lower()
        if called in words("not-names"):
            called = ""
        if not _extra(mark) and not main_said:
            container, main_said = main, True
            container.update({"name": called} if called else {})
        else:
            field = "initContainers" if role.startswith(("init", "side")) else "containers"
            container = _container(pods, field, called or _default(role, index))
        if role.startswith("side"):
            container["restartPolicy"] = "Always"  # a sidecar starts before the others and ends after them
        end = mark.end("name") if called else mark.end("role")
        said.take((mark.start(), end))
        parts.append(Part(container, (end, edges[index + 1])))
    return parts


def _listed(said: Text, pods: Object, lead: re.Match[str]) -> list[Part]:
    """ "two containers: web using nginx and log using busybox": each from its name to the next."""
    said.take((lead.start(), lead.start("first")))
    heads = list(_ONE.finditer(said.rest, lead.start("first")))
    edges = [head.start() for head in heads] + [len(said.rest)]
    parts: list[Part] = []
    for index, head in enumerate(heads):
        said.take((head.start(), head.end("name")))
        parts.append(Part(_container(pods, "containers", head["name"].lower()), (head.end("name"), edges[index + 1])))
    return parts


def _only_a_word(mark: re.Match[str]) -> bool:
    return mark["role"].lower() == "containers"


def _extra(mark: re.Match[str]) -> bool:
    """Whether the mark speaks of one more container rather than of the only one."""
    lead = mark[0][: mark.start("role") - mark.start()].lower()
    return mark["role"].lower() != "container" or bool(re.search(r"\b(?:another|second|additional|extra)\b", lead))


def _default(role: str, index: int) -> str:
    return "init" if role.startswith("init") else "sidecar" if role.startswith("side") else f"container-{index + 1}"


def _container(pods: Object, field: str, name: str) -> Object:
    container: Object = {"name": name} if name else {}
    pods.setdefault(field, []).append(container)
    return container
