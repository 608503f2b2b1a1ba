"""Any chat model as a mind, through LangChain: the one module that imports it, loaded only when a model is set."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core import exceptions as langchain_errors
from langchain_core.language_models import BaseChatModel

from agent.minds.dialogue import Fence, Message, Secrets, messages
from agent.minds.mind import Ask, Call, Calls, Conversation, Move, Say, Turn, Writing
from agent.minds.reply import Reply, Telling
from tools.catalog import Tool
from tools.data import data_folder
from tools.errors import BadRequest, Failed, Forbidden, NotFound, ShipmateError, Unreachable
from tools.secrets.redact import redact_text

CONTEXT = 160_000  # characters of conversation that a model is sent, about 40,000 tokens
MAX_CALLS = 12  # tool calls in one reply
MAX_ROUNDS = 16  # replies with tool calls in one turn; then it has to answer
ATTEMPTS = 3  # for a reply whose calls cannot be trusted
SILENCE = 120  # seconds without a word from the model

_PLANNER = "Unset SHIPMATE_MODEL to go on with the built-in planner."
_ASK: dict[str, Any] = {
    "name": "ask",
    "description": "Ask the person one question, when something needed is missing or ambiguous.",
    "parameters": {
        "type": "object",
        "properties": {
            "question": {"type": "string"},
            "options": {"type": "array", "items": {"type": "string"}, "description": "the likely answers"},
        },
        "required": ["question"],
        "additionalProperties": False,
    },
}


class LangChainMind:
    """A mind that is a chat model; `spec` is `provider:model`, or a model of OpenAI's or of OPENAI_BASE_URL."""

    def __init__(self, spec: str, prompts: Path | None = None, context: int = CONTEXT) -> None:
        self._spec = spec
        self._system = ((prompts or data_folder("prompts")) / "system.md").read_text(encoding="utf-8")
        self._model = _open(spec)
        self._context = context
        self._fence = Fence()

    def next(self, conversation: Conversation) -> Iterator[Writing | Move]:
        """Stream the model's words, then its move."""
        turns = conversation.turns
        secrets = Secrets(turns)
        spent = _rounds(turns) >= MAX_ROUNDS
        sent = messages(self._system, turns, secrets, self._context, self._fence)
        if spent:
            sent.append(_note("You have used up your tool calls for this request. Answer from what you have seen."))
        tools = () if spent else conversation.tools
        for _ in range(ATTEMPTS):
            reply = yield from self._reply(sent, tools)
            try:
                move = _move(reply, secrets)
            except ValueError as problem:
                sent += _refused(reply, str(problem))
            else:
                yield move
                return
        raise Failed(f"The model {self._spec} gave no usable answer {ATTEMPTS} times in a row.", _PLANNER)

    def _reply(self, sent: list[Message], tools: Sequence[Tool]) -> Generator[Writing, None, Reply]:
        """One reply of the model, told while it comes."""
        reply, telling = Reply(), Telling()
        schemas = [*map(_schema, tools), _function(_ASK)] if tools else []
        try:
            model = self._model.bind_tools(schemas) if schemas else self._model
            for chunk in model.stream(sent):
                if said := telling.add(reply.add(chunk)):
                    yield Writing(text=said)
        except Exception as error:  # every provider raises its own
            raise _translated(error, self._spec) from error
        if said := telling.rest():
            yield Writing(text=said)
        return reply


def _open(spec: str) -> BaseChatModel:
    """The chat model that a spec names; raises BadRequest for an unknown provider or a missing package or key."""
    provider, colon, name = spec.partition(":")
    if not colon:
        provider, name = "openai", spec
    # Tracing would send conversations to a third party; only who asks for it gets it.
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    options: dict[str, Any] = {"timeout": SILENCE, "max_retries": 2}
    if provider == "openai":
        options |= _openai_options()
    try:
        return init_chat_model(name, model_provider=provider, **options)
    except ImportError as error:
        package = f"langchain-{provider.replace('_', '-')}"
        raise BadRequest(f"The package for models of {provider} is missing.", f"Install {package}.") from error
    except Exception as error:  # pydantic's, the provider's, or ValueError for an unknown provider
        raise BadRequest(
            f"The model {spec!r} cannot be opened: {_short(error)}", f"Set its API key and name. {_PLANNER}"
        ) from error


def _openai_options() -> dict[str, Any]:
    base = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    if not base:
        return {}
    # Other servers speak chat completions only, and many need no key while the library insists on one.
    key = os.environ.get("OPENAI_API_KEY") or "none"
    return {"base_url": base, "api_key": key, "use_responses_api": False, "stream_usage": True}


@cache  # longer in the making than all the rest of a reply, and sent with each
def _schema(tool: Tool) -> dict[str, Any]:
    parameters = tool.arguments.model_json_schema()
    parameters.pop("title", None)
    for one in parameters.get("properties", {}).values():
        one.pop("title", None)
    return _function({"name": tool.name, "description": tool.description, "parameters": parameters})


def _function(described: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": described}


def _move(reply: Reply, secrets: Secrets) -> Move:
    """The move that a reply is; raises ValueError, in words for the model, when it is none."""
    calls = reply.calls()
    if len(calls) > MAX_CALLS:
        raise ValueError(f"{len(calls)} tool calls at once are too many; make at most {MAX_CALLS}")
    question = next((call for call in calls if call.tool == "ask"), None)
    if question:
        return _question(question)
    if calls:
        restored = tuple(call.model_copy(update={"arguments": secrets.restore(call.arguments)}) for call in calls)
        return Calls(calls=restored, text=reply.text)
    if not reply.text.strip():
        raise ValueError("your reply was empty")
    return Say(text=redact_text(reply.text.strip()))


def _question(call: Call) -> Ask:
    text, options = call.arguments.get("question"), call.arguments.get("options") or []
    if not isinstance(text, str) or not text.strip() or not isinstance(options, list):
        raise ValueError("`ask` needs a question as text, and options as a list")
    return Ask(text=text.strip(), options=tuple(str(option) for option in options))


def _rounds(turns: Sequence[Turn]) -> int:
    """How many times tools were called since the person last spoke."""
    count = 0
    for turn in reversed(turns):
        if turn.role == "person":
            break
        count += turn.role == "tools"
    return count


def _refused(reply: Reply, problem: str) -> list[Message]:
    said = {"role": "assistant", "content": redact_text(reply.text)} if reply.text.strip() else None
    note = _note(f"Nothing was called: {problem}. Try again.")
    return [said, note] if said else [note]


def _note(text: str) -> Message:
    return {"role": "user", "content": f"Shipmate reports: {text}"}


def _translated(error: Exception, spec: str) -> ShipmateError:
    """A provider's error as one of ours."""
    match error:
        case langchain_errors.ModelConnectionError() | langchain_errors.ModelTimeoutError():
            return Unreachable(f"The model {spec} cannot be reached.", f"Check OPENAI_BASE_URL. {_PLANNER}")
        case langchain_errors.ModelAuthenticationError() | langchain_errors.ModelPermissionDeniedError():
            return Forbidden(f"The model {spec} refuses the API key.", f"Set the right key. {_PLANNER}")
        case langchain_errors.ModelNotFoundError():
            return NotFound(f"There is no model {spec}.", f"Correct SHIPMATE_MODEL. {_PLANNER}")
        case langchain_errors.ContextOverflowError():
            return Failed(f"The conversation is too long for {spec}.", "Begin a new one.")
        case langchain_errors.ModelRateLimitError():
            return Failed(f"The model {spec} has no capacity left for now.", f"Try again later. {_PLANNER}")
        case _:
            return Failed(f"The model {spec} failed: {_short(error)}", _PLANNER)


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return redact_text(lines[0][:300]).rstrip(".") + "."
