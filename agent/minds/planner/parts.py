"""The parts of a sentence that can be told by their form: numbers with a role, images, pairs, ports, times, places.

What was found is blanked out, so that the next finder does not read it a second time; positions stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from agent.minds.planner.quantities import Amount, amounts

NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"


@dataclass
class Parts:
    """What the finders found. `rest` is the text with it blanked out."""

    rest: str = ""
    quoted: list[str] = field(default_factory=list[str])
    pairs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    settings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    capitals: list[str] = field(default_factory=list[str])
    slashed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    images: list[str] = field(default_factory=list[str])
    charts: list[str] = field(default_factory=list[str])
    files: list[str] = field(default_factory=list[str])
    amounts: list[Amount] = field(default_factory=list[Amount])
    selector: str = ""
    namespace: str = ""
    all_namespaces: bool = False
    places: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    container: str = ""
    named: str = ""
    grep: str = ""
    sort: str = ""
    since: str = ""
    tail: int | None = None
    tag: str = ""
    revision: int | None = None
    ports: list[int] = field(default_factory=list[int])
    target_port: int | None = None
    range: tuple[int, int] | None = None
    percent: float | None = None
    factor: float | None = None
    count: int | None = None
    more: int | None = None
    by: int | None = None
    to: int | None = None
    numbers: list[int] = field(default_factory=list[int])

    def take(
        self, pattern: str, use: Callable[[re.Match[str]], object], flags: int = re.IGNORECASE, group: int = 0
    ) -> None:
        """Blank out every match (of it, the group) that `use` does not answer with False."""

        def blank(match: re.Match[str]) -> str:
            if use(match) is False:
                return match[0]
            start, end = match.start(group) - match.start(), match.end(group) - match.start()
            return match[0][:start] + " " * (end - start) + match[0][end:]

        self.rest = re.sub(pattern, blank, self.rest, flags=flags)


def find_parts(text: str) -> Parts:
    """All parts of one clause (clean, with number words as digits)."""
    parts = Parts(rest=text)
    for finder in (_quoted, _words_with_marks, _places, _times, _versions, _ports, _amounts, _counts):
        finder(parts)
    return parts


def _quoted(parts: Parts) -> None:
    def grep(match: re.Match[str]) -> None:
        parts.grep = match[1] or match[2] or match[3] or match[4]

    searching = r"(?:that |which )?(?:contain(?:s|ing)?|match(?:es|ing)?|mention(?:s|ing)?|grep(?:ping)?(?: for)?|with the (?:words?|text|string))"
    parts.take(
        rf"\b{searching} (?:the (?:words?|text|string) )?(?:\"([^\"]+)\"|'([^']+)'|`([^`]+)`|([\w./:@-]+))", grep
    )
    parts.take(r"\bfor \"([^\"]+)\"()()()", grep)
    parts.take(r"\b(?:filter(?:ed)?|search)(?: (?:by|for|on))? (?:\"([^\"]+)\"|'([^']+)'|`([^`]+)`|([\w./:@-]+))", grep)
    pair = r"(?<![\w./-])([A-Za-z_][\w./-]*)=(?:\"([^\"]*)\"|'([^']*)'|([^\s,;]*[^\s,;.?!]|(?=\s|$)))"

    def equals(match: re.Match[str]) -> None:
        value = next((value for value in match.groups()[1:] if value is not None), "")
        parts.pairs.append((match[1], value))

    parts.take(
        r"(?:\b(?:labels?|labell?ed|selector|matching) |-l )((?:[\w./-]+!?=[\w.-]+,?)+)(?=\s|$|[?.!])",
        lambda m: _select(parts, m),
        group=1,
    )
    parts.take(pair, equals)
    parts.take(r"\"([^\"]+)\"|`([^`]+)`|(?<!\w)'([^']+)'", lambda m: parts.quoted.append(m[1] or m[2] or m[3]))

    parts.take(
        r"\b(?:sort(?:ed|ing)?|order(?:ed)?|rank(?:ed)?) (?:them )?by (?:the |their |number of |most )?(-?[\w.]+)",
        lambda m: setattr(parts, "sort", m[1].lower()),
    )


def _select(parts: Parts, match: re.Match[str]) -> None:
    parts.selector = match[1].strip(",")


_IMAGE = (
    r"(?<![\w/:.=-])((?:[a-z0-9][\w.-]*(?::\d+)?/)*[a-z0-9][\w.-]*:(?!\d+\b(?<=:80)|/)[\w][\w.-]*(?:@sha256:[0-9a-f]+)?"
    r"|(?:[a-z0-9][\w-]*\.[\w.-]+|localhost)(?::\d+)?/[\w./-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?)(?<![.?!,])"
)


def _words_with_marks(parts: Parts) -> None:
    """Words that give themselves away by their marks: chart paths, files, kind/name, images, CAPITALS."""
    parts.take(r"(?<!\S)((?:oci://|\./|\.\./|/)[\w./@-]+|charts/[\w./-]+)(?=[\s,;?!]|\.?$)", lambda m: _path(parts, m))
    parts.take(r"(?<!\S)([\w./-]+\.ya?ml)\b", lambda m: parts.files.append(m[1]))
    parts.take(rf"(?<![\w./:-])([a-z]+(?:\.[a-z0-9.-]+)?)/({NAME})(?![\w/:@])", lambda m: _slashed(parts, m))
    parts.take(_IMAGE, lambda m: parts.images.append(m[1]))
    setting = r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{3,}[0-9]*)\s*(?:\bto\b|\bas\b|\bwith(?: the)? value\b|:|\bis\b|\bequal to\b)\s*(\S*[^\s.,;!?])"
    parts.take(setting, lambda m: _setting(parts, m), 0)
    parts.take(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", lambda m: parts.capitals.append(m[1]), 0)


def _setting(parts: Parts, match: re.Match[str]) -> object:
    if match[1] in ("CPU", "RAM", "PVC", "HPA", "PDB", "API"):
        return False
    value = match[2].strip("\"'`")
    return parts.settings.append((match[1], value or parts.quoted.pop(0) if parts.quoted else value))


def _path(parts: Parts, match: re.Match[str]) -> None:
    word = match[1].rstrip("/.")
    (parts.files if word.endswith((".yaml", ".yml")) else parts.charts).append(word)


def _slashed(parts: Parts, match: re.Match[str]) -> object:
    from agent.minds.planner.lexicon import lexicon

    kinds = [sense.concept for sense in lexicon().lookup((match[1].lower(),)) if sense.section == "kind"]
    kind = kinds[0] if kinds else "deployment" if match[1].lower() == "deploy" else ""
    return parts.slashed.append((kind, match[2])) if kind else False


_BEFORE = r"(?:in|from|on|into|to|of|for|within|inside|under|across|at)"
_NOT_A_PLACE = {
    "the", "a", "an", "my", "our", "this", "that", "it", "them", "last", "past", "all", "every", "total", "general",
    "detail", "details", "order", "case", "use", "production-ready", "parallel", "advance", "time", "fact", "cluster",
    "kubernetes", "k8s", "here", "there", "which", "what", "place", "yaml", "json", "crashloop", "crashloopbackoff",
    "trouble", "half", "each", "any", "pending", "kilobytes", "one", "ones", "docker", "helm", "minikube", "logs",
    "log", "events", "history", "me", "you", "us", "addition", "turn", "full", "short", "brief", "sequence", "pods",
    "bad", "good", "error", "english", "service", "deployment", "pod",
}  # fmt: skip


def _places(parts: Parts) -> None:
    def namespace(match: re.Match[str]) -> object:
        if match[1].lower() in (
            "all",
            "every",
            "any",
            "each",
            "the",
            "a",
            "named",
            "called",
            "same",
            "this",
            "that",
            "which",
        ):
            return False
        parts.namespace = match[1]
        return True

    def everywhere(_: re.Match[str]) -> None:
        parts.all_namespaces = True

    parts.take(
        r"(?:\b(?:in|across|from|over|for|of|on) )?\b(?:all|every|each|any) (?:of )?(?:the |my )?namespaces?\b|(?<!\S)(?:-A|--all-namespaces)(?!\S)"
        r"|\bcluster[- ]?wide\b|\b(?:in|across|on|over|of) (?:the )?(?:whole|entire|all the|complete) cluster\b|\bacross namespaces\b|\beverywhere\b|\bany ?where\b",
        everywhere,
    )  # fmt: skip
    parts.take(rf"(?<!\S)(?:-n|--namespace)[ =]*({NAME})", namespace)
    parts.take(rf"\b{_BEFORE} (?:the |my |our )?({NAME}) (?:namespace|ns)\b", namespace)
    parts.take(rf"\b{_BEFORE} (?:the |my |our )?(?:namespace|ns)(?: called| named)? ({NAME})", namespace)
    parts.take(rf"\b(?:using|with|use) (?:the )?namespace ({NAME})", namespace)
    parts.take(rf"\bcontainer(?: called| named)? ({NAME})", lambda m: setattr(parts, "container", m[1]))
    parts.take(rf"\b(?:the )?({NAME}) container\b", lambda m: _container(parts, m))
    parts.take(
        rf"\b(?:named|called|name it|call it|as release|release name) ({NAME})", lambda m: setattr(parts, "named", m[1])
    )
    for match in re.finditer(
        rf"\b(in|into|within|inside|under|across|on|to|for|from|of) (?:the |my |our )?({NAME})(?=$|[\s,.;!?])",
        parts.rest,
        re.I,
    ):
        if match[2].lower() not in _NOT_A_PLACE and not match[2][0].isdigit():
            parts.places.append((match[1].lower(), match[2].lower()))


def _container(parts: Parts, match: re.Match[str]) -> object:
    if match[1].lower() in (
        "the",
        "a",
        "crashed",
        "failed",
        "previous",
        "each",
        "every",
        "docker",
        "main",
        "which",
        "per",
    ):
        return False
    parts.container = match[1]
    return True


_SECONDS = r"s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?"


def _times(parts: Parts) -> None:
    def since(match: re.Match[str]) -> None:
        number, unit = int(match[1] or 1), match[2][0].lower()
        parts.since = {"d": f"{24 * number}h", "w": f"{168 * number}h"}.get(unit, f"{number}{unit}")

    parts.take(
        rf"(?:\b(?:in|from|over|during|for|within|of) )?(?:\bthe )?\b(?:last|past|previous)\s+(\d+)?\s*({_SECONDS})\b",
        since,
    )
    parts.take(rf"(?<!\w)(?:--)?\bsince[ =]+(?:the last )?(\d+)?\s*({_SECONDS})\b(?: ago)?", since)
    parts.take(rf"\b(\d+)\s*({_SECONDS}) ago\b", since)
    parts.take(r"\b(?:since )?(?:yesterday|today|this morning)()\b", lambda m: setattr(parts, "since", "24h"))

    def tail(match: re.Match[str]) -> None:
        parts.tail = int(match[1])

    parts.take(
        r"\b(?:the )?(?:last|latest|final|bottom|recent|newest|tail)\s+(\d+)\s*(?:log )?(?:lines?|rows?|entries|messages)?(?!\s*(?:pod|replica|cpu))\b",
        tail,
    )
    parts.take(r"\b(\d+)\s+(?:log )?lines?\b(?: of)?", tail)
    parts.take(r"--tail[ =](\d+)", tail)


def _versions(parts: Parts) -> None:
    parts.take(
        r"\b(?:revision|rev|generation)\s*(?:number |no\.? ?|#)?(\d+)\b|#(\d+)\b",
        lambda m: setattr(parts, "revision", int(m[1] or m[2])),
    )
    tagged = r"\b(?:version|tag|tagged|release|build)(?: (?:to|as|is|of))?\s*[:=]?\s*(v?\d[\w.-]*\w|\d|latest|stable|edge|main|master|dev|[0-9a-f]{7,40}|v\d+)(?![\w=])"
    parts.take(tagged, lambda m: setattr(parts, "tag", m[1]))
    parts.take(
        r"(?<![\w./:=-])(v\d+(?:\.\d+)*(?:-[\w.]+)?|\d+\.\d+\.\d+(?:-[\w.]+)?|\d+\.\d+-[a-z][\w.]*)(?![\w:/])",
        lambda m: _tag(parts, m),
    )
    parts.take(
        r"\b(?:to|with|at|using|on|use) (?:the )?(latest|stable|edge)(?: (?:version|tag|image|build))?\b",
        lambda m: _tag(parts, m),
    )


def _tag(parts: Parts, match: re.Match[str]) -> object:
    if parts.tag:
        return False
    parts.tag = match[1]
    return True


def _ports(parts: Parts) -> None:
    def both(match: re.Match[str]) -> None:
        parts.ports.append(int(match[1]))
        parts.target_port = int(match[2])

    def target(match: re.Match[str]) -> None:
        parts.target_port = int(match[1])

    between = r"(?:->|=>|:|(?:forward(?:ed|ing)? |map(?:ped|ping)? |rout(?:ed|ing) )?(?:to|onto)|targeting)"
    parts.take(rf"\b(?:ports? )(\d+)\s*{between}\s*(?:(?:container|target|pod)? ?port )?(\d+)\b", both)
    parts.take(r"(?<![\w.:/])(\d{2,5})\s*(?:->|=>|:)\s*(\d{2,5})(?![\w.:/])", both)
    parts.take(r"\b(?:target|container|pod)[- ]?port\s*(?:is |=|of |to |:)?\s*(\d+)\b", target)
    parts.take(
        r"\bport\s*(?:number |=|of |to |is |:)?\s*(\d+)\b|(?<!\S):(\d{2,5})\b",
        lambda m: parts.ports.append(int(m[1] or m[2])),
    )
    parts.take(r"\b(\d+) port\b", lambda m: parts.ports.append(int(m[1])))


def _amounts(parts: Parts) -> None:
    parts.amounts = amounts(parts.rest)
    for amount in parts.amounts:
        start, end = amount.span
        parts.rest = parts.rest[:start] + " " * (end - start) + parts.rest[end:]


_UNIT = r"(?:(?:more|extra|additional|healthy|running|new|fewer|less)\s+)?(?:replicas?|replics|replcias|pods?|instances?|copies|copy|repl)"
_FAR_UNIT = r"(?=\s+(?:(?!to\b|and\b|from\b|in\b|of\b|with\b)[\w-]+\s+){1,2}(?:replicas?|pods?|instances?|copies)\b)"
_FACTORS = {
    "half": 0.5, "a third": 1 / 3, "third": 1 / 3, "a quarter": 0.25, "quarter": 0.25, "double": 2, "twice": 2, "triple": 3,
    "quadruple": 4, "halve": 0.5, "thrice": 3,
}  # fmt: skip


def _counts(parts: Parts) -> None:
    def pair(match: re.Match[str]) -> None:
        parts.range = (int(match[1]), int(match[2]))

    parts.take(r"\bbetween (\d+) (?:and|to) (\d+)\b(?:\s*(?:replicas|pods|instances))?", pair)
    low, high = (
        r"(?:min(?:imum)?|at least|lower bound|--min)",
        r"(?:max(?:imum)?|at most|up to|upper bound|no more than|--max)",
    )
    glue = r"(?:\s+(?:of|is|to))?(?:\s+(?:replicas|pods))?\s*[=:]?\s*"
    unit = r"(?:\s*(?:replicas?|pods?|instances?))?"
    parts.take(rf"{low}{glue}(\d+){unit}\s*(?:,|and|but|with|to)?\s*(?:a )?{high}{glue}(\d+){unit}", pair)
    parts.take(r"(?<![\w.-])(\d+)\s*-\s*(\d+)\b(?!\.)(?:\s*(?:replicas|pods|instances))?", pair)
    parts.take(
        rf"{high}{glue}(\d+){unit}\s*(?:,|and|but|with)?\s*(?:a )?{low}{glue}(\d+){unit}",
        lambda m: setattr(parts, "range", (int(m[2]), int(m[1]))),
    )
    parts.take(
        r"(?<![\w.])([-+]?\d+(?:\.\d+)?)\s*(?:%|percent\b|per cent\b|pct\b)",
        lambda m: setattr(parts, "percent", float(m[1])),
    )
    parts.take(
        r"\bby (?:a )?(half|third|quarter)\b|\b(?:in|to) (half)\b|\bto (?:a )?(third|quarter)\b",
        lambda m: _fraction(parts, m),
    )
    parts.take(
        r"\b(double|twice|triple|quadruple|halve|thrice|half)(?:s|d)?\b(?! (?:a|an|1|of a) (?:core|cpu))",
        lambda m: _keep(parts, "factor", _FACTORS[m[1].lower()]),
    )
    parts.take(
        r"(?<!\w)(?:x(\d+)|(\d+)x|(\d+) times)\b(?: as (?:many|much))?",
        lambda m: setattr(parts, "factor", float(m[1] or m[2] or m[3])),
    )
    parts.take(
        r"\bfrom (\d+)(?: \w+)? (?:up |down )?to (\d+)\b(?:\s*(?:replicas|pods|instances|copies))?",
        lambda m: _from_to(parts, m),
    )
    sign = r"(-|minus |negative )?"
    parts.take(rf"\bby {sign}(\d+)\b(?:\s*(?:more )?{_UNIT}\b)?", lambda m: setattr(parts, "by", int(m[2])))
    parts.take(
        r"(?<![\w.])(\d+) (?:more|extra|additional|new)\b(?:\s+(?:replicas?|pods?|instances?|copies)\b)?|\b(\d+) (?:replicas?|pods?|instances?) more\b",
        lambda m: setattr(parts, "more", int(m[1] or m[2])),
    )
    parts.take(r"(?<![\w.])(\d+) to (\d+)\s+(?:replicas|pods|instances|copies)", pair)
    parts.take(
        r"(?<![\w.])(\d+) (?:fewer|less)\b(?:\s+(?:replicas?|pods?|instances?|copies))?",
        lambda m: setattr(parts, "more", -int(m[1])),
    )
    parts.take(rf"(?<![\w.]){sign}(\d+(?:\.\d+)?)\s*{_UNIT}\b", lambda m: _count(parts, m[1], m[2]))
    parts.take(rf"(?<![\w.=:-])(\d+){_FAR_UNIT}", lambda m: _count(parts, None, m[1]))
    parts.take(
        rf"\b(?:replicas?|replica ?count|instances|copies|pods)\s*(?:to|=|:|of|at|is|count(?: to| of)?|should be|down to|up to)\s*{sign}(\d+(?:\.\d+)?)\b(?!\.)",
        lambda m: _count(parts, m[1], m[2]),
    )
    parts.take(rf"\b(?:replicas?|instances|copies)\s+{sign}(\d+)\b(?!\.)", lambda m: _count(parts, m[1], m[2]))
    parts.take(
        rf"\b(?:to|at|down to|up to|back to|=)\s*(?:exactly |about |a total of )?{sign}(\d+(?:\.\d+)?)(?![\w./:-]*[\w])",
        lambda m: _to(parts, m[1], m[2]),
    )
    parts.take(r"(?<![\w./:=-])(\d+)(?![\w/:=-]|\.\w)", lambda m: parts.numbers.append(int(m[1])))
    parts.take(r"(?<![\w./:=])-(\d+)(?![\w./:=-])", lambda m: parts.numbers.append(-int(m[1])))


def _keep(parts: Parts, name: str, value: object) -> bool:
    """Note the value and leave the word standing, because it is a verb too."""
    setattr(parts, name, value)
    return False


def _fraction(parts: Parts, match: re.Match[str]) -> None:
    by, half, to = match.groups()
    share = _FACTORS[(by or half or to).lower()]
    parts.factor = share if (half or to or share == 0.5) else 1 - share
    parts.by = None


def _from_to(parts: Parts, match: re.Match[str]) -> None:
    parts.range = (int(match[1]), int(match[2]))
    parts.to = int(match[2])


def _whole(sign: str | None, digits: str) -> int:
    number = ceil(float(digits))
    return -number if sign else number


def _count(parts: Parts, sign: str | None, digits: str) -> object:
    if "." in digits:
        return False
    parts.count = _whole(sign, digits)
    return True


def _to(parts: Parts, sign: str | None, digits: str) -> object:
    if "." in digits:
        parts.tag = parts.tag or digits
        return True
    parts.to = _whole(sign, digits)
    return True
