"""Reading and writing todos. Each method is one transaction, committed when it returns."""

from collections.abc import Sequence
from datetime import date
from typing import TypedDict

from sqlalchemy import ColumnElement, Engine, delete, func, select
from sqlalchemy.orm import sessionmaker

from app.models import Todo

LIST_LIMIT = 500
SEARCH_LIMIT = 5000


class TodoChange(TypedDict, total=False):
    """The fields to set; the ones left out stay."""

    title: str
    done: bool
    due: date | None


class TodoStore:
    """The todos of one database. Errors of the database pass through as SQLAlchemyError."""

    def __init__(self, engine: Engine) -> None:
        # Rows stay readable after their transaction.
        self._transaction = sessionmaker(engine, expire_on_commit=False).begin

    def add(self, title: str, due: date | None = None) -> Todo:
        with self._transaction() as session:
            todo = Todo(title=title, due=due)
            session.add(todo)
            return todo

    def get(self, todo_id: int) -> Todo | None:
        with self._transaction() as session:
            return session.get(Todo, todo_id)

    def change(self, todo_id: int, change: TodoChange) -> Todo | None:
        """The todo as it is now, None if there is none."""
        with self._transaction() as session:
            todo = session.get(Todo, todo_id, with_for_update=True)
            if todo is not None:
                for name, value in change.items():
                    setattr(todo, name, value)
            return todo

    def delete(self, todo_id: int) -> bool:
        """Whether there was one."""
        with self._transaction() as session:
            todo = session.get(Todo, todo_id, with_for_update=True)
            if todo is not None:
                session.delete(todo)
            return todo is not None

    def delete_done(self) -> int:
        """How many there were."""
        with self._transaction() as session:
            return len(session.scalars(delete(Todo).where(Todo.done).returning(Todo.id)).all())

    def list(self, done: bool | None = None, limit: int = LIST_LIMIT, offset: int = 0) -> Sequence[Todo]:
        """Open ones first, then what is due soonest, then the oldest."""
        order = (Todo.done, Todo.due.is_(None), Todo.due, Todo.id)
        query = select(Todo).where(*_state(done)).order_by(*order).limit(limit).offset(offset)
        with self._transaction() as session:
            return session.scalars(query).all()

    def counts(self) -> tuple[int, int]:
        """How many are open and how many are done."""
        with self._transaction() as session:
            found = dict(iter(session.execute(_COUNT)))
        return found.get(False, 0), found.get(True, 0)

    def newest(self) -> Sequence[Todo]:
        """What the chat searches for a name: matching words is done outside the database, in any alphabet."""
        with self._transaction() as session:
            return session.scalars(select(Todo).order_by(Todo.id.desc()).limit(SEARCH_LIMIT)).all()


_COUNT = select(Todo.done, func.count()).group_by(Todo.done)


def _state(done: bool | None) -> list[ColumnElement[bool]]:
    return [] if done is None else [Todo.done.is_(done)]
