"""The todo list and the chat over HTTP."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from app.chat.answer import answer
from app.lifecycle import Lifecycle
from app.metrics import Metrics
from app.models import Todo
from app.schemas import ChatIn, ChatOut, Limit, Offset, Problem, TodoId, TodoIn, TodoOut, TodoPatch
from app.store import LIST_LIMIT, TodoChange, TodoStore


def store(request: Request) -> TodoStore:
    """The store, once the database has its schema."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    if not lifecycle.migrated:
        raise HTTPException(503, "Still waiting for the database; try again shortly.", {"Retry-After": "2"})
    return cast(TodoStore, request.app.state.store)


Store = Annotated[TodoStore, Depends(store)]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}

router = APIRouter(responses={422: {"model": Problem}, 503: {"model": Problem}})


@router.get("/todos", response_model=list[TodoOut])
def list_todos(
    todos: Store, response: Response, done: bool | None = None, limit: Limit = 100, offset: Offset = 0
) -> Sequence[Todo]:
    """Open todos first, then what is due soonest. The header X-Total-Count counts those left out too."""
    number_open, number_done = todos.counts()
    total = {None: number_open + number_done, False: number_open, True: number_done}[done]
    response.headers["X-Total-Count"] = str(total)
    return todos.list(done, limit, offset)


@router.post("/todos", status_code=201, response_model=TodoOut)
def add_todo(todos: Store, todo: TodoIn, response: Response) -> Todo:
    """Add one."""
    added = todos.add(todo.title, todo.due)
    response.headers["Location"] = f"/todos/{added.id}"
    return added


@router.get("/todos/{todo_id}", response_model=TodoOut, responses=_MISSING)
def get_todo(todos: Store, todo_id: TodoId) -> Todo:
    """One todo."""
    return _found(todos.get(todo_id), todo_id)


@router.patch("/todos/{todo_id}", response_model=TodoOut, responses=_MISSING)
def change_todo(todos: Store, todo_id: TodoId, patch: TodoPatch) -> Todo:
    """Change the fields given."""
    change = cast(TodoChange, patch.model_dump(exclude_unset=True))
    return _found(todos.change(todo_id, change), todo_id)


@router.delete("/todos/{todo_id}", status_code=204, responses=_MISSING)
def delete_todo(todos: Store, todo_id: TodoId) -> None:
    """Delete one."""
    if not todos.delete(todo_id):
        raise _missing(todo_id)


@router.post("/chat", response_model=ChatOut)
def chat(todos: Store, said: ChatIn, request: Request) -> dict[str, object]:
    """Understand a sentence such as "add buy milk tomorrow", do it, and answer."""
    understood = answer(said.message, todos, said.today or _today())
    metrics: Metrics = request.app.state.metrics
    metrics.chat_messages.labels(understood.intent).inc()
    return {"reply": understood.reply, "todos": todos.list(limit=LIST_LIMIT)}


def _today() -> date:
    return datetime.now(UTC).date()


def _missing(todo_id: int) -> HTTPException:
    return HTTPException(404, f"There is no todo {todo_id}.")


def _found(todo: Todo | None, todo_id: int) -> Todo:
    if todo is None:
        raise _missing(todo_id)
    return todo
