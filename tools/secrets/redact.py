"""Secrets out of objects and text, before anything leaves `tools/`.

What counts as a secret: what Kubernetes calls one, values whose name says so (DB_PASSWORD, apiKey, --token), and
values that are one by their form (private keys, tokens of known makers, addresses with a password). Names, digests,
uids and commit ids stay readable. Doing it twice changes nothing more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
from tools.secrets.near import any_of, near
from tools.secrets.places import redact_places

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ADDRESS_MARKS = ("@", "webhooks/", "hooks.slack")  # an address without @ has no password in it
_NAME_MARKS = (
    *("pass", "pwd", "secret", "token", "cred", "dsn", "key", "jwt", "_pat", "-pat", "auth", "bearer", "basic "),
    *("cookie", "string", "_str", "-str", "connstr", "webhook", "mnemonic", "last-applied"),
)

_NAME_MARK = any_of(_NAME_MARKS)
_TOKEN_MARK = any_of(TOKEN_MARKS)
_ANY_MARK = any_of(mark.lower() for mark in (*_NAME_MARKS, *TOKEN_MARKS, *_ADDRESS_MARKS))

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
    first = _ANY_MARK.search(lowered)
    named = "value" in lowered and _VALUE_MARK.search(text) is not None
    if first is None and not named:
        return text
    if "\\n" in text:
        text = near(text, ("\\n",), _JSON_TEXT, _redact_json_text)
    if "PRIVATE KEY" in text:
        text = PRIVATE_KEY.sub(REDACTED, text)
    if "Secret" in text and "data" in lowered:
        text = _redact_secret_manifests(text)
    if named and "name" in lowered:
        text = near(text, ("value",), _NAME_VALUE, _redact_name_value)
    return _redact_lines(text)


def _redact_lines(text: str) -> str:
    """Lines without the values behind secret names, and without tokens.

    Lines without a mark are not looked at, unless the line before says that its secret goes on there.
    """
    parts: list[str] = []
    done = 0  # what of the text is in the parts
    for start, end in _marked_lines(text):
        if start < done:
            continue  # it was dealt with as the rest of a secret
        parts.append(text[done:start])
        before = ""  # the line before, where that is a flag whose value comes next
        while True:
            line, block = _redact_line(text[start:end])
            parts.append(_LIST_ITEM.sub(_redact_item, line) if before else line)
            done = _blank_block(text, end, block, parts)
            flag = _LIST_FLAG.match(parts[-1])
            if done != end or end >= len(text) or not flag or not is_secret_name(flag["name"]):
                break
            before, start, end = line, end + 1, _line_end(text, end + 1)
            parts.append("\n")
    return "".join(parts) + text[done:]


def _blank_block(text: str, done: int, block: int, parts: list[str]) -> int:
    """Blank out the lines after `done` that are deeper than the key of a secret; where they end."""
    while block >= 0 and done < len(text):
        stop = _line_end(text, done + 1)
        more = text[done + 1 : stop]
        if more.strip() and _indent(more) <= block:
            break
        parts += ["\n", _blank_out(more)]
        done = stop
    return done


def _redact_line(line: str) -> tuple[str, int]:
    """The line, and the indentation of a secret's key whose value may go on in deeper lines, else -1."""
    lowered, block = line.lower(), -1
    if _NAME_MARK.search(lowered):
        block = _block_indent(line)
        line = _redact_pairs(line)
        if "bearer" in lowered or "basic" in lowered:
            line = HEADER_SCHEME.sub(rf"\1\2{REDACTED}", line)
    return _redact_forms(line), block


def _marked_lines(text: str) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends that has a mark."""
    lowered, end = text.lower(), -1
    if len(lowered) != len(text):  # a letter that is longer in lower case, so that places would not agree
        starts = [0, *(found.end() for found in re.finditer("\n", text))]
        yield from ((start, _line_end(text, start)) for start in starts)
        return
    for found in _ANY_MARK.finditer(lowered):
        if found.start() > end:
            end = _line_end(text, found.start())
            yield text.rfind("\n", 0, found.start()) + 1, end


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


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
    if _TOKEN_MARK.search(line):
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

_VALUE_MARK = re.compile(r"value\\*[\"']?[ \t]*[:=]")
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
