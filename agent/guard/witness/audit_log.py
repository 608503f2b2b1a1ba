"""An API server's audit log: events read as a stream, and what the witness needs to know of each request."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import parse_qs

from tools.errors import BadRequest, NotFound

Event = dict[str, Any]

_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
_TUNNELS = {"exec", "attach", "portforward", "proxy"}  # reach into a pod, a node or a service, by whatever verb
_ENDED = {"ResponseStarted", "ResponseComplete", "Panic"}
_REVIEWS = re.compile(r"(self)?subject(access|rules)?reviews|localsubjectaccessreviews|tokenreviews")
_MARK = re.compile(r"\(plan/(?P<plan>\S+) step/(?P<step>\d+) journal/(?P<journal>\S+)\)$")
NAME = "shipmate"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that changes something or reaches into something, as the API server answered it.

    code     HTTP status; 0 where the log does not say
    mark     (journal, plan, step) of Shipmate's mark, None without one
    pretends it was a dry run or a question about rights, so that nothing was stored
    """

    at: datetime
    method: str
    path: str
    code: int
    user: str
    agent: str
    manager: str
    namespace: str
    mark: tuple[str, str, int] | None
    pretends: bool

    @property
    def refused(self) -> bool:
        """Whether the server surely did nothing."""
        return 400 <= self.code < 500

    @property
    def done(self) -> bool:
        """Whether the server surely did it; what is neither done nor refused may be either."""
        return 0 < self.code < 400

    @property
    def of_shipmate(self) -> bool:
        return self.agent.startswith(f"{NAME}/") or self.manager == NAME


def read_events(paths: Iterable[str], *users: str) -> Iterator[Event]:
    """The events of these files (`-` is standard input, gzip is unpacked) that name Shipmate or one of the users.

    The first and the last event of each file come as well, since they tell how far the log reaches. A last line
    without an end is still being written and left out. Raises NotFound, or BadRequest for what is no audit log.
    """
    for path in paths:
        with _opened(path) as file:
            yield from events_in(file, words(*users), "standard input" if path == "-" else path)


def words(*users: str) -> tuple[bytes, ...]:
    """What a line must hold to be of interest: Shipmate's name, or one of these users as JSON writes it."""
    return tuple(
        json.dumps(word, ensure_ascii=ascii)[1:-1].encode() for word in (NAME, *users) for ascii in (True, False)
    )


def events_in(lines: Iterable[bytes], wanted: tuple[bytes, ...], source: str) -> Iterator[Event]:
    """The events in these lines that hold one of the wanted words, and the first and the last."""
    skipped, first = b"", True
    number = 0
    for number, line in enumerate(lines, start=1):
        if first or any(word in line for word in wanted):
            if not line.strip():
                continue
            yield from _parsed(line, number, source)
            first, skipped = False, b""
        else:
            skipped = line
    if skipped.strip():
        yield from _parsed(skipped, number, source)


def request_of(event: Event) -> Request | None:
    """What the event says of a change or a way in; None for reads, other stages and what changes nothing at all."""
    reference = cast(dict[str, Any], event.get("objectRef") or {})
    verb, resource = str(event.get("verb") or ""), str(reference.get("resource") or "")
    tunnel = reference.get("subresource") in _TUNNELS
    if event.get("stage") not in _ENDED or not (tunnel or verb in _METHODS):
        return None
    path, _, query = str(event.get("requestURI") or "").partition("?")
    asked = parse_qs(query, keep_blank_values=True)
    agent = str(event.get("userAgent") or "")
    mark = _MARK.search(agent)
    user = cast(dict[str, Any], event.get("impersonatedUser") or event.get("user") or {})
    return Request(
        at=moment(event),
        method=_METHODS.get(verb, "GET"),
        path=path,
        code=int((event.get("responseStatus") or {}).get("code") or 0),
        user=str(user.get("username") or ""),
        agent=agent,
        manager=(asked.get("fieldManager") or [""])[0],
        namespace=str(reference.get("namespace") or (reference.get("name") if resource == "namespaces" else "") or ""),
        mark=(mark["journal"], mark["plan"], int(mark["step"])) if mark else None,
        pretends=not tunnel and (_is_dry(event, asked) or bool(_REVIEWS.fullmatch(resource))),
    )


def identity_of(event: Event) -> tuple[str, str]:
    """What tells one request from another. Clients may choose the audit id, but not when the server received it."""
    return str(event.get("auditID") or ""), str(event.get("requestReceivedTimestamp") or "")


def moment(event: Event) -> datetime:
    """When the event was written; raises BadRequest for what is no audit event."""
    try:
        return datetime.fromisoformat(event["stageTimestamp"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest("The audit log holds an event without a time.", "Is it of audit.k8s.io/v1?") from error


def _is_dry(event: Event, asked: dict[str, list[str]]) -> bool:
    """For a deletion with options in its body, the server takes the dry run from there and forgets the query."""
    options = event.get("requestObject")
    if event.get("verb") in ("delete", "deletecollection") and isinstance(options, dict):
        return cast(dict[str, Any], options).get("dryRun") == ["All"]
    return asked.get("dryRun") == ["All"]


def _parsed(line: bytes, number: int, source: str) -> Iterator[Event]:
    """The event in a line, or the events where they came as a list; a shipper may have put a time before it."""
    try:
        found = json.loads(line[max(line.find(b"{"), 0) :])
    except ValueError as error:
        if not line.endswith(b"\n"):
            return
        raise BadRequest(f"Line {number} of {source} is not an audit event.", "It must be JSON, one a line.") from error
    if not isinstance(found, dict) or not str(found.get("apiVersion", "")).startswith("audit.k8s.io/"):
        raise BadRequest(f"Line {number} of {source} is not an audit event.", "Is it of audit.k8s.io/v1?")
    event = cast(Event, found)
    yield from cast(list[Event], event.get("items") or []) if event.get("kind") == "EventList" else [event]


def _opened(path: str) -> IO[bytes]:
    if path == "-":
        piped = BufferedReader(cast(RawIOBase, sys.stdin.buffer))
        packed = piped.peek(2)[:2] == b"\x1f\x8b"
        return cast(IO[bytes], gzip.open(piped)) if packed else piped
    try:
        with Path(path).open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        return cast(IO[bytes], gzip.open(path)) if packed else Path(path).open("rb")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path}.", "Name the audit log, or - for standard input.") from error
    except OSError as error:
        raise BadRequest(
            f"The audit log {path} cannot be read: {error.strerror}.", "Check its owner and mode."
        ) from error
