"""What the API server's refusals mean, told once, for every tool.

The `Status` that the server sent stays reachable as the `__cause__` of the error that is raised (`status_of`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.errors import BadRequest, Conflict, Failed, Forbidden, NotFound, ShipmateError, Unreachable


class Denied(Failed):
    """The server understood and said no: quota, PodSecurity, an admission policy or a webhook."""


class AlreadyExists(Conflict):
    """There is an object of that name already."""


class OutcomeUnknown(Failed):
    """The connection broke after a write was sent: it may have happened or not."""


class Cause(NamedTuple):
    """One detail of a refusal: `field` is a path like spec.replicas, `reason` the server's word for it."""

    field: str
    reason: str
    message: str


class Status(Exception):
    """The API server's own words: HTTP code, reason (NotFound, Invalid, …), message and causes.

    `next_page` continues a list whose token had expired (code 410).
    """

    def __init__(
        self, code: int, reason: str, message: str, causes: tuple[Cause, ...] = (), next_page: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes
        self.next_page = next_page


_RIGHTS = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource|path) "(?P<what>[^"]*)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_ESCALATION = "attempting to grant RBAC permissions not currently held"
_ADMISSION = re.compile(
    r"exceeded quota|failed quota|violates PodSecurity|ValidatingAdmissionPolicy|MutatingAdmissionPolicy"
    r"|admission webhook .* denied|LimitRanger|(?:maximum|minimum) .* usage per|is being terminated"
)
_UID_NOISE = re.compile(r"Operation cannot be fulfilled on ")


def status_of(error: BaseException) -> Status | None:
    """The server's status behind an error of the door, if it came from the server."""
    cause = error.__cause__
    return cause if isinstance(cause, Status) else None


def not_carried_out(error: ShipmateError) -> bool:
    """Whether a write that ended so surely changed nothing: it was refused, or never reached the server."""
    status = status_of(error)
    return status.code < 500 if status else not isinstance(error, OutcomeUnknown)


def parse_status(code: int, body: bytes) -> Status:
    """Read a `Status` object; anything else (a proxy's page, plain text) becomes its first line."""
    try:
        data: Any = json.loads(body)
    except ValueError:
        data = None
    if not isinstance(data, Mapping) or data.get("kind") != "Status":
        text = body.decode("utf-8", "replace").strip().splitlines()
        return Status(code, "", text[0][:300] if text else f"HTTP {code}")
    details: Mapping[str, Any] = data.get("details") or {}
    causes = tuple(
        Cause(item.get("field", ""), item.get("reason", ""), item.get("message", ""))
        for item in details.get("causes") or ()
    )
    next_page = (data.get("metadata") or {}).get("continue") or ""
    return Status(code, data.get("reason") or "", data.get("message") or f"HTTP {code}", causes, next_page)


def _sentence(message: str) -> str:
    """The server's message as one clean sentence."""
    message = re.sub(r"\s+", " ", _UID_NOISE.sub("", message)).strip()
    message = re.sub(r'^[A-Z]\w+ in version "[^"]+" cannot be handled as a \w+: ', "", message)
    message = re.sub(r'^error when creating "[^"]*": ', "", message)
    message = message[:1].upper() + message[1:]
    return message if message.endswith((".", "!", "?")) else message + "."


def translate(status: Status, method: str, path: str) -> ShipmateError:
    """The error of ours that says what `status` means for this request."""
    code, message = status.code, _sentence(status.message)
    rights = _RIGHTS.search(status.message)
    if code in (401, 403) and not rights and _ADMISSION.search(status.message):
        return Denied(message)
    if code == 401:
        return Forbidden(
            "The cluster does not accept the credentials of this context.",
            "Log in again, or choose another context with --context (kubectl config get-contexts).",
        )
    if code == 403 and rights:
        return _missing_right(rights)
    if code == 403 and _ESCALATION in status.message:
        return Forbidden(message, "A role can only grant what its author is allowed to do.")
    if code == 403:
        return Denied(message) if method not in ("GET", "HEAD") else Forbidden(message)
    if code == 404:
        return NotFound(message if status.reason else f"The cluster does not serve {path}.")
    if code == 409:
        return AlreadyExists(message) if status.reason == "AlreadyExists" else Conflict(message)
    if code in (400, 405, 406, 413, 415, 422):
        return BadRequest(message)
    if code == 410:
        return Conflict("What was being read has changed too much since.", "Read it again.")
    if code == 429:
        return Failed("The API server is too busy to answer.", "Try again in a minute.")
    if code in (502, 503, 504):
        return Unreachable(f"The API server is not ready (HTTP {code}): {message}", "Try again in a minute.")
    return Failed(f"The API server failed (HTTP {code}): {message}")


def _missing_right(match: re.Match[str]) -> Forbidden:
    plural, slash, part = match["what"].partition("/")
    what = plural + (f".{match['group']}" if match["group"] else "") + slash + part
    where = f" in namespace {match['namespace']}" if match["namespace"] else ""
    option = f" -n {match['namespace']}" if match["namespace"] else ""
    return Forbidden(
        f"The user {match['user']} may not {match['verb']} {what}{where}.",
        f"Ask for that right; `kubectl auth can-i {match['verb']} {what}{option}` checks it.",
    )
