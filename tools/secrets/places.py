"""Secrets that stand in a known place without a name of their own: password files, command lines, dumps of objects."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

from tools.secrets.forms import HARMLESS
from tools.secrets.known import REDACTED
from tools.secrets.near import Marks, any_of, near


class _Place(NamedTuple):
    """`marks`: one of them stands in each such place, so that the pattern need only be tried near them.

    `at`: what stands nearer to it than the marks, where those stand all over the place.
    """

    marks: Marks
    pattern: re.Pattern[str]
    fits: Callable[[str], bool] = lambda _: True
    at: Marks = ()


def redact_places(text: str) -> str:
    """The text without the secrets that their place gives away."""
    for place in _PLACES if _ANY.search(text) else ():
        if isinstance(place.marks, re.Pattern) or any(mark in text for mark in place.marks):
            text = near(
                text, place.at or place.marks, place.pattern, lambda match, fits=place.fits: _blanked(match, fits)
            )
    if "map[" in text and "Secret" in text:
        text = _GO_DATA.sub(_blank_go_values, text)
    return text


def _blanked(match: re.Match[str], fits: Callable[[str], bool]) -> str:
    begin, end = (place - match.start() for place in match.span("secret"))
    value = match["secret"]
    if HARMLESS.fullmatch(value) or not fits(value):
        return match[0]
    return match[0][:begin] + REDACTED + match[0][end:]


def _is_login(packed: str) -> bool:
    """Whether it is `user:password` in base64."""
    try:
        return b":" in base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return False


_WORD = r"(?:\b|(?<=\\n))"  # a word begins; in a string of JSON also behind the letters of \\n
_LOGIN = r"(?:login|account)\s{1,9}\S{1,200}\s{1,40}"
_END = r"(?=[\s\"'\\,;]|\Z)"
_HASH = (
    r"(?P<secret>\$2[abxy]\$\d\d\$[./A-Za-z0-9]{40,}|\$apr1\$[^\s$]{1,8}\$[./A-Za-z0-9]{20,}|\{S?SHA\}[A-Za-z0-9+/=]{20,}"
    r"|\$[156y]\$[^\s$]{1,40}\$[./A-Za-z0-9$]{20,})"
)
_PLACES = (
    # .pgpass: host:port:database:user:password
    _Place(
        re.compile(r":(?:\*|5\d{3,4}|6432):"),
        re.compile(
            rf"(?<![\w.:*-])[\w.*-]{{1,253}}:(?:\*|5\d{{3,4}}|6432):[\w.*-]{{1,63}}:[\w.*@-]{{1,63}}:"
            rf"(?P<secret>[^\s:\"'\\]{{4,}}){_END}"
        ),
    ),
    # .netrc: machine … login … password …
    _Place(
        re.compile(r"password\s"),
        re.compile(
            rf"{_WORD}(?:machine\s{{1,9}}\S{{1,253}}|default)\s{{1,40}}(?:{_LOGIN}){{1,2}}"
            r"password\s{1,9}(?P<secret>[^\s\"'\\]+)"
        ),
    ),
    # .htpasswd, /etc/shadow: user:hash
    _Place(("$2", "$apr1$", "SHA}", "$1$", "$5$", "$6$", "$y$"), re.compile(rf"(?<=[:\s\"'=]){_HASH}")),
    # docker's config.json: "auth": base64 of user:password
    _Place(
        ("auth",),
        re.compile(r"\bauth\\*[\"']?\s{0,4}:\s{0,4}\\*[\"']?(?P<secret>[A-Za-z0-9+/]{8,}={0,2})"),
        _is_login,
        at=re.compile(r"auth\\*[\"']?\s{0,4}:"),
    ),
    # command lines
    _Place(
        ("curl", "wget", "http", "--user", "--proxy-user"),
        re.compile(r"(?:\s-u|\s--(?:proxy-)?user)[ =]?[\"']?[\w.@-]{1,64}:(?P<secret>[^\s\"'\\]+)"),
        at=("-u",),
    ),
    _Place(
        ("mysql", "mariadb"),
        re.compile(
            rf"{_WORD}(?:mysql|mariadb)\w{{0,9}}(?:-\w{{1,9}})?\s(?:[^\n;|&]{{0,200}}?\s)?-p(?P<secret>[^\s\"'\\]+)"
        ),
    ),
    _Place(
        ("sshpass", "redis-cli", "docker login", "registry login", "podman login", "helm login"),
        re.compile(
            rf"{_WORD}(?:sshpass|redis-cli|login)\s(?:[^\n;|&]{{0,200}}?\s)?-[pa][ =]?[\"']?"
            r"(?P<secret>[^\s\"'\\-][^\s\"'\\]*)"
        ),
    ),
    # signed addresses
    _Place(
        ("sig=", "Signature="),
        re.compile(r"[?&](?:sig|X-(?:Amz|Goog)-Signature)=(?P<secret>[^\s&\"'\\]{8,})"),
    ),
)
_PATTERNS = [place.marks.pattern for place in _PLACES if isinstance(place.marks, re.Pattern)]
_ANY = re.compile(
    "|".join((*_PATTERNS, any_of(m for p in _PLACES if isinstance(p.marks, tuple) for m in p.marks).pattern))
)
_GO_DATA = re.compile(
    r"((?:\b|\")(?:data|stringData)(?:\\*\")?:\s?map\[(?:string\](?:string|interface ?\{\}|\[\]uint8|any)\s?\{)?)"
    r"([^\[\]{}]*)"
)
_GO_VALUE = re.compile(r"(?P<head>[\w./-]+\\*\"?:\s?\\*\"?)(?P<value>[^\s\"\\,]+)")


def _blank_go_values(match: re.Match[str]) -> str:
    """A Secret as Go prints it: map[data:map[password:…] kind:Secret]."""
    return match[1] + _GO_VALUE.sub(rf"\g<head>{REDACTED}", match[2])
