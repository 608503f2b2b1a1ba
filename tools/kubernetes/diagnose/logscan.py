"""What the last lines of a log say about why a program ended. Pure; the text is data, whatever it says."""

from __future__ import annotations

import re
from typing import NamedTuple


class Clue(NamedTuple):
    """A kind of `_SIGNS` or "exception", the line that says it, where in the code, about which host or file."""

    kind: str
    text: str
    lines: tuple[str, ...]
    where: str = ""
    about: str = ""


_HOST = r"['\"\[(]?(?P<about>[a-z0-9](?:[\w.-]*[a-z0-9])?)['\")\]]?"
# In order of how sure they are; the last matching line of a log wins within one kind.
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("port", re.compile(r"address already in use|EADDRINUSE|bind.*in use", re.I)),
    ("disk", re.compile(r"no space left on device|ENOSPC|disk quota exceeded", re.I)),
    ("read-only", re.compile(r"read-only file ?system|EROFS", re.I)),
    ("architecture", re.compile(r"exec format error|cannot execute binary file", re.I)),
    ("clock", re.compile(
        r"(?:certificate|token|signature) (?:is )?(?:not yet valid|used before issued)|clock (?:skew|drift)"
        r"|RequestTimeTooSkewed|not valid before|iat.{0,20}in the future|time.{0,12}out of sync", re.I)),
    ("certificate", re.compile(
        r"x509:|certificate (?:has expired|verify failed|signed by unknown)|CERTIFICATE_VERIFY_FAILED|CERT_HAS_EXPIRED"
        r"|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)|PKIX path building failed"
        r"|SSLHandshakeException|self[- ]signed certificate", re.I)),
    ("lock", re.compile(
        r"database is locked|could not obtain lock|lock wait timeout|deadlock detected|migration.{0,30}lock"
        r"|lock file .{0,80}exists|another instance is|already locked|unable to (?:acquire|lock)|resource "
        r"temporarily unavailable.*lock", re.I)),
    ("schema", re.compile(
        r"relation .{1,80} does not exist|no such table|Table .{1,80} doesn.t exist|(?:un(?:known|defined)|no such)"
        r" column|dirty database version|pending migration|unapplied migration|UndefinedTable|Unknown database"
        r"|database .{1,80} does not exist", re.I)),
    ("login", re.compile(
        r"(?:password )?authentication failed|access denied for user|WRONGPASS|NOAUTH|invalid credentials", re.I)),
    ("name", re.compile(
        r"(?:could not translate host name|no such host|\bENOTFOUND\b|name or service not known|nodename nor servname"
        r"|temporary failure in name resolution|UnknownHostException|EAI_AGAIN|name does not resolve)", re.I)),
    ("connection", re.compile(
        r"connection refused|ECONNREFUSED|connection timed out|ETIMEDOUT|i/o timeout|no route to host|EHOSTUNREACH"
        r"|connection reset by peer|could not connect to (?:server|the)|connection to server .* failed", re.I)),
    ("library", re.compile(
        r"(?:error while loading shared libraries: |ImportError: |Error loading shared library )"
        r"(?P<about>[\w.+-]+\.so[\w.]*)|(?P<about2>[\w.+-]+\.so[\w.]*): cannot open shared object"
        r"|version [`'](?P<about3>GLIBC[\w.]*)' not found", re.I)),
    ("module", re.compile(
        r"(?:ModuleNotFoundError|ImportError|Cannot find module|ClassNotFoundException:|NoClassDefFoundError:"
        r"|cannot load such file --)(?:: No module named)? ?['\"]?(?P<about>[\w@./-]+)?", re.I)),
    ("variable", re.compile(
        r"KeyError: ['\"](?P<about>[A-Z][A-Z0-9_]{2,})['\"]"
        r"|(?P<about2>[A-Z][A-Z0-9_]{2,}) (?:is|was|must be) (?:not set|unset|required|missing|set|undefined|empty)"
        r"|(?:missing|required|undefined|unset)[\w ]{0,30}(?:env(?:ironment)?(?: variable)?|variable|setting)s?:?"
        r" ['\"`]?(?P<about3>[A-Z][A-Z0-9_]{2,})"
        r"|(?P<about4>[A-Z][A-Z0-9_]{2,}): (?:parameter not set|unbound variable)")),
    ("permission", re.compile(r"permission denied|EACCES|PermissionError|operation not permitted|EPERM", re.I)),
    ("command", re.compile(
        r"exec: \"(?P<about>[^\"]+)\": (?:executable file not found|stat)|^(?:/bin/)?(?:ba|da)?sh: (?:line )?(?:\d+: )?"
        r"(?P<about2>[\w./-]+): (?:command )?not found|env: .?(?P<about3>[\w.-]+).?: No such file", re.I)),
    ("settings", re.compile(
        r"\[emerg\]|yaml: (?:line|unmarshal)|YAMLException|ScannerError|JSONDecodeError|SyntaxError: .*JSON"
        r"|(?:invalid|bad|malformed|could not parse|failed to (?:parse|load|read)) (?:the )?config(?:uration)?"
        r"|unknown (?:flag|option|argument|directive)|unrecognized (?:arguments|option)", re.I)),
    ("memory", re.compile(
        r"heap out of memory|OutOfMemoryError|MemoryError|cannot allocate memory|out of memory", re.I)),
    ("file", re.compile(
        r"(?:FileNotFoundError|no such file or directory|ENOENT|can't open file|cannot open|not found)"
        r"[^'\"/\n]*['\"]?(?P<about>/?[\w./-]*\.?[\w-]+)?", re.I)),
)  # fmt: skip
_HOSTS = (
    re.compile(
        r"(?:host name|lookup|getaddrinfo \w+|UnknownHostException:|could not resolve(?: host)?:?|server at"
        r"|waiting for(?: host| service)?) " + _HOST,
        re.I,
    ),
    re.compile(
        r"(?:connect(?:ion|ing)?(?: to)?(?: server)?(?: at)?\b|dial tcp|ECONNREFUSED|reach|host[=: ]) ?"
        + _HOST
        + r"(?::(?P<port>\d+))?",
        re.I,
    ),
    re.compile(r"\b(?P<about>[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*):(?P<port>\d{2,5})\b"),
)
_PAIR = re.compile(r"[(\[]\s*['\"](?P<about>[a-z][\w.-]*)['\"],\s*(?P<port>\d{2,5})\b")  # as in source code
_NOT_HOSTS = frozenset(
    "to at the server error failed refused timed localhost socket tcp on port address is with a".split()
)
_STAMPED = re.compile(r"/\.\.\d{4}(?:_\d\d){5}\.\d+/")  # where the kubelet keeps the files of a ConfigMap
_PYTHON_AT = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_NODE_AT = re.compile(r"^\s+at .*?\(?(?P<file>[^\s()]+):(?P<line>\d+):\d+\)?$")
_JAVA_AT = re.compile(r"^\s+at [\w.$<>]+\((?P<file>\w+\.(?:java|kt|scala)):(?P<line>\d+)\)")
_GO_AT = re.compile(r"^\s+(?P<file>/\S+\.go):(?P<line>\d+)")
_RUBY_AT = re.compile(r"^\s*(?:\d+: )?(?:from )?(?P<file>[^\s:]+\.rb):(?P<line>\d+):in ")
_RUBY_HEAD = re.compile(r"^(?P<file>[^\s:]+\.rb):(?P<line>\d+):in .*\((?:\w+::)*\w+\)$")
_LIBRARY = re.compile(
    r"site-packages|/gems/|node_modules|/usr/(?:local/)?(?:lib|go)|<frozen|node:internal|/runtime/|importlib"
)
_HEADLINE = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught |panic: )?"
    r"(?P<type>[A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning|Interrupt|Timeout)|panic)(?P<rest>:? .*|:.*|$)"
)


def scan(text: str) -> Clue | None:
    """The likely cause in a log: a known sign, preferably in the last exception; None when it says nothing."""
    lines = [line.rstrip() for line in _STAMPED.sub("/", text).splitlines() if line.strip()]
    if not lines:
        return None
    headline, where = _exception(lines)
    order = [lines[headline], *reversed(lines[-60:])] if headline is not None else list(reversed(lines[-60:]))
    for kind, sign in _SIGNS:
        for line in order:
            if match := sign.search(line):
                about = next((value for value in match.groupdict().values() if value), "")
                if kind in ("name", "connection"):
                    about = _host(line) or _in_code(order[:30]) or _host(" ".join(order[:4]))
                return Clue(kind, line.strip(), _around(lines, line), where, about)
    if headline is not None:
        return Clue("exception", lines[headline].strip(), _around(lines, lines[headline]), where)
    return _plain_error(lines)


def _plain_error(lines: list[str]) -> Clue | None:
    for line in reversed(lines[-40:]):
        if re.search(r"\b(?:fatal|error|panic|critical|failed|exception)\b", line, re.I):
            return Clue("error", line.strip(), _around(lines, line))
    return None


def _exception(lines: list[str]) -> tuple[int | None, str]:
    """The line that names the last exception, and where in the own code it came from."""
    for index in range(len(lines) - 1, max(len(lines) - 150, -1), -1):
        line = lines[index]
        if _HEADLINE.match(line.strip()) or line.startswith("panic: ") or _RUBY_HEAD.match(line):
            return index, _place(lines, index)
    return None, ""


def _place(lines: list[str], index: int) -> str:
    """File and line nearest to the fault, in the program's own code if any of it is there."""
    before = [match for line in lines[max(index - 60, 0) : index] if (match := _PYTHON_AT.match(line))]
    after = [
        match
        for line in ([lines[index]] if _RUBY_HEAD.match(lines[index]) else []) + lines[index + 1 : index + 40]
        if (match := _NODE_AT.match(line) or _JAVA_AT.match(line) or _GO_AT.match(line) or _RUBY_AT.match(line))
    ]
    ordered = [*reversed(before)] or after
    own = [match for match in ordered if not _LIBRARY.search(match["file"])] or ordered
    return f"{own[0]['file']}:{own[0]['line']}" if own else ""


def _host(line: str) -> str:
    """host or host:port that a line speaks of."""
    for pattern in _HOSTS:
        for match in pattern.finditer(line):
            name = match["about"]
            if (
                name
                and name.lower() not in _NOT_HOSTS
                and re.search(r"[a-z]", name)
                and not name.endswith((".py", ".js", ".go"))
            ):
                port = match.groupdict().get("port")
                return f"{name}:{port}" if port else name
    return ""


def _in_code(lines: list[str]) -> str:
    """host:port in a line of source code that a traceback shows."""
    found = next((match for line in lines if (match := _PAIR.search(line))), None)
    return f"{found['about']}:{found['port']}" if found else ""


def _around(lines: list[str], line: str) -> tuple[str, ...]:
    at = len(lines) - 1 - lines[::-1].index(line)
    return tuple(lines[max(at - 2, 0) : at + 2])
