"""What goes over HTTP, and its limits."""

import unicodedata
from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.models import TITLE_LIMIT
from app.store import LIST_LIMIT

MESSAGE_LIMIT = 500


def one_line(text: str) -> str:
    """White space becomes single spaces. Raises ValueError on empty text and on control characters."""
    line = " ".join(text.split())
    if not line:
        raise ValueError("must not be empty")
    # NUL breaks PostgreSQL, others break terminals. Format characters (emoji joiners) stay.
    if any(unicodedata.category(character) == "Cc" for character in line):
        raise ValueError("must not contain control characters")
    return line


Title = Annotated[str, StringConstraints(max_length=TITLE_LIMIT), AfterValidator(one_line)]
Message = Annotated[str, StringConstraints(max_length=MESSAGE_LIMIT), AfterValidator(one_line)]
TodoId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=LIST_LIMIT)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


class TodoOut(BaseModel):
    """A todo as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    done: bool
    due: date | None
    created_at: datetime
    updated_at: datetime


class TodoIn(BaseModel):
    """A todo to add."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    due: date | None = None


class TodoPatch(BaseModel):
    """Fields to change: what is left out stays; `"due": null` removes the date."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    done: bool | None = None
    due: date | None = None

    @model_validator(mode="after")
    def _sensible(self) -> "TodoPatch":
        if not self.model_fields_set:
            raise ValueError("give at least one of title, done and due")
        for name in ("title", "done"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} must not be null")
        return self


class ChatIn(BaseModel):
    """Something that a person said."""

    model_config = ConfigDict(extra="forbid")

    message: Message
    today: date | None = Field(
        None,
        ge=date(2000, 1, 1),
        le=date(2999, 12, 31),
        description="The date where the person is; the server's (UTC) if left out.",
    )


class ChatOut(BaseModel):
    """The answer, and the list as it is after it."""

    reply: str
    todos: list[TodoOut]


class Problem(BaseModel):
    """Any error."""

    detail: str
    request_id: str | None = None
