"""Requests that another program makes, passed through this door: reads freely, writes only under the permit.

What is allowed is decided here from the request itself, because the program is not trusted to keep to the plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

from tools.errors import BadRequest, Refused, ShipmateError
from tools.kubernetes.door.errors import not_carried_out
from tools.kubernetes.door.paths import refuse_tunnel
from tools.kubernetes.door.transport import Transport
from tools.permit import Permit, require

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

# Queries that every program reads alike: behind a `#`, say, we would see a dry run that the server never hears of.
_QUERY = re.compile(r"(?:[A-Za-z0-9._~*+=&,:/@!()'$-]|%[0-9A-Fa-f]{2})*\Z")
_PROTOBUF = b"k8s\x00"  # what Kubernetes writes before a message
_REVIEWS = {
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
}


def forward(
    transport: Transport,
    permit: Permit | None,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> AbstractContextManager[BaseHTTPResponse]:
    """Send the request with the door's credentials; the answer is undecoded and perhaps endless."""
    written = check(permit, method, target, body or b"")
    relay = transport.relay(method, target, headers, body)
    return _watched(relay, permit, method, target.partition("?")[0]) if permit and written else relay


@contextmanager
def _watched(
    relay: AbstractContextManager[BaseHTTPResponse], permit: Permit, method: str, path: str
) -> Generator[BaseHTTPResponse]:
    """The answer to a write; one that was refused or never sent does not count as written."""
    with ExitStack() as opened:
        try:
            answer = opened.enter_context(relay)
        except ShipmateError as error:
            if not_carried_out(error):
                permit.withdraw("kubernetes", method, path)
            raise
        if answer.status < 400:
            permit.confirm("kubernetes", method, path)
        elif answer.status < 500:
            permit.withdraw("kubernetes", method, path)
        yield answer


def check(permit: Permit | None, method: str, target: str, body: bytes) -> bool:
    """Whether this is a write, which the approved step then shows; raises Refused for one that it does not."""
    path, _, query = target.partition("?")
    try:
        place = refuse_tunnel(path)
    except BadRequest as error:
        raise Refused(f"{method} was stopped: {error.message}") from error
    if not _QUERY.match(query):
        raise Refused(f"{method} {path} was stopped: its query is not plain.")
    if method in ("GET", "HEAD") or (method == "POST" and path in _REVIEWS):
        return False
    if not place.subresource and _changes_nothing(method, query, body):
        return False
    require(permit, "kubernetes", method, path)
    if method == "POST" and permit is not None:
        # The path of a creation is the collection's; which object it is, only the body says.
        name = _name(body)
        if not name or not permit.shows("kubernetes", f"{path}/{name}"):
            permit.withdraw("kubernetes", method, path)
            raise Refused(f"{method} {path} was stopped: the approved plan does not contain {name or 'this'}.")
    return True


def _changes_nothing(method: str, query: str, body: bytes) -> bool:
    """Whether the server will only pretend. For DELETE a body wins over the query, so it is what counts."""
    if method == "DELETE" and body:
        return _json(body).get("dryRun") == ["All"]
    return parse_qs(query, keep_blank_values=True).get("dryRun") == ["All"]


def _name(body: bytes) -> str:
    """The name in the object's metadata, from JSON or protobuf; empty when it cannot be told beyond doubt."""
    if body.startswith(_PROTOBUF):
        try:
            name = _field(_field(_field(body[len(_PROTOBUF) :], 2), 1), 1)  # Unknown.raw, .metadata, .name
            return name.decode()
        except (ValueError, IndexError):
            return ""
    metadata = _json(body).get("metadata")
    return str(cast(dict[str, Any], metadata).get("name") or "") if isinstance(metadata, dict) else ""


def _field(message: bytes, number: int) -> bytes:
    """The bytes of a protobuf message's one field of that number; raises ValueError unless there is exactly one."""
    found: list[bytes] = []
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 2:
            length, at = _varint(message, at)
            end = at + length
        elif kind == 0:
            _, end = _varint(message, at)
        else:
            end = at + {1: 8, 5: 4}.get(kind, len(message) + 1)
        if end > len(message):
            raise ValueError("the message is cut off")
        if key >> 3 == number and kind == 2:
            found.append(message[at:end])
        at = end
    if len(found) != 1:
        raise ValueError("the field is missing or repeated")
    return found[0]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _json(body: bytes) -> dict[str, Any]:
    """The body as an object; empty for whatever cannot be read, which is then refused."""
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return cast(dict[str, Any], data) if isinstance(data, dict) else {}
