"""A model's reply as it streams in: text, and tool calls from their raw pieces.

Libraries complete arguments that were cut off, so that `{"replicas": 1` (of `10`) would run. Here the raw text counts:
what is not whole JSON, or came with a reply that hit its length limit, is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from agent.minds.mind import Call
from tools.change import Json, is_unicode
from tools.secrets.known import REDACTED
from tools.secrets.redact import redact_text

_CUT_OFF = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})


@dataclass
class _RawCall:
    name: str
    id: str | None
    index: object
    arguments: str = ""


class Telling:
    """A reply's text while it comes, without secrets: the last words wait, as the next ones may show what they are."""

    _WAITING = 3  # words

    def __init__(self) -> None:
        self._line = ""
        self._told = 0  # characters of the clean line

    def add(self, said: str) -> str:
        """What can be shown after one more piece."""
        *whole, self._line = (self._line + said).split("\n")
        shown = ""
        for line in whole:
            shown += redact_text(line)[self._told :] + "\n"
            self._told = 0
        words = re.findall(r"\s*\S+", self._line)
        clean = redact_text("".join(words[: -self._WAITING])) if len(words) > self._WAITING else ""
        if redact_text(self._line).startswith(clean):
            shown += clean[self._told :]
            self._told = max(self._told, len(clean))
        return shown

    def rest(self) -> str:
        """What was still waiting when the reply ended."""
        return redact_text(self._line)[self._told :]


@dataclass
class Reply:
    """Gathers the chunks of one reply."""

    text: str = ""
    finish: str = ""
    _calls: list[_RawCall] = field(default_factory=list[_RawCall])

    def add(self, chunk: Any) -> str:
        """Take in one chunk and return its text."""
        said = str(chunk.text).encode(errors="replace").decode()  # half a character could not be shown or kept
        self.text += said
        metadata: dict[str, Any] = chunk.response_metadata or {}
        reason = metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")
        self.finish = str(reason or self.finish)
        pieces: list[dict[str, Any]] = getattr(chunk, "tool_call_chunks", None) or [
            {**call, "args": json.dumps(call["args"])} for call in chunk.tool_calls
        ] + [dict(call) for call in chunk.invalid_tool_calls]
        for piece in pieces:
            self._add_piece(piece)
        return said

    def calls(self) -> tuple[Call, ...]:
        """The calls under fresh ids; raises ValueError, in words for the model, where one cannot be trusted."""
        if self._calls and self.finish.lower() in _CUT_OFF:
            raise ValueError("your reply hit its length limit, so its tool calls may be incomplete; make them shorter")
        return tuple(
            # Servers send ids that are empty, missing or used before, so none of theirs is kept.
            Call(id=f"call_{uuid4().hex[:16]}", tool=_name(raw), arguments=_arguments(raw))
            for raw in self._calls
        )

    def _add_piece(self, piece: dict[str, Any]) -> None:
        name, id, index = piece.get("name"), piece.get("id") or None, piece.get("index")
        current = next((raw for raw in reversed(self._calls) if index is None or raw.index == index), None)
        if current is None or (name and _begins_anew(current, name, id)):
            current = _RawCall(name or "", id, index)
            self._calls.append(current)
        current.arguments += piece.get("args") or ""


def _begins_anew(current: _RawCall, name: str, id: str | None) -> bool:
    """Whether a piece with a name is another call; some servers repeat the name on every piece of one call."""
    if id and current.id:
        return id != current.id
    return name != current.name or _is_whole(current.arguments)


def _is_whole(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _name(raw: _RawCall) -> str:
    return raw.name.strip().removeprefix("functions.")


def _arguments(raw: _RawCall) -> dict[str, Json]:
    try:
        arguments = json.loads(raw.arguments or "{}")
    except ValueError:
        raise ValueError(f"the arguments of {raw.name} are not whole JSON") from None
    if isinstance(arguments, str) and _is_whole(arguments):  # encoded twice
        arguments = json.loads(arguments)
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments of {raw.name} are not a JSON object")
    if not is_unicode(arguments):
        raise ValueError(f"the arguments of {raw.name} hold half a character")
    if REDACTED in json.dumps(arguments):
        raise ValueError(f"{REDACTED} in the arguments of {raw.name} stands for a secret you were not shown")
    return arguments
