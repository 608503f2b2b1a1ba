"""Which objects are asked for, by a rule in words: without limits, more than 3 replicas, whose spec.size is 2.

What was read is cut out of the text, so that the rest (kind, namespace, names) is read without it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache

from tools.data import data_folder

_HAD = r"(?:have|has|having|had|with|defines?|sets?|uses?|using|specify|specifies|declares?|contains?)"
_NOT = (
    rf"(?:(?:do|does|did|are|is) not (?:yet )?{_HAD}(?: any)?|not {_HAD}|without|{_HAD} no|no|lack(?:s|ing)?"
    r"|miss(?:es|ing)?|omit(?:s|ting)?|forgot)"
)
_ARTICLE = r"(?:(?:any|an?|the|its|their|own|proper|explicit|kind of|both|either|neither|matching) )*"
_MORE = r"more than|over|above|greater than|larger than|bigger than|higher than|exceed(?:s|ing)?|beyond|>"
_LESS = r"fewer than|less than|below|under|smaller than|lower than|<"
_SIGN = rf"(?P<sign>{_MORE}|{_LESS}|at least|at most|no more than|up to|exactly|equal to|>=|<=|!=|=|not|other than)"
_VALUE = r"(?P<value>\d+(?:\.\d+)? ?(?:[kmgt]i?b?|m|cores?|cpus?|%)?(?![\w.])|once|twice|no|none)"
_WORD = r"(?P<value>[A-Za-z0-9][\w./:@-]*[\w]|[A-Za-z0-9])"
_KEY = r"(?!(?:any|all|the|an?|of|which|that|in|labels?|selectors?)\b)[A-Za-z0-9][\w./-]*\w"
_PATH = r"(\.?(?:spec|status|metadata|data)(?:\.[\w/-]+)+)"
_UNITS = {"kb": "k", "mb": "M", "gb": "G", "tb": "T", "kib": "Ki", "mib": "Mi", "gib": "Gi", "tib": "Ti",
          "ki": "Ki", "mi": "Mi", "gi": "Gi", "ti": "Ti", "g": "G",
          "k": "k", "t": "T", "m": "m", "": "", "%": "%"}  # fmt: skip
_PODS = (
    "pending",
    "completed",
    "evicted",
    "terminating",
    "imagepullbackoff",
    "crashloopbackoff",
    "oomkilled",
    "failed",
)


@dataclass
class Rule:
    """What was found; `rest` is the text without it."""

    rest: str
    kind: str = ""
    where: list[str] = field(default_factory=list[str])

    def take(self, pattern: str, use: object) -> None:
        """Cut out each match that `use` gives a condition for; what belongs to other kinds stays."""

        def cut(match: re.Match[str]) -> str:
            found = use(match) if callable(use) else str(use)
            if not found:
                return match[0]
            if found not in self.where:
                self.where.append(str(found))
            return " "

        self.rest = re.sub(rf"(?<![\w.-]){pattern}(?![\w-])", cut, self.rest, flags=re.IGNORECASE)

    def fits(self, name: str) -> bool:
        only = _data()["only"].get(name)
        return not (only and self.kind and self.kind not in only)


@cache
def _data() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((data_folder("prompts") / "planner" / "rules.toml").read_text(encoding="utf-8"))


@cache
def _facts() -> tuple[str, dict[str, re.Pattern[str]]]:
    """Any fact as one pattern, longest phrases first, and each by name."""
    phrases = sorted((phrase for found in _data()["facts"].values() for phrase in found), key=len, reverse=True)
    each = {name: re.compile("|".join(found), re.IGNORECASE) for name, found in _data()["facts"].items()}
    return f"(?:{'|'.join(phrases)})", each


def _fact(words: str) -> str:
    """The fact that the words name; the first one in the file that they name completely."""
    words = words.strip()
    return next((name for name, pattern in _facts()[1].items() if pattern.fullmatch(words)), "")


def find_rule(text: str, kind: str = "") -> Rule:
    """All conditions that a text states of objects of a kind."""
    rule = Rule(text, kind)
    for finder in (_paths, _keyed, _ages, _origins, _amounts, _states, _missing, _present, _readiness):
        finder(rule)
    return rule


def _paths(rule: Rule) -> None:
    lead = r"(?:(?:whose|where|with|having|have) )?"
    rule.take(rf"{lead}{_PATH} (?:is |are )?(?:missing|not set|empty|unset)", lambda m: f"no {_dotted(m[1])}")
    link = rf"(?:is |are |= ?|of )?(?:{_SIGN} ?)?"
    rule.take(rf"{lead}{_PATH} ?{link}{_WORD}", lambda m: f"{_dotted(m[1])}{_sign(m['sign'])}{m['value']}")
    rule.take(rf"(?:without|no|have no|has no) (?:a |any )?{_PATH}", lambda m: f"no {_dotted(m[1])}")


def _dotted(path: str) -> str:
    return path if path.startswith(".") else f".{path}"


def _keyed(rule: Rule) -> None:
    """Labels, annotations and variables by their key."""
    for what in ("label", "annotation"):
        said = f"{what}s?"
        key = rf"[\"'`]?(?P<key>{_KEY})[\"'`]?"
        equals = rf"(?: ?= ?{_WORD})?"
        for lead, no in ((rf"{_NOT} ", "no "), (rf"(?:that )?{_HAD} ", "")):
            for form in (rf"{said} (?:called |named |key )?{key}{equals}", rf"{key} {said}"):
                rule.take(f"{lead}{_ARTICLE}{form}", lambda m, no=no, what=what: _keyed_term(m, no, what))
    rule.take(rf"(?:are |is )?not labell?ed (?:with )?(?P<key>{_KEY})", lambda m: f"no label {m['key']}")
    variable = r"(?:env(?:ironment)? )?(?:variable |var |env )?(?P<key>[A-Z][A-Z0-9_]{2,})(?: set)?"
    rule.rest = re.sub(
        rf"\b(?i:{_NOT}) (?i:{_ARTICLE}){variable}\b", lambda m: _add(rule, f"no env {m['key']}"), rule.rest
    )


def _add(rule: Rule, term: str) -> str:
    rule.where.append(term)
    return " "


def _keyed_term(match: re.Match[str], no: str, what: str) -> str:
    value = match.groupdict().get("value")
    if not value:
        return f"{no}{what} {match['key']}"
    return f"{what} {match['key']}!={value}" if no else ""  # one that is had is a selector, read with the names


def _ages(rule: Rule) -> None:
    def age(match: re.Match[str]) -> str:
        unit = match["unit"].lower()
        count = int(match["count"] or 1) * (7 if unit == "w" else 1)
        sign = ">" if match["way"].startswith(("older", "more", "over")) else "<"
        return f"age{sign}{count}{'d' if unit == 'w' else unit}"

    span = r"(?:an? )?(?P<count>\d+)? ?(?P<unit>[smhdw])(?:ecs?|econds?|ins?|inutes?|ours?|rs?|ays?|eeks?)?"
    rule.take(rf"(?:that are |which are |are |is )?(?P<way>older|younger|newer) than {span}", age)
    rule.take(rf"(?P<way>less|more|over) than {span} old", age)
    rule.take(
        rf"(?:(?:have|has) been )?(?:running|up|alive|around|there)(?: for)? (?P<way>less than|more than|over) {span}",
        age,
    )


def _origins(rule: Rule) -> None:
    """Where images come from, what they are called, and the type of services."""
    lead = r"(?:(?:that|which) )?(?:(?:do|does|are|is) )?"
    verb = r"(?:use|uses|using|run|runs|running|pull|pulls|pulled|with)"
    image = rf"(?:{verb}(?: an?| the| any| their)? ?images?|images?|pull|pulled|coming|come)"
    place = r"(?P<value>[a-z0-9-]+\.[a-z0-9.-]+(?::\d+)?|localhost(?::\d+)?)"
    rule.take(rf"{lead}not (?:{image} )?from (?:the registry )?{place}", lambda m: f"registry!={m['value']}")
    rule.take(rf"{lead}{image} not from (?:the registry )?{place}", lambda m: f"registry!={m['value']}")
    rule.take(rf"{lead}{image} from (?:the registry )?{place}", lambda m: f"registry={m['value']}")
    rule.take(rf"whose images? (?:contains?|includes?|matches|has) {_WORD}", lambda m: f"image~{m['value']}")
    typed = r"(?P<value>load ?balancer|node ?port|cluster ?ip|external ?name)"
    if rule.kind == "service":
        rule.take(rf"(?:of|with|have|has)(?: the)? type {typed}s?", lambda m: f"type={m['value'].replace(' ', '')}")
        rule.take(rf"(?:(?:are|is) )?(?:of type )?(?:a )?{typed}s?", lambda m: f"type={m['value'].replace(' ', '')}")


def _amounts(rule: Rule) -> None:
    """A fact and a value, whichever comes first."""
    fact = rf"(?P<fact>{_facts()[0]})"
    asks = rf"(?P<asks>requests?|requesting|asks? for|limits?|limited to|{_HAD})"
    lead = rf"(?:(?:that|which|whose|with|where) )?(?:{asks} )?"
    resource = r"(?: (?:of )?(?P<what>memory|ram|cpu))?(?: (?P<side>limits?|requests?))?"

    def bare(match: re.Match[str]) -> str:
        if not match["what"]:
            sized = rule.kind in _data()["only"]["size"] and re.search("[a-z]", match["value"])
            return f"size{_sign(match['sign'])}{_value(match['value'])}" if sized else ""
        asked = f"{match['asks'] or ''} {match['side'] or ''}"
        side = "limit" if "limit" in asked else "request"
        what = "cpu" if match["what"] == "cpu" else "memory"
        return f"{what} {side}{_sign(match['sign'])}{_value(match['value'])}"

    rule.take(rf"{lead}{_SIGN} {_VALUE}{resource}", bare)
    rule.take(rf"{lead}{_SIGN} {_VALUE} (?:ready )?{fact}", lambda m: _compared(rule, m))
    rule.take(
        rf"{lead}{_ARTICLE}{fact} (?:is |are |of )?(?:set (?:to )?)?{_SIGN} {_VALUE}", lambda m: _compared(rule, m)
    )
    rule.take(
        rf"(?:whose|where the|with an?) {fact} (?:is|are|of|=) (?:{_SIGN} )?{_WORD}", lambda m: _compared(rule, m)
    )
    by_name = r"(?P<fact>storage ?class|ingress ?class|service ?account|priority ?class) (?!and|or|in|is|are)"
    rule.take(
        rf"(?:that |which )?(?:{_HAD}|on|in|of) (?:the )?{by_name}(?P<sign>){_WORD}", lambda m: _compared(rule, m)
    )
    counted = r"(?P<sign>)(?P<value>\d+)"
    rule.take(rf"(?:that|which|with)? ?{_HAD} {counted} {fact}", lambda m: _compared(rule, m))
    if rule.kind == "pod":
        times = rf"(?:(?:that|which) )?(?:have |has )?restart(?:s|ed|ing)? (?:{_SIGN} )?{_VALUE}(?: times)?"
        rule.take(times, lambda m: f"restarts{_sign(m['sign'])}{_value(m['value'])}")


def _compared(rule: Rule, match: re.Match[str]) -> str:
    name, value = _fact(match["fact"]), match["value"]
    if not name or not rule.fits(name) or value.lower() in ("missing", "unset", "not", "absent", "empty", "too"):
        return ""
    return f"{name}{_sign(match['sign'])}{_value(value)}"


def _sign(words: str | None) -> str:
    words = (words or "=").lower()
    if words in ("at least", ">="):
        return ">="
    if words in ("at most", "no more than", "up to", "<="):
        return "<="
    if words in ("not", "other than", "!="):
        return "!="
    return ">" if re.fullmatch(_MORE, words) else "<" if re.fullmatch(_LESS, words) else "="


def _value(words: str) -> str:
    """A number with its unit as Kubernetes writes it; any other word as it is."""
    if named := {"once": "1", "twice": "2", "no": "0", "none": "0"}.get(words.lower()):
        return named
    amount = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z%]*)", words)
    if not amount or (amount[2].lower() not in _UNITS and not amount[2].lower().startswith(("core", "cpu"))):
        return words
    return amount[1] + ("m" if amount[2] == "m" else "M" if amount[2] == "M" else _UNITS.get(amount[2].lower(), ""))


def _states(rule: Rule) -> None:
    be = r"(?:(?:that|which|who) )?(?:(?:is|are|be) |(?:do|does|did) )?"
    for term, phrases in _data()["states"].items():
        if rule.fits(term) and rule.fits(term.removeprefix("no ").removeprefix("not ")):
            said = "|".join(sorted(phrases, key=len, reverse=True))
            negated = term[3:] if term.startswith("no ") else term[4:] if term.startswith("not ") else f"not {term}"
            rule.take(rf"{be}(?P<no>not )?(?:currently |still |even )?(?:{said})",
                      lambda m, t=term, n=negated: n if m["no"] else t)  # fmt: skip
    if rule.kind == "job":
        rule.take(rf"{be}(?:failed|failing)", "failed")
        rule.take(rf"{be}(?:succeeded|successful|completed|complete)", "succeeded")


def _missing(rule: Rule) -> None:
    """ "without limits or probes", "no readiness probe", "the memory limit is not set"."""
    fact = _facts()[0]
    more = rf"(?:(?:,? (?:and|or|nor|and/or)|,) (?:(?:no|without) )?{_ARTICLE}{fact})*"
    after = "(?: (?:set|defined|at all|configured))*"
    rule.take(rf"(?:(?:that|which|who) )?(?:are |is )?(?P<no>{_NOT}) (?P<facts>{_ARTICLE}{fact}{more}){after}",
              lambda m: _list(rule, m["facts"], m["no"]))  # fmt: skip
    gone = "(?:is |are )?(?:missing|not (?:set|defined|configured)|unset|absent)"
    rule.take(rf"(?:(?:whose|where|with) )?(?:the )?(?P<facts>{fact}) {gone}",
              lambda m: _list(rule, m["facts"], "no"))  # fmt: skip


def _list(rule: Rule, words: str, lead: str) -> str:
    """Each fact of a list as missing; `missing a or b` means either, `without a or b` both."""
    either = lead.lower().startswith(("miss", "lack", "omit")) and re.search(r"\bor\b", words)
    parts = re.split(r",? (?:and/or|and|or|nor) |, ", words)
    names = [
        _fact(re.sub(rf"^(?:(?:no|without) )?{_ARTICLE}", "", part.strip(), flags=re.IGNORECASE)) for part in parts
    ]
    if not all(names) or not all(rule.fits(name) for name in names):
        return ""
    terms = [f"no {name}" for name in names]
    if either:
        return " or ".join(terms)
    rule.where += [term for term in terms[:-1] if term not in rule.where]
    return terms[-1]


def _present(rule: Rule) -> None:
    """ "with a disruption budget": only after a word that says *having*."""
    fact = _facts()[0]

    def had(match: re.Match[str]) -> str:
        name = _fact(match["fact"])
        known = (
            name
            and rule.fits(name)
            and name not in ("image", "type", "port", "restarts", "replicas", "containers", "pods")
        )
        return name if known else ""

    rule.take(rf"(?:that |which )?(?:do )?{_HAD} {_ARTICLE}(?P<fact>{fact})(?: set| defined)?", had)


def _readiness(rule: Rule) -> None:
    be = r"(?:(?:that|which) )?(?:(?:is|are) )?"
    rule.take(rf"{be}(?:not (?:yet )?ready|un-?ready)", "not ready")
    if rule.kind == "pod":
        rule.take(rf"{be}(?P<state>{'|'.join(_PODS)})", lambda m: f"status={m['state'].lower()}")
        rule.take(rf"{be}not running", "status!=Running,status!=Completed")
