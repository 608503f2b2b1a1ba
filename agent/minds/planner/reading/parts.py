"""The parts of a sentence that can be told by their form: numbers with a role, images, pairs, ports, times, places.

What was found is blanked out, so that the next finder does not read it a second time; positions stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from agent.minds.planner.reading.numbers import COUNTS, PORTS, VERSIONS, Use
from agent.minds.planner.reading.quantities import Amount, amounts

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
    percent_is_goal: bool = False
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
    # of "from 256Mi to 512Mi" only the new value counts; bare numbers may be a range
    parts.take(r"\bfrom (?!\d+ )\S+(?: (?:[kmg]i?b?|mb|gb|cores?|cpus?))?(?= to \S)", lambda _: None)
    for finder in FINDERS:
        finder(parts)
    return parts


_QUOTED = r"(?:\"([^\"]+)\"|'([^']+)'|`([^`]+)`|([\w./:@-]+))"
_SEARCHING = (
    r"(?:that |which )?(?:contain(?:s|ing)?|match(?:es|ing)?|mention(?:s|ing)?|grep(?:ping)?(?: for)?"
    r"|with the (?:words?|text|string))(?: the (?:words?|text|string))?|(?:filter(?:ed)?|search)(?: (?:by|for|on))?"
)
_SORTED = r"\b(?:sort(?:ed|ing)?|order(?:ed)?|rank(?:ed)?) (?:them )?by (?:the |their |number of |most )?(-?[\w.]+)"


def _searches(parts: Parts) -> None:
    def grep(match: re.Match[str]) -> None:
        parts.grep = next(group for group in match.groups() if group)

    parts.take(rf"\b(?:{_SEARCHING}) {_QUOTED}", grep)
    parts.take(r"\bfor \"([^\"]+)\"", grep)
    parts.take(_SORTED, lambda match: setattr(parts, "sort", match[1].lower()))


def _pairs(parts: Parts) -> None:
    """Selectors, NAME=value, and what is quoted."""

    def equals(match: re.Match[str]) -> None:
        value = next((value for value in match.groups()[1:] if value is not None), "")
        parts.pairs.append((match[1], value))

    parts.take(
        r"(?:\b(?:labels?|labell?ed|selector|matching) |-l )((?:[\w./-]+!?=[\w.-]+,?)+)(?=\s|$|[?.!])",
        lambda match: setattr(parts, "selector", match[1].strip(",")),
        group=1,
    )
    value = r"(?:\"([^\"]*)\"|'([^']*)'|([^\s,;]*[^\s,;.?!]|(?=\s|$)))"
    parts.take(rf"(?<![\w./-])(?!(?:cpu|memory|mem|ram)=)([A-Za-z_][\w./-]*)={value}", equals)
    parts.take(r"\"([^\"]+)\"|`([^`]+)`|(?<!\w)'([^']+)'", lambda m: parts.quoted.append(m[1] or m[2] or m[3]))


_IMAGE = (
    r"(?<![\w/:.=@-])((?:[a-z0-9][\w.-]*(?::\d+)?/)*[a-z0-9][\w.-]*(?::\w[\w.-]*)?@sha\d+:\w+"
    r"|(?:[a-z0-9][\w.-]*(?::\d+)?/)*[a-z0-9][\w.-]*:(?!\d+\b(?<=:80)|/)[\w][\w.-]*(?:@sha256:[0-9a-f]+)?"
    r"|(?:[a-z0-9][\w-]*\.[\w.-]+|localhost)(?::\d+)?/[\w./-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?)(?<![.?!,])"
)


def _words_with_marks(parts: Parts) -> None:
    """Words that give themselves away by their marks: chart paths, files, kind/name, images, CAPITALS."""
    parts.take(r"(?<!\S)((?:oci://|\./|\.\./|/)[\w./@-]+|charts/[\w./-]+)(?=[\s,;?!]|\.?$)", lambda m: _path(parts, m))
    parts.take(r"(?<!\S)([\w./-]+\.ya?ml)\b", lambda m: parts.files.append(m[1]))
    parts.take(rf"(?<![\w./:-])([a-z]+(?:\.[a-z0-9.-]+)?)/({NAME})(?![\w/:@])", lambda m: _slashed(parts, m))
    after = r"\b(?:from|with|using|use|run) (?:the )?(?:docker |container )?image"
    other = r"(?!(?:of|for|tag|version|with|from|in|on|that)\b)"
    parts.take(rf"{after} {other}([^\s,;]*[^\s,;.?!])", lambda m: parts.images.append(m[1]), group=1)
    parts.take(_IMAGE, lambda m: parts.images.append(m[1]))
    link = r"(?:\bto\b|\bas\b|\bwith(?: the)? value\b|:|\bis\b|\bequal to\b)"
    setting = rf"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{{3,}}[0-9]*)\s*{link}\s*(\S*[^\s.,;!?])"
    parts.take(setting, lambda m: _setting(parts, m), 0)
    named = rf"\b(?:variable|env var|env)\s+([A-Za-z_]\w*)\s*{link}\s*(\S*[^\s.,;!?])"
    parts.take(named, lambda m: _setting(parts, m))
    parts.take(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", lambda m: parts.capitals.append(m[1]), 0)
    lead = r"(?i:\b(?:unset|env(?:ironment)?(?: var(?:iable)?)?s?|variables?))\s+"
    parts.take(rf"{lead}([A-Z][A-Z0-9]+)\b", lambda m: parts.capitals.append(m[1]), 0, 1)


def _setting(parts: Parts, match: re.Match[str]) -> object:
    if match[1] in ("CPU", "RAM", "PVC", "HPA", "PDB", "API"):
        return False
    value = match[2].strip("\"'`")
    return parts.settings.append((match[1], value or parts.quoted.pop(0) if parts.quoted else value))


def _path(parts: Parts, match: re.Match[str]) -> None:
    word = match[1].rstrip("/.")
    (parts.files if word.endswith((".yaml", ".yml")) else parts.charts).append(word)


def _slashed(parts: Parts, match: re.Match[str]) -> object:
    from agent.minds.planner.reading.lexicon import lexicon

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


_NO_NAMESPACE = frozenset("all every any each the a named called same this that which".split())
_NO_CONTAINER = frozenset("the a crashed failed previous each every docker main which per".split())
_EVERYWHERE = (
    r"(?:\b(?:in|across|from|over|for|of|on) )?\b(?:all|every|each|any) (?:of )?(?:the |my )?namespaces?\b"
    r"|(?<!\S)(?:-A|--all-namespaces)(?!\S)|\bcluster[- ]?wide\b|\bacross namespaces\b|\bevery ?where\b|\bany ?where\b"
    r"|\b(?:in|across|on|over|of) (?:the )?(?:whole|entire|all the|complete) cluster\b"
)

_ALL_OF_THEM = re.compile(  # here the namespaces are what is asked for, not where to look
    r"\W*(?:list|show|get|display|print|count|what are|which are)(?: me)? (?:all|every|each)(?: of)?(?: the| my)? "
    r"(?:namespaces?|ns)\W*"
)


def _places(parts: Parts) -> None:
    def namespace(match: re.Match[str]) -> bool:
        if match[1].lower() in _NO_NAMESPACE:
            return False
        parts.namespace = match[1]
        return True

    if not _ALL_OF_THEM.fullmatch(parts.rest.lower()):
        parts.take(_EVERYWHERE, lambda _: setattr(parts, "all_namespaces", True))
    parts.take(rf"(?<!\S)(?:-n|--namespace)[ =]*(?!\d+(?:\s|$))({NAME})", namespace)
    parts.take(rf"\b{_BEFORE} (?:the |my |our )?({NAME}) (?:namespace|ns)\b", namespace)
    parts.take(rf"\b{_BEFORE} (?:the |my |our )?(?:namespace|ns)(?: called| named)? ({NAME})", namespace)
    parts.take(rf"(?:\b(?:using|with|use)|[,(]) ?(?:the )?namespace[ :=]+({NAME})", namespace)
    where = rf"\b(in|into|within|inside|under|across|on|to|for|from|of) (?:the |my |our )?({NAME})(?=$|[\s,.;!?])"
    for match in re.finditer(where, parts.rest, re.IGNORECASE):
        if match[2].lower() not in _NOT_A_PLACE and not match[2][0].isdigit():
            parts.places.append((match[1].lower(), match[2].lower()))


def _containers(parts: Parts) -> None:
    def container(match: re.Match[str]) -> bool:
        if match[1].lower() in _NO_CONTAINER:
            return False
        parts.container = match[1]
        return True

    parts.take(rf"\bcontainer(?: called| named)? ({NAME})", container)
    parts.take(rf"\b(?:the )?({NAME}) container\b", container)
    naming = r"(?:named|called|name it|call it|as release|release name|as (?:a )?service)"
    parts.take(rf"\b{naming} ({NAME})", lambda match: setattr(parts, "named", match[1]))


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
        r"\b(?:the )?(?:last|latest|final|bottom|recent|newest|tail)\s+(\d+)\s*(?:log )?"
        r"(?:lines?|rows?|entries|messages)?(?!\s*(?:pod|replica|cpu))\b",
        tail,
    )
    parts.take(r"\b(\d+)\s+(?:log )?lines?\b(?: of)?", tail)
    parts.take(r"(?:--tail[ =]|(?<!\S)-n ?)(\d+)(?!\S)", tail)


def _amounts(parts: Parts) -> None:
    parts.amounts = amounts(parts.rest)
    for amount in parts.amounts:
        start, end = amount.span
        parts.rest = parts.rest[:start] + " " * (end - start) + parts.rest[end:]


def _numbers(table: tuple[tuple[str, Use], ...]) -> Callable[[Parts], None]:
    def finder(parts: Parts) -> None:
        for pattern, use in table:
            parts.take(pattern, partial(use, parts))

    return finder


FINDERS = (
    _searches, _pairs, _words_with_marks, _places, _containers, _times, _numbers(VERSIONS), _numbers(PORTS), _amounts,
    _numbers(COUNTS),
)  # fmt: skip
