"""Every test that touches a database runs on SQLite, and on PostgreSQL too when TEST_DATABASE_URL
names a server whose user may create databases: each test gets a database of its own."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url, text

from app.main import create_app
from app.settings import Settings

_POSTGRES = os.environ.pop("TEST_DATABASE_URL", None)
for name in list(os.environ):
    if name.startswith("DATABASE_"):
        del os.environ[name]


@pytest.fixture(params=["sqlite", "postgres"] if _POSTGRES else ["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/todos.db"
        return
    assert _POSTGRES
    name = f"todo_test_{uuid.uuid4().hex[:12]}"
    server = make_url(_POSTGRES).set(drivername="postgresql+psycopg")
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def app(database_url: str) -> FastAPI:
    return create_app(Settings(database_url=database_url))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Against the application with its database migrated."""
    with TestClient(app, raise_server_exceptions=False) as client:
        while not app.state.lifecycle.migrated:
            assert app.state.lifecycle.failure is None, app.state.lifecycle.failure
        yield client


@pytest.fixture
def say(client: TestClient) -> Callable[[str], str]:
    """Say something on Monday, 23 November 2026, and get the reply."""

    def _say(message: str) -> str:
        answer = client.post("/chat", json={"message": message, "today": "2026-11-23"})
        assert answer.status_code == 200, answer.text
        return answer.json()["reply"]

    return _say
