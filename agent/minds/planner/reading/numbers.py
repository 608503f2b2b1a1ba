"""Numbers of a sentence by their role: revisions, versions, ports, ranges, shares, counts. See `parts`."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.minds.planner.reading.parts import Parts

Use = Callable[["Parts", re.Match[str]], object]

_UNIT = r"(?:replicas?|replics|replcias|pods?|instances?|copies|copy)"
_MANY = r"(?:\s*(?:replicas|pods|instances|copies))?"
_ADJECTIVE = r"(?:(?:more|extra|additional|healthy|running|new|fewer|less)\s+)?"
_FAR_UNIT = r"(?=\s+(?:(?!to\b|and\b|from\b|in\b|of\b|with\b)[\w-]+\s+){1,2}(?:replicas?|pods?|instances?|copies)\b)"
_LOW = r"(?:min(?:imum)?|at least|lower bound|--min)"
_HIGH = r"(?:max(?:imum)?|at most|up to|upper bound|no more than|--max)"
_GLUE = r"(?:\s+(?:of|is|to))?(?:\s+(?:replicas|pods))?\s*[=:]?\s*"
_JOIN = r"(?:\s*(?:replicas?|pods?|instances?))?\s*(?:,|and|but|with|to)?\s*(?:a )?"
_SIGN = r"(-|minus |negative )?"
_FACTORS = {
    "half": 0.5, "third": 1 / 3, "quarter": 0.25, "double": 2.0, "twice": 2.0, "triple": 3.0, "quadruple": 4.0,
    "halve": 0.5, "thrice": 3.0,
}  # fmt: skip


def _range(parts: Parts, match: re.Match[str]) -> None:
    parts.range = (int(match[1]), int(match[2]))


def _reversed_range(parts: Parts, match: re.Match[str]) -> None:
    parts.range = (int(match[2]), int(match[1]))


def _percent(parts: Parts, match: re.Match[str]) -> None:
    parts.percent = float(match[1])
    parts.percent_is_goal = match.string[: match.start()].rstrip().endswith((" to", " at"))


def _fraction(parts: Parts, match: re.Match[str]) -> None:
    by, half, to = match.groups()
    share = _FACTORS[(by or half or to).lower()]
    parts.factor = 1 - share if by else share


def _factor(parts: Parts, match: re.Match[str]) -> bool:
    """Note the factor and leave the word standing, because it is a verb too."""
    parts.factor = _FACTORS[match[1].lower()]
    return False


def _times(parts: Parts, match: re.Match[str]) -> None:
    """ "x3" is a count, "3x" and "3 times" are factors."""
    if match[1]:
        parts.count = int(match[1])
    else:
        parts.factor = float(match[2] or match[3])


def _from_to(parts: Parts, match: re.Match[str]) -> None:
    _range(parts, match)
    parts.to = int(match[2])


def _by(parts: Parts, match: re.Match[str]) -> None:
    parts.by = _whole(match[1], match[2])


def _more(parts: Parts, match: re.Match[str]) -> None:
    parts.more = int(match[1] or match[2])


def _fewer(parts: Parts, match: re.Match[str]) -> None:
    parts.more = -int(match[1])


def _whole(sign: str | None, digits: str) -> int:
    number = ceil(float(digits))
    return -number if sign else number


def _count(parts: Parts, match: re.Match[str]) -> bool:
    if "." in match[2]:
        return False
    parts.count = _whole(match[1], match[2])
    return True


def _to(parts: Parts, match: re.Match[str]) -> None:
    if "." in match[2]:
        parts.tag = parts.tag or match[2]
    else:
        parts.to = _whole(match[1], match[2])


def _bare(parts: Parts, match: re.Match[str]) -> None:
    parts.numbers.append(int(match[1]))


def _revision(parts: Parts, match: re.Match[str]) -> None:
    parts.revision = int(match[1] or match[2])


def _tag(parts: Parts, match: re.Match[str]) -> bool:
    if parts.tag:
        return False
    parts.tag = match[1]
    return True


def _port(parts: Parts, match: re.Match[str]) -> None:
    parts.ports.append(int(match[1] or match[2]))


def _target_port(parts: Parts, match: re.Match[str]) -> None:
    parts.target_port = int(match[1])


def _port_pair(parts: Parts, match: re.Match[str]) -> None:
    parts.ports.append(int(match[1]))
    parts.target_port = int(match[2])


_BETWEEN_PORTS = r"(?:->|=>|:|(?:forward(?:ed|ing)? |map(?:ped|ping)? |rout(?:ed|ing) )?(?:to|onto)|targeting)"
_TAG = r"(v?\d[\w.-]*\w|\d|latest|stable|edge|main|master|dev|[0-9a-f]{7,40}|v\d+)"

VERSIONS: tuple[tuple[str, Use], ...] = (
    (r"\b(?:revision|rev|generation)\s*(?:number |no\.? ?|#)?(\d+)\b|#(\d+)\b", _revision),
    (rf"\b(?:version|tag|tagged|release|build)(?: (?:to|as|is|of))?\s*[:=]?\s*{_TAG}(?![\w=])", _tag),
    (r"(?<![\w./:=-])(v\d+(?:\.\d+)*(?:-[\w.]+)?|\d+\.\d+\.\d+(?:-[\w.]+)?|\d+\.\d+-[a-z][\w.]*)(?![\w:/])", _tag),
    (r"\b(?:to|with|at|using|on|use) (?:the )?(latest|stable|edge)(?: (?:version|tag|image|build))?\b", _tag),
)
PORTS: tuple[tuple[str, Use], ...] = (
    (rf"\b(?:ports? )(\d+)\s*{_BETWEEN_PORTS}\s*(?:(?:container|target|pod)? ?port )?(\d+)\b", _port_pair),
    (r"(?<![\w.:/])(\d{2,5})\s*(?:->|=>|:)\s*(\d{2,5})(?![\w.:/])", _port_pair),
    (r"\b(?:target|container|pod)[- ]?port\s*(?:is |=|of |to |:)?\s*(\d+)\b", _target_port),
    (r"\bport\s*(?:number |=|of |to |is |:)?\s*(\d+)\b|(?<!\S):(\d{2,5})\b", _port),
    (r"\b(\d+) port\b()", _port),
)
COUNTS: tuple[tuple[str, Use], ...] = (
    (rf"\bbetween (\d+) (?:and|to) (\d+)\b{_MANY}", _range),
    (rf"{_LOW}{_GLUE}(\d+){_JOIN}{_HIGH}{_GLUE}(\d+){_MANY}", _range),
    (rf"(?<![\w.-])(\d+)\s*-\s*(\d+)\b(?!\.){_MANY}", _range),
    (rf"{_HIGH}{_GLUE}(\d+){_JOIN}{_LOW}{_GLUE}(\d+){_MANY}", _reversed_range),
    (r"(?<![\w.])([-+]?\d+(?:\.\d+)?)\s*(?:%|percent\b|per cent\b|pct\b)", _percent),
    (r"\bby (?:a )?(half|third|quarter)\b|\b(?:in|to) (half)\b|\bto (?:a )?(third|quarter)\b", _fraction),
    (r"\b(double|twice|triple|quadruple|halve|thrice|half)[sd]?\b(?! (?:a|an|1|of a) (?:core|cpu))", _factor),
    (r"(?<!\w)(?:x(\d+)|(\d+)x|(\d+) times)\b(?: as (?:many|much))?", _times),
    (rf"\bfrom (\d+)(?: \w+)? (?:up |down )?to (\d+)\b{_MANY}", _from_to),
    (rf"\bby {_SIGN}(\d+)\b(?:\s*{_ADJECTIVE}{_UNIT}\b)?", _by),
    (rf"(?<![\w.])(\d+) (?:more|extra|additional|new)\b(?:\s+{_UNIT}\b)?|\b(\d+) {_UNIT} more\b", _more),
    (r"(?<![\w.])(\d+) to (\d+)\s+(?:replicas|pods|instances|copies)", _range),
    (rf"(?<![\w.])(\d+) (?:fewer|less)\b(?:\s+{_UNIT})?", _fewer),
    (rf"(?<![\w.]){_SIGN}(\d+(?:\.\d+)?)\s*{_ADJECTIVE}{_UNIT}\b", _count),
    (rf"(?<![\w.=:-])()(\d+){_FAR_UNIT}", _count),
    (
        r"\b(?:replicas?|replica ?count|instances|copies|pods)\s*"
        rf"(?:to|=|:|of|at|is|count(?: to| of)?|should be|down to|up to)\s*{_SIGN}(\d+(?:\.\d+)?)\b(?!\.)",
        _count,
    ),
    (rf"\b(?:replicas?|instances|copies)\s+{_SIGN}(\d+)\b(?!\.)", _count),
    (
        r"\b(?:to|at|down to|up to|back to|=)\s*(?:exactly |about |a total of )?"
        rf"{_SIGN}(\d+(?:\.\d+)?)(?![\w./:-]*[\w])",
        _to,
    ),
    (r"(?<![\w./:=-])(\d+)(?![\w/:=-]|\.\w)", _bare),
    (r"(?<![\w./:=])(-\d+)(?![\w./:=-])", _bare),
)
