"""Secret values that this process has seen: masked wherever else they turn up, however they are written there.

Redaction knows a secret by its place, name or form. A log line that only says "trying Tr0ub4dor" has none of them;
but once a Secret with that value was read, or sealed, the same value is masked in all that leaves `tools/`. Words that
occur everywhere (a user called `postgres`, a host name, a port) are not learnt: masking them would hide the answer.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from tools.secrets.forms import HARMLESS, is_secret_name, looks_random

REDACTED = "[redacted]"
_SHORTEST = 6  # characters; shorter ones would hit ordinary words
_LONGEST = 16_384  # what is longer is a file, known by its lines
_MOST = 40_000  # written forms that are kept; the oldest go first
_PLAIN = re.compile(
    r"[a-z]+(?:[-_. ][a-z]+)*|[A-Z]+(?:_[A-Z]+)*|[A-Z][a-z]+|[\d.:,/-]+|v?\d[\w.-]{0,11}"
)  # words, numbers
_PLACE = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?[a-z0-9.-]+(?::\d+)?(?:/[\w./-]*)?|/[\w./-]+", re.IGNORECASE)
_PUBLIC = re.compile(
    r"(?:^|[._-])(?:ca|crt|cert|pub|public|namespace|user|username|login|host|port|database|db)$", re.I
)
_ADDRESS = re.compile(r"[a-z][\w+.-]*://[^\s:/@]*:(.+)@", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")

_forms: dict[str, re.Pattern[str] | None] = {}  # written form → how it is found, None where it is taken literally


def learn(value: str, name: str = "", *, sure: bool = False) -> None:
    """Remember a secret value; `sure` when its place or name says so, else it must look like one, too."""
    value = value.strip()
    if not value or len(value) > _LONGEST * 4 or REDACTED in value or _PUBLIC.search(name):
        return
    if value[0] in "{[" and (inner := _json(value)) is not None:
        learn_named(inner)
    if found := _ADDRESS.match(value):
        learn(found[1], sure=True)
    sure = sure or is_secret_name(name)
    if "\n" in value:
        for line in value.splitlines():
            _learn_line(line.strip())
    if len(value) <= _LONGEST and _telling(value, sure):
        _remember(value)


def learn_secret(secret: Mapping[str, Any]) -> None:
    """Remember what a Secret of a cluster holds."""
    if str(secret.get("type") or "").startswith("helm.sh/"):
        return  # a packed record of a release, whose values are learnt when it is read
    for name, packed in (secret.get("data") or {}).items():
        if isinstance(packed, str) and (plain := _decoded(packed)) is not None:
            learn(plain, str(name))
    for name, value in (secret.get("stringData") or {}).items():
        if isinstance(value, str):
            learn(value, str(name))


def learn_object(obj: Any) -> None:
    """Remember the Secrets in an answer of the API server: one object, or a list of them."""
    if not isinstance(obj, Mapping):
        return
    if obj.get("kind") == "Secret":
        learn_secret(obj)
    elif obj.get("kind") in ("SecretList", "List"):
        for item in obj.get("items") or ():
            if isinstance(item, Mapping) and item.get("kind", "Secret") == "Secret":
                learn_secret(item)


def learn_named(value: Any, name: str = "") -> None:
    """Remember the values that stand under secret names: of a chart's settings, of a docker login."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            learn_named(item, str(key))
    elif isinstance(value, list):
        for item in value:
            learn_named(item, name)
    elif isinstance(value, str) and (is_secret_name(name) or name in ("auth", "token", "password")):
        learn(value, name, sure=True)
        if name == "auth" and (pair := _decoded(value)) and ":" in pair:
            learn(pair.partition(":")[2], sure=True)


def learn_removed(raw: str, safe: str) -> None:
    """Remember what redaction took out of a text."""
    for value in removed(raw, safe):
        learn(value, sure=True)


def removed(raw: str, safe: str) -> tuple[str, ...]:
    """What redaction took out of a text, in order; empty where that cannot be told."""
    pieces = safe.split(REDACTED)
    if len(pieces) == 1:
        return ()
    found = re.fullmatch("(.+?)".join(map(re.escape, pieces)), raw, re.DOTALL)
    return found.groups() if found else ()


def mask(text: str) -> str:
    """The text with every known value blanked out: raw, quoted, in base64, URL-encoded or hexadecimal."""
    found = [form for form in _forms if form in text]
    for form in sorted(found, key=len, reverse=True):
        pattern = _forms.get(form)
        text = pattern.sub(REDACTED, text) if pattern else text.replace(form, REDACTED)
    return text


def forget_all() -> None:
    """Forget every value, as a new process would."""
    _forms.clear()


def _telling(value: str, sure: bool) -> bool:
    """Whether the value is distinct enough that it means the secret wherever it stands."""
    if len(value) < _SHORTEST or HARMLESS.fullmatch(value):
        return False
    if sure:
        return not _PLAIN.fullmatch(value) or len(value) >= 20
    if looks_random(value) or (re.fullmatch(r"[0-9a-f]{32,}", value) is not None):
        return True
    if _PLAIN.fullmatch(value) or _PLACE.fullmatch(value):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^\w\s.-]"))
    return len(value) >= 8 and kinds >= 3 and not re.search(r"\s", value)


def _learn_line(line: str) -> None:
    """One line of a longer value: of a key, or of a file with a password in it."""
    if line.startswith("-----"):
        return
    _, separator, value = line.replace(":", "=", 1).partition("=")
    name = line[: line.find(value) - 1].strip(" \"'-") if separator and value else ""
    if name and is_secret_name(name):
        learn(value.strip(" \"',"), sure=True)
    elif len(line) >= 40 and _BASE64.fullmatch(line):
        _remember(line)


def _remember(value: str) -> None:
    literal = value if len(value) >= 8 else ""
    for form in _written(value):
        if form == value and not literal:
            _forms[form] = re.compile(rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])")
        else:
            _forms.setdefault(form, None)
    for core in _cores(value.encode()):
        _forms[core] = re.compile(rf"[A-Za-z0-9+/_-]{{0,2}}{re.escape(core)}[A-Za-z0-9+/_-]{{0,2}}=*")
    while len(_forms) > _MOST:
        del _forms[next(iter(_forms))]


def _written(value: str) -> Iterator[str]:
    """The value as it stands in text, JSON, URLs and dumps."""
    yield value
    if not _PLAIN.fullmatch(value.lower()):
        yield value.lower()  # as names are compared
    for text in {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}:
        yield text
        yield json.dumps(text)[1:-1]
    for address in {quote(value, safe=""), quote(value), quote_plus(value)}:
        yield address
        yield re.sub(r"%[0-9A-F]{2}", lambda part: part[0].lower(), address)
    digits = value.encode().hex()
    yield from (digits, digits.upper())


def _cores(value: bytes) -> Iterator[str]:
    """The part of the value's base64 that is the same whatever stands before and behind it (`user:` and so on)."""
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + value).decode()
        core = coded[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]
        if len(core) >= _SHORTEST:
            yield from {core, core.translate(str.maketrans("+/", "-_"))}


def _decoded(packed: str) -> str | None:
    try:
        return base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
