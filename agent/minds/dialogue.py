"""What a chat model is sent: the conversation as messages, without secrets, with data fenced, within a size.

Messages are plain dictionaries in the form that LangChain takes, so that this can be read and tested without it.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Iterator, Sequence
from secrets import token_bytes
from typing import Any

from agent.minds.mind import Call, Returned, Turn
from tools.change import Json
from tools.secrets.known import REDACTED, removed
from tools.secrets.redact import redact_object, redact_text
from tools.secrets.said import redact_said

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


class Fence:
    """Puts text from outside between marks that it cannot know, and so can neither close nor imitate.

    Each entry of a conversation has a mark of its own, which stays the same from request to request, so that what a
    server has in its cache stays valid.
    """

    def __init__(self, longest: int = LONGEST_RESULT, key: bytes | None = None) -> None:
        self.longest = longest
        self._key = key or token_bytes(32)

    def cut_to(self, longest: int) -> Fence:
        """The same marks around shorter texts."""
        return Fence(longest, self._key)

    def around(self, text: str, entry: str) -> str:
        """The text as data; `entry` names the place in the conversation that it belongs to."""
        mark = hmac.digest(self._key, entry.encode(), "sha256").hex()[:16]
        if len(text) > self.longest:
            half = self.longest // 2
            text = f"{text[:half]}\n… {len(text) - self.longest:,} characters left out …\n{text[-half:]}"
        safe = re.sub(r"<(?=\s*/?\s*data)", "&lt;", _visible(text).replace(mark, "…"), flags=re.IGNORECASE)
        return f"<data {mark}>\n{safe}\n</data {mark}>"


def _visible(text: str) -> str:
    """Signs that people do not see are written out, so that nothing reaches a model that a person would not find."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs") else f"\\u{{{ord(c):x}}}"
        for c in text
    )


def messages(
    system: str, turns: Sequence[Turn], secrets: Secrets, limit: int, fence: Fence | None = None
) -> list[Message]:
    """The conversation for a model, at most about `limit` characters: older exchanges go first, whole.

    The running exchange always stays; when it alone is too long, its tool results are cut short.
    """
    fence = fence or Fence()
    exchanges = _exchanges(turns)
    kept: list[Message] = []
    for index, exchange in enumerate(reversed(exchanges)):
        more = list(_exchange(exchange, secrets, fence))
        if index == 0 and _size(more) > limit:
            more = list(_exchange(exchange, secrets, fence.cut_to(SHORT_RESULT)))
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


def _exchange(turns: Sequence[Turn], secrets: Secrets, fence: Fence) -> Iterator[Message]:
    open_calls: dict[str, Call] = {}
    for turn in turns:
        if turn.role != "tools":
            yield from _unanswered(open_calls)
            open_calls = {call.id: call for call in turn.calls}
        match turn.role:
            case "person":
                yield {"role": "user", "content": secrets.hide(turn.text)}
            case "mind" if turn.reported:
                told = fence.around(secrets.cover(turn.text), turn.text)
                yield {"role": "user", "content": f"Shipmate reports: {told}"}
            case "mind":
                yield from _own(turn, secrets)
            case "tools":
                for entry in turn.returned:
                    if open_calls.pop(entry.call.id, None):
                        yield _tool_message(entry.call, _told(entry, secrets, fence))
            case "plan":
                fate = fence.around(secrets.cover(turn.text), f"{turn.plan_id} {turn.text}")
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


def _told(entry: Returned, secrets: Secrets, fence: Fence) -> str:
    if entry.error:
        return f"Error ({entry.error_kind}): {fence.around(secrets.cover(entry.error), entry.call.id)}"
    if entry.proposal:
        lines = [change.summary for change in entry.proposal.changes] or ["nothing to do"]
        told = "\n".join([*lines, *entry.proposal.notes])
        return f"Proposed; the person decides. {fence.around(secrets.cover(told), entry.call.id)}"
    return fence.around(secrets.cover(entry.result.text if entry.result else ""), entry.call.id)


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
