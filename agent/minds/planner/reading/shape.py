"""How an answer is wanted: its order, how many of it, counted by what, and in which form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_SIZES = (
    (r"memory|ram|mem(?:ory)? usage", "memory"), (r"cpu(?: usage)?", "cpu"), (r"restarts?", "restarts"),
    (r"replicas?|pods|instances?", "replicas"), (r"memory limits?", "memory limit"), (r"cpu limits?", "cpu limit"),
    (r"memory requests?", "memory request"), (r"cpu requests?", "cpu request"), (r"age", "age"), (r"names?", "name"),
    (r"sizes?|storage|capacity", "size"), (r"containers", "containers"), (r"endpoints", "endpoints"),
    (r"creation(?: time| date)?|created", "age"), (r"namespaces?", "namespace"), (r"status", "status"),
)  # fmt: skip
_ANY_SIZE = "|".join(sorted((pattern for pattern, _ in _SIZES), key=len, reverse=True))
_USAGE = r"(?: (?:usage|use|consumption|used))?"
_PER = (
    (r"namespaces?", "namespace"), (r"nodes?", "node"), (r"status|state|phase", "status"), (r"image", "image"),
    (r"registr(?:y|ies)", "registry"), (r"type", "type"), (r"storage ?class", "class"), (r"team", "label team"),
)  # fmt: skip
_SMALL = r"fewest|least|lowest|smallest|less"


@dataclass
class Shape:
    """Arguments of `list_objects`; `rest` is the text without the words for them."""

    rest: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: bool = False

    def cut(self, pattern: str) -> re.Match[str] | None:
        """Cut out the first match."""
        found = re.search(pattern, self.rest, re.IGNORECASE)
        if found:
            self.rest = f"{self.rest[: found.start()]} {self.rest[found.end() :]}".strip()
        return found


_VIOLATING = re.compile(
    r"[.,;:-]* ?\b(?:and )?(?:(?:list|show|report|print|find|give|tell)(?: me)? )?(?:(?:all|the|any) )*"
    r"(?:violations?|offenders?|(?:those|what|which|who)(?: ones?)?(?: that)? violates? (?:this|it|that))\b",
    re.IGNORECASE,
)
_TELL = (
    r"(?:[.,;:]? ?(?:and )?(?:please )?(?:(?:answer|print|output|report|give|write|list|show|return|tell|respond|reply"
    r"|format)(?: me| it| them| the (?:answer|result|list))?(?: with| back)? )?)"
)
_EACH = (
    r"(?:(?:one|1|a|single) lines?(?: (?:per|for (?:each|every)) [a-z]+(?: of them)?)?(?=[^\w]|$)"
    r"|each on (?:its|their) own line)"
)
_TEMPLATE = r"(?P<line>[^\"'`\n]*[<{](?:name|kind|namespace|why|reason)[>}][^\"'`\n]*)"
_LINES = rf"{_TELL}(?:as |with )?{_EACH}(?:(?: in the form| like(?: this)?| as)?:? ?[\"'`]?{_TEMPLATE}[\"'`]?)?"
_NAMES = r"(?:(?:only|just|nothing but) (?:the |their |its )?names?\b|names only\b|by name only\b)"
_NAMES_OF = r"^(?:(?:give me|show me|list|show|what are|tell me) )?the names of (?:all )?(?:the )?"
_FORMAT = r"(?:as|in) (?:a |an )?(?P<form>json|yaml|table)(?: format| form| list| array)?\b"


def find_shape(text: str) -> Shape:
    """The wanted form of an answer, read from the whole message."""
    shape = Shape(text)
    _form(shape)
    shape.cut(_VIOLATING.pattern)
    _groups(shape)
    _order(shape)
    return shape


def _form(shape: Shape) -> None:
    if found := shape.cut(_LINES):
        shape.arguments["form"] = "lines"
        if found["line"]:
            shape.arguments["line"] = found["line"].strip().rstrip(".")
    elif shape.cut(_TELL + _NAMES) or shape.cut(_NAMES_OF):
        shape.arguments["form"] = "names"
    elif found := shape.cut(_TELL + _FORMAT):
        shape.arguments["form"] = found["form"].lower()
    shape.asked = bool(shape.arguments) and shape.arguments.get("form") != "yaml"


_EVERY = (
    r"(?:,? ?(?:and )?(?:group(?:ed)? (?:them )?)?)"
    r"(?:per|broken down by|by|for each|for every|in each|in every|on each|on every) (?:the )?"
)
_ENDS = r"\b(?= *(?:$|[.?!,]| (?:in|of|for|with|without|are|do|have|is)\b))"


def _groups(shape: Shape) -> None:
    for pattern, by in _PER:
        if not re.search(r"\b(?:how many|count|number of|group|broken down)\b", shape.rest, re.IGNORECASE):
            return
        if shape.cut(f"{_EVERY}(?:{pattern}){_ENDS}"):
            shape.arguments |= {"count": True, "per": by}
            shape.asked = True
            return


def _order(shape: Shape) -> None:
    size = rf"(?P<size>{_ANY_SIZE}){_USAGE}"
    up = r"(?P<up>,? ?(?:ascending|(?:lowest|smallest|fewest|least) first|in ascending order))?"
    down = r"(?:,? ?(?:descending|(?:highest|largest|biggest|most) first))?"
    sort = r"(?:,? ?(?:and )?(?:sort(?:ed|ing)?|order(?:ed)?|rank(?:ed)?)(?: them| the list)? by )"
    most = rf"(?P<way>most|highest|largest|biggest|{_SMALL})"
    if found := shape.cut(rf"{sort}(?:the |their |number of |most |highest )*{size}\b{down}{up}"):
        _by(shape, found["size"], up=bool(found["up"]))
    elif found := shape.cut(rf"\btop (?P<n>\d+)(?= )(?=.*\bby {size}\b)"):
        shape.cut(rf"\bby (?:the |their )?{size}\b")
        _by(shape, found["size"], up=False, limit=int(found["n"]))
    elif found := shape.cut(rf"\bby (?:number of )?{size}(?= *(?:$|[.?!]))"):
        _by(shape, found["size"], up=False)
    elif found := shape.cut(
        r"\b(?:has |have )?(?:been )?restart(?:s|ed|ing)? (?:the )?(?P<way>most|least)(?: often)?\b"
    ):
        _by(shape, "restarts", up=found["way"].lower() == "least", limit=_how_many(shape))
    elif found := shape.cut(rf"\b(?:with|has|have|having) (?:the )?{most} (?:number of )?{size}\b"):
        small = re.fullmatch(_SMALL, found["way"], re.IGNORECASE) is not None
        _by(shape, found["size"], up=small, limit=_how_many(shape))
    elif re.search(r"\b(?:deployments?|statefulsets?|daemonsets?|services?)\b", shape.rest, re.IGNORECASE) and (
        found := shape.cut(rf"\b(?:uses?|using|consumes?|consuming|needs?|eats?) (?:the )?most {size}\b")
    ):
        _by(shape, found["size"], up=False, limit=_how_many(shape))


def _how_many(shape: Shape) -> int:
    """ "which pod": one; "which 3 pods": three; "which pods": the first few."""
    found = re.search(r"\b(?:the|which|what|show|list|top) (\d+) ", f"{shape.rest} ", re.IGNORECASE)
    if found:
        shape.rest = shape.rest[: found.start(1)] + shape.rest[found.end(1) :].lstrip()
        return int(found[1])
    return (
        1
        if re.search(r"\b(?:which|what|the|find|show) (?:\w+ )?(?:[a-z]*[^s\W])(?: |$)", shape.rest.split(" in ")[0])
        else 10
    )


def _by(shape: Shape, words: str, *, up: bool, limit: int = 0) -> None:
    name = next(name for pattern, name in _SIZES if re.fullmatch(pattern, words, re.IGNORECASE))
    plain = name in ("age", "name", "namespace", "status")
    shape.arguments["sort_by"] = name if up or plain else f"-{name}"
    if limit:
        shape.arguments["limit"] = limit
    shape.asked = shape.asked or not plain or bool(limit)
