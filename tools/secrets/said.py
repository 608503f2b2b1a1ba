"""Secrets in what a person types: also those that stand in a sentence ("set DB_PASSWORD to hunter2").

Text from programs is read more strictly (`redact_text`): there "token to be renewed" is prose. Here a false alarm only
hides a word in the records, while a password that is overlooked stays in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.secrets.forms import HARMLESS, PROSE, is_secret_name
from tools.secrets.known import REDACTED, learn, removed
from tools.secrets.redact import redact_text

_VALUE = r"(?P<value>\"(?:\\.|[^\"\\])+\"|'[^']+'|`[^`]+`|[^\s\"'`]+)"
_WORD = r"(?:password|passphrase|passwd|pwd|passcode|token|api[ _-]?key|access[ _-]?key|secret[ _-]?key|credentials?)"
_LINK = (
    r"(?:\s*(?P<sign>=>|:=|[:=])\s*"
    r"|\s+(?:to|is|as|be|equals?|equal\s+to|(?:with\s+|and\s+)?(?:the\s+)?value(?:\s+of)?)\s+)"
)
_NAMED = re.compile(rf"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*|{_WORD}){_LINK}{_VALUE}", re.IGNORECASE)
_OF = re.compile(rf"\b{_WORD}\s+(?:of|for|in|on)\s+[\w./ -]{{1,60}}?\s+(?:to|as|is)\s+{_VALUE}", re.IGNORECASE)
_BARE = re.compile(rf"\b{_WORD}\s+{_VALUE}", re.IGNORECASE)
_MAKES_SECRET = re.compile(
    r"\b(?:create|make|add|put|new|update|set|patch|edit)\b[^\n]{0,40}?\bsecrets?\b", re.IGNORECASE
)
_PAIR = re.compile(rf"(?<![\w./-])(?:--from-literal[= ])?[\w.-]+={_VALUE}")
_PAIR_BEGINS = re.compile(r"[A-Za-z_]\w*=")
_ORDINARY = re.compile(r"(?:[a-z]+(?:[-_.][a-z]+)*|[A-Z_]+|\d{1,5}|[\w.-]+/[\w./-]+)", re.ASCII)
_OBJECT = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_SMALL = frozenset(
    "a an the my our this that it its in on of for from to with and or as be is are was new same other secret secrets "
    "password token key value variable env file ref reference name what which who whom where how why please".split()
)


def redact_said(text: str) -> str:
    """What a person typed, without the secrets in it."""
    for value in sorted(_found(text), key=len, reverse=True):
        text = re.sub(rf"(?<![\w]){re.escape(value)}(?![\w])", REDACTED, text)
    return redact_text(text)


def learn_said(text: str) -> None:
    """Have the secrets that a person typed masked from now on wherever they turn up."""
    for value in _found(text):
        learn(value, sure=True)
    for value in removed(text, redact_text(text)):
        learn(value, sure=True)


def _found(text: str) -> set[str]:
    return {value for value in _values(text) if value and not HARMLESS.fullmatch(value) and REDACTED not in value}


def _values(text: str) -> Iterator[str]:
    for match in _NAMED.finditer(text):
        if not match["sign"] and _OBJECT.fullmatch(match["name"]):
            continue  # "the image of auth-token to 1.2"
        if is_secret_name(match["name"].replace(" ", "_")) and _means_value(match["value"]):
            yield _bare(match["value"])
    for match in _OF.finditer(text):
        if _means_value(match["value"]):
            yield _bare(match["value"])
    for match in _BARE.finditer(text):
        value = _bare(match["value"])
        if match["value"][0] in "\"'`" or not _ORDINARY.fullmatch(value):
            yield "" if _PAIR_BEGINS.match(value) else value
    for beginning in _MAKES_SECRET.finditer(text):
        for match in _PAIR.finditer(text, beginning.end()):
            yield _bare(match["value"])


def _means_value(value: str) -> bool:
    """Whether the word behind "password to" is the password, and not the sentence going on."""
    word = _bare(value).lower()
    return value[0] in "\"'`" or (word not in _SMALL and word not in PROSE)


def _bare(value: str) -> str:
    if len(value) > 1 and value[0] in "\"'`" and value[-1] == value[0]:
        return value[1:-1]
    return value.rstrip(",.;:!?)")
