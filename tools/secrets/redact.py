"""Secrets out of objects and text, before anything leaves `tools/`.

What counts as a secret: what Kubernetes calls one, values whose name says so (DB_PASSWORD, apiKey, --token), and
values that are one by their form (private keys, tokens of known makers, addresses with a password). Names, digests,
uids and commit ids stay readable. Doing it twice changes nothing more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.secrets.forms import (
    ADDRESS,
    HARMLESS,
    HEADER_SCHEME,
    MYSQL_ADDRESS,
    PRIVATE_KEY,
    PROSE,
    TOKEN,
    TOKEN_MARKS,
    WEBHOOK,
    is_secret_name,
    looks_random,
)
from tools.secrets.known import REDACTED, mask
from tools.secrets.places import redact_places

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ADDRESS_MARKS = ("://", "@tcp(", "@unix(", "webhooks/", "hooks.slack")
_NAME_MARKS = (
    *("pass", "pwd", "secret", "token", "cred", "dsn", "key", "jwt", "_pat", "-pat", "auth", "bearer", "basic "),
    *("cookie", "string", "_str", "-str", "connstr", "webhook", "mnemonic", "last-applied"),
)

# --- Objects ----------------------------------------------------------------------------------------------------


def redact_object(value: Any) -> Any:
    """A copy of a JSON value without its secrets, whichever kind of object it is or holds."""
    if isinstance(value, Mapping):
        return _redact_mapping(value)
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return _redact_sequence(value)
    return value


def _redact_mapping(value: Mapping[Any, Any]) -> dict[Any, Any]:
    secret = value.get("kind") == "Secret"
    named = value.get("name")
    result: dict[Any, Any] = {}
    for key, item in value.items():
        if secret and key in ("data", "stringData") and isinstance(item, Mapping):
            result[key] = dict.fromkeys(item, REDACTED)
        elif key == _LAST_APPLIED:
            result[key] = REDACTED
        elif key == "value" and isinstance(named, str) and isinstance(item, str):
            result[key] = _redact_named(named, item)
        elif isinstance(key, str):
            result[key] = _redact_entry(key, item)
        else:
            result[key] = redact_object(item)
    return result


def _redact_entry(key: str, item: Any) -> Any:
    if isinstance(item, str):
        return _redact_named(key, item) if is_secret_name(key) else redact_text(item)
    if is_secret_name(key):
        if isinstance(item, (int, float)) and not isinstance(item, bool) and not HARMLESS.fullmatch(str(item)):
            return REDACTED
        if isinstance(item, list) and all(isinstance(part, str) for part in item):
            return [_redact_named(key, part) for part in item] if not key.endswith("s") else redact_object(item)
    return redact_object(item)


def _redact_named(name: str, value: str) -> str:
    """A value of a place that names it: an environment variable, a Helm value, an entry of a ConfigMap."""
    if (is_secret_name(name) and not HARMLESS.fullmatch(value.strip())) or looks_random(value):
        return REDACTED
    return redact_text(value)


def _redact_sequence(value: Sequence[Any]) -> list[Any]:
    """Lists; of a command line also the argument that follows `--password`."""
    result: list[Any] = []
    flag = False
    for item in value:
        if flag and isinstance(item, str) and not item.startswith("-") and not HARMLESS.fullmatch(item):
            result.append(REDACTED)
        else:
            result.append(redact_object(item))
        flag = isinstance(item, str) and item.startswith("-") and "=" not in item and is_secret_name(item)
    return result


# --- Text -------------------------------------------------------------------------------------------------------


def redact_text(text: str) -> str:
    """The same text without its secrets: logs, YAML, JSON, diffs, command lines, what programs print."""
    text = redact_places(mask(text))
    lowered = text.lower()
    names = [mark for mark in _NAME_MARKS if mark in lowered]
    marks = [mark for mark in (*TOKEN_MARKS, *_ADDRESS_MARKS) if mark in text]
    if not names and not marks and "value" not in lowered:
        return text
    if "\\n" in text:
        text = _JSON_TEXT.sub(_redact_json_text, text)
    if "PRIVATE KEY" in text:
        text = PRIVATE_KEY.sub(REDACTED, text)
    if "Secret" in text and "data" in lowered:
        text = _redact_secret_manifests(text)
    if "value" in text and "name" in text:
        text = _NAME_VALUE.sub(_redact_name_value, text)
    return "\n".join(_redact_lines(text.split("\n"), names, marks))


def _redact_lines(lines: list[str], names: list[str], marks: list[str]) -> list[str]:
    """Lines without the values behind secret names, and without tokens; only these marks occur in them."""
    block = -1  # indentation of a secret's key whose value follows on lines of their own
    for index, line in enumerate(lines):
        if block >= 0:
            if not line.strip() or _indent(line) > block:
                lines[index] = _blank_out(line)
                continue
            block = -1
        lowered = line.lower()
        if any(mark in lowered for mark in names):
            block = _block_indent(line)
            line = _redact_pairs(line)
            if "bearer" in lowered or "basic" in lowered:
                line = HEADER_SCHEME.sub(rf"\1\2{REDACTED}", line)
        if any(mark in line for mark in marks):
            line = _redact_forms(line)
        lines[index] = line
        if index and (flag := _LIST_FLAG.match(lines[index - 1])) and is_secret_name(flag["name"]):
            lines[index] = _LIST_ITEM.sub(_redact_item, line)
    return lines


def _redact_json_text(match: re.Match[str]) -> str:
    """A JSON string that holds several lines: a manifest, a log, a key. It is read as what it means."""
    try:
        meant = json.loads(match[0])
    except ValueError:
        return match[0]
    clean = redact_text(meant)
    return match[0] if clean == meant else json.dumps(clean, ensure_ascii=match[0].isascii())


def _redact_item(match: re.Match[str]) -> str:
    return match[0] if HARMLESS.fullmatch(match["value"]) else f"{match['head']}{REDACTED}{match['tail']}"


def _redact_forms(line: str) -> str:
    line = TOKEN.sub(REDACTED, line)
    if any(mark in line for mark in _ADDRESS_MARKS):
        line = ADDRESS.sub(_redact_address, line) if "@" in line else line
        line = MYSQL_ADDRESS.sub(rf"\1{REDACTED}", line) if "@" in line else line
        line = WEBHOOK.sub(rf"\1{REDACTED}", line)
    return line


def _redact_address(match: re.Match[str]) -> str:
    """What stands between the colon and the last @ of an address; a port with a path behind it is no password."""
    begin, end = match["scheme"], match[0].rfind("@")
    user, colon, password = match[0][len(begin) : end].partition(":")
    if "/" in user or "@" in user or end < len(begin):
        return match[0]
    if colon and password and not re.match(r"\d{1,5}[/?#]", password):
        return f"{begin}{user}:{REDACTED}{match[0][end:]}"
    if not colon and len(user) >= 20 and "[" not in user:
        return f"{begin}{REDACTED}{match[0][end:]}"
    return match[0]


# A name and its separator: `password=`, `"token": `, `\"apiKey\":`, `--token `, `"--token", `
_KEY = re.compile(
    r"(?<![\w./-])(?:"
    r"(?P<name>-{0,2}[A-Za-z_][\w./-]*+)(?P<mid>\\*[\"']?[ \t]*(?:=>|:=|[:=])[ \t]*)"
    r"|(?P<option>--?[A-Za-z][\w-]*+)(?:\\*[\"'][ \t]*,[ \t]*(?=\\*[\"'])|[ \t]+(?!-)))"
)
_QUOTED = re.compile(
    r"\"(?:\\.|[^\"\\])*(?:\"|\Z)|(?P<slashes>\\+)\"(?:(?!(?P=slashes)\").)*(?:(?P=slashes)\"|\Z)|'[^']*(?:'|\Z)"
)
_WORD = re.compile(
    r"(?:\[redacted\]|\$\(\w+\)|\$\{[^{}]*\}|\{\{.*?\}\}|,(?!\s|[\w.-]+[=:]|\Z)|[^\s,;&\"'<>)}\]]|[)}\]](?=[^\s,;&\"'<>)}\]]))+|<[^<>]*>"
)
_HEADER_VALUE = re.compile(r"[^\"'\r\n]+")
_REST = re.compile(r"(?:(?![ \t]+#).)*\S")
_LINE_START = re.compile(r"[+-]?[ \t]*(?:- )?(?:export[ \t]+|ENV[ \t]+|ARG[ \t]+)?\Z")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+[\w.-]*|latest")


def _redact_pairs(line: str) -> str:
    """Blank out the value behind every secret's name."""
    parts: list[str] = []
    done = start = 0
    while match := _KEY.search(line, start):
        start = match.end()
        name = match["name"] or match["option"]
        if (is_secret_name(name) or _after_escape(line, match, name)) and (value := _value_of(line, match)):
            begin, end = value
            parts += [line[done:begin], REDACTED]
            done = start = end
    return "".join(parts) + line[done:]


def _value_of(line: str, key: re.Match[str]) -> tuple[int, int] | None:
    """Where the value behind a secret's name begins and ends; None when it is harmless."""
    name, at = key["name"] or key["option"], key.end()
    if at >= len(line):
        return None
    if quoted := _QUOTED.match(line, at):
        quote = re.match(r"\\*[\"']", quoted[0])
        width = quote.end() if quote else 1
        begin, end = at + width, quoted.end() - (width if quoted[0].endswith(quoted[0][:width]) else 0)
        return None if begin >= end or HARMLESS.fullmatch(line[begin:end]) else (begin, end)
    starts_line = bool(key["mid"] and _LINE_START.match(line[: key.start()]))
    whole = starts_line and key["mid"].rstrip(" \t") in (":", "=") and not key["mid"].endswith(":")
    if name.lower().endswith(("authorization", "cookie")):
        word = _HEADER_VALUE.match(line, at)
    else:
        word = (_REST if whole else _WORD).match(line, at)
    if not word or word[0][0] in "[{|>&" or HARMLESS.fullmatch(word[0]) or _is_prose(key, word[0], starts_line):
        return None
    return at, word.end()


def _after_escape(line: str, key: re.Match[str], name: str) -> bool:
    """In text that was put into JSON, a name that begins a line stands behind the letters of \\n."""
    return line[key.start() - 1 : key.start()] == "\\" and name[0] in "nrt" and is_secret_name(name[1:])


def _is_prose(key: re.Match[str], value: str, starts_line: bool) -> bool:
    if key["mid"] == ":" and ("/" in key["name"] or _VERSION.fullmatch(value)):
        return True  # an image reference: team/auth-token:1.2
    return not starts_line and value.lower().rstrip(".:!") in PROSE


_JSON_TEXT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\\+n(?:[^\"\\\n]|\\.)*\"")
_LIST_FLAG = re.compile(r"[+ -]?\s*-?\s*[\"']?(?P<name>--?[A-Za-z][\w-]*)[\"']?,?\s*\Z")
_LIST_ITEM = re.compile(r"(?P<head>[+ -]?\s*(?:- )?[\"']?)(?P<value>[^-\s\"'].*?)(?P<tail>[\"']?,?\s*)\Z")

_NAME_VALUE = re.compile(
    r"(?P<head>\bname\\*[\"']?\s*[:=]\s*\\*[\"']?)(?P<key>[\w.-]+)"
    r"(?P<mid>\\*[\"']?\s*,?\s*(?:\n[+-])?\s*\\*[\"']?\bvalue\\*[\"']?[ \t]*[:=][ \t]*)"
    r"(?P<value>\"(?:\\.|[^\"\\\n])*\"|'[^'\n]*'|(?P<s>\\+)\"(?:(?!(?P=s)\").)*(?P=s)\"|[^\s\"'|>{\[\\][^\n]*)"
)


def _redact_name_value(match: re.Match[str]) -> str:
    """The two-line form of environment variables: name: DB_PASSWORD, value: …"""
    raw = match["value"]
    quote = re.match(r"\\*[\"']|", raw)
    width = quote.end() if quote else 0
    value = raw[width : len(raw) - width]
    if HARMLESS.fullmatch(value) or not (is_secret_name(match["key"]) or looks_random(value)):
        return match[0]
    return f"{match['head']}{match['key']}{match['mid']}{raw[:width]}{REDACTED}{raw[len(raw) - width :]}"


# --- Manifests of Secrets within text ---------------------------------------------------------------------------

_YAML_SECRET = re.compile(r"^[+ -]?\s*(?:- )?kind:\s*[\"']?Secret[\"']?\s*$", re.MULTILINE)
_JSON_SECRET = re.compile(r"\"kind\\*\"\s*:\s*\\*\"Secret\\*\"")
_JSON_DATA = re.compile(r"(\"(?:data|stringData)\\*\"\s*:\s*\{)([^{}]*)(\})")
_JSON_STRING = re.compile(r"(:\s*)(\\*\")(?:(?!\2)(?:\\.|[^\\]))*\2")
_YAML_DATA = re.compile(r"[+ -]?\s*(?:- )?(?:data|stringData):\s*$")
_YAML_KEY = re.compile(r"([+ -]?\s*[\"']?[\w.-]+[\"']?:)(\s+)\S.*")
_SCALAR = re.compile(r"[+-]?\s*(?:- )?[\"']?(?P<name>[\w./-]+)[\"']?:\s+\S")


def _redact_secret_manifests(text: str) -> str:
    if _JSON_SECRET.search(text):
        text = _JSON_DATA.sub(
            lambda match: match[1] + _JSON_STRING.sub(rf"\1\2{REDACTED}\2", match[2]) + match[3], text
        )
    if not _YAML_SECRET.search(text):
        return text
    documents = re.split(r"(?m)(^[+ -]?---.*$)", text)
    return "".join(_redact_yaml_data(part) if _YAML_SECRET.search(part) else part for part in documents)


def _redact_yaml_data(document: str) -> str:
    lines = document.split("\n")
    inside = -1
    for index, line in enumerate(lines):
        if inside >= 0 and (not line.strip() or _indent(line) > inside):
            entry = _YAML_KEY.match(line)
            lines[index] = f"{entry[1]}{entry[2]}{REDACTED}" if entry else _blank_out(line)
        else:
            inside = _indent(line) if _YAML_DATA.match(line) else -1
    return "\n".join(lines)


def _indent(line: str) -> int:
    """Width of what stands before the first word; the signs of diffs and lists count as blanks."""
    return len(line) - len(line.lstrip("+- \t"))


def _blank_out(line: str) -> str:
    return line[: _indent(line)] + REDACTED if line.strip("+- \t") else line


def _block_indent(line: str) -> int:
    """Where a secret's value may go on in deeper lines: a block, or a long text that YAML has folded; else -1."""
    match = _SCALAR.match(line)
    return _indent(line) if match and is_secret_name(match["name"]) and line.rstrip()[-1] not in ",{[" else -1
