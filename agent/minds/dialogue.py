"""What a chat model is sent: the conversation as messages, without secrets, with data fenced, within a size.

Messages are plain dictionaries in the form that LangChain takes, so that this can be read and tested without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from agent.minds.mind import Call, Returned, Turn
from tools.change import Json
from tools.known import REDACTED, removed
from tools.redact import redact_object, redact_text
from tools.said import redact_said

Message = dict[str, Any]
LONGEST_RESULT = 16_000  # characters of one tool result
SHORT_RESULT = 1_500  # what is left of each result when the conversation has to be shortened
_MARK = "[secret-{}]"


class Secrets:
    """The secret values in what the person wrote. A model gets a mark for each; in its calls the value returns.

    So "set DB_PASSWORD=…" works while the password goes nowhere but to the tool.
    """

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._values: dict[str, str] = {}
        for turn in turns:
            if turn.role == "person":
                self.hide(turn.text)

    def hide(self, text: str) -> str:
        """The text with marks in place of secrets."""
        safe = redact_said(text)
        pieces, values = safe.split(REDACTED), removed(text, safe)
        if not values:
            return safe
        marks = [self._mark(value) for value in values]
        return "".join(piece + mark for piece, mark in zip(pieces, [*marks, ""], strict=True))

    def restore(self, value: Json) -> Json:
        """The arguments of a call with the values in place of the marks."""
        if isinstance(value, str):
            for secret, mark in self._values.items():
                value = value.replace(mark, secret)
            return value
        if isinstance(value, list):
            return [self.restore(item) for item in value]
        if isinstance(value, dict):
            return {name: self.restore(item) for name, item in value.items()}
        return value

    def cover(self, text: str) -> str:
        """Any other text: known secrets become their marks, the rest is redacted as usual."""
        for secret, mark in self._values.items():
            if len(secret) > 3:  # shorter ones would hit ordinary words
                text = text.replace(secret, mark)
        return redact_text(text)

    def _mark(self, value: str) -> str:
        if value == REDACTED:
            return REDACTED
        return self._values.setdefault(value, _MARK.format(len(self._values) + 1))


def messages(system: str, turns: Sequence[Turn], secrets: Secrets, limit: int) -> list[Message]:
    """The conversation for a model, at most about `limit` characters: older exchanges go first, whole.

    The running exchange always stays; when it alone is too long, its tool results are cut short.
    """
    exchanges = _exchanges(turns)
    kept: list[Message] = []
    for index, exchange in enumerate(reversed(exchanges)):
        more = list(_exchange(exchange, secrets, LONGEST_RESULT))
        if index == 0 and _size(more) > limit:
            more = list(_exchange(exchange, secrets, SHORT_RESULT))
        if index and _size(more) + _size(kept) > limit:
            break
        kept = more + kept
    return [{"role": "system", "content": system}, *kept]


def _exchanges(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Turns in groups that each begin with what a person said."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if turn.role == "person" or not groups:
            groups.append([])
        groups[-1].append(turn)
    return groups


def _exchange(turns: Sequence[Turn], secrets: Secrets, longest: int) -> Iterator[Message]:
    open_calls: dict[str, Call] = {}
    for turn in turns:
        if turn.role != "tools":
            yield from _unanswered(open_calls)
            open_calls = {call.id: call for call in turn.calls}
        match turn.role:
            case "person":
                yield {"role": "user", "content": secrets.hide(turn.text)}
            case "mind":
                yield from _own(turn, secrets)
            case "tools":
                for entry in turn.returned:
                    if open_calls.pop(entry.call.id, None):
                        yield _tool_message(entry.call, _told(entry, secrets, longest))
            case "plan":
                fate = _fence(secrets.cover(turn.text), longest)
                yield {"role": "user", "content": f"Shipmate reports: plan {turn.plan_id}: {fate}"}
    yield from _unanswered(open_calls)


def _own(turn: Turn, secrets: Secrets) -> Iterator[Message]:
    calls = [
        {
            "name": call.tool,
            "args": redact_object(_covered(call.arguments, secrets)),
            "id": call.id,
            "type": "tool_call",
        }
        for call in turn.calls
    ]
    text = secrets.cover(turn.text)
    if calls or text:
        yield {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}


def _unanswered(calls: dict[str, Call]) -> Iterator[Message]:
    """Providers refuse a conversation in which a call has no result, which a broken-off turn leaves behind."""
    for call in calls.values():
        yield _tool_message(call, "This call was not carried out.")
    calls.clear()


def _tool_message(call: Call, content: str) -> Message:
    return {"role": "tool", "tool_call_id": call.id, "name": call.tool, "content": content}


def _told(entry: Returned, secrets: Secrets, longest: int) -> str:
    if entry.error:
        return f"Error ({entry.error_kind}): {_fence(secrets.cover(entry.error), longest)}"
    if entry.proposal:
        lines = [change.summary for change in entry.proposal.changes] or ["nothing to do"]
        told = "\n".join([*lines, *entry.proposal.notes])
        return f"Proposed; the person decides. {_fence(secrets.cover(told), longest)}"
    return _fence(secrets.cover(entry.result.text if entry.result else ""), longest)


def _fence(text: str, longest: int) -> str:
    """Text from outside between marks that it cannot close itself."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]}\n… {len(text) - longest:,} characters left out …\n{text[-half:]}"
    safe = re.sub(r"<(?=/?\s*data)", "< ", text, flags=re.IGNORECASE)
    return f"<data>\n{safe}\n</data>"


def _covered(value: Json, secrets: Secrets) -> Json:
    if isinstance(value, str):
        return secrets.cover(value)
    if isinstance(value, list):
        return [_covered(item, secrets) for item in value]
    if isinstance(value, dict):
        return {name: _covered(item, secrets) for name, item in value.items()}
    return value


def _size(found: Sequence[Message]) -> int:
    return sum(len(str(message["content"])) + len(str(message.get("tool_calls", ""))) for message in found)
