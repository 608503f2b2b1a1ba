"""Probes, metrics, logs and request ids."""

import json
import logging

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.logs import JsonFormatter
from app.main import create_app
from app.settings import Settings


def test_ready_while_the_database_answers(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_not_ready_without_a_database_but_alive() -> None:
    app = create_app(Settings(database_url="postgresql://u:secret@127.0.0.1:1/none"))  # type: ignore[arg-type]
    with TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        refused = client.get("/todos")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert "todos{" not in client.get("/metrics").text


def test_a_database_that_goes_away_is_a_503_not_a_crash(app: FastAPI, client: TestClient) -> None:
    # A pool whose server is gone, as after the deletion of the database's pod.
    gone = create_app(Settings(database_url="postgresql://u:secret@127.0.0.1:1/none"))  # type: ignore[arg-type]
    app.state.engine, app.state.store = gone.state.engine, gone.state.store
    for answer in (client.get("/todos"), client.post("/chat", json={"message": "add milk"})):
        assert answer.status_code == 503
        assert answer.json()["detail"] == "The database does not answer; try again shortly."
    assert client.get("/readyz").json()["reason"] == "the database does not answer"
    assert client.get("/healthz").status_code == 200


def test_not_ready_when_stopping(app: FastAPI, client: TestClient) -> None:
    app.state.lifecycle.stopping.set()
    assert client.get("/readyz").status_code == 503
    assert client.get("/todos").status_code == 200


def test_metrics_count_by_route_not_by_path(client: TestClient) -> None:
    client.post("/chat", json={"message": "add milk"})
    client.get("/todos/1")
    client.get("/todos/2")
    client.get("/wp-login.php")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/todos/{todo_id}",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",route="/todos/{todo_id}",status="404"} 1.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'http_request_duration_seconds_count{method="POST",route="/chat",status="200"} 1.0' in text
    assert 'chat_messages_total{intent="add"} 1.0' in text
    assert 'todos{state="open"} 1.0' in text
    assert "wp-login" not in text


def test_request_ids_are_kept_or_made(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    made = client.get("/todos/7", headers={"X-Request-ID": 'evil" id'})
    assert len(made.headers["X-Request-ID"]) == 32
    assert made.json()["request_id"] == made.headers["X-Request-ID"]


def test_log_lines_are_json_with_the_request(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/todos?limit=5", headers={"X-Request-ID": "abc-1"})
        client.get("/healthz")
    access = [record for record in caplog.records if record.name == "app.access"]
    line = json.loads(JsonFormatter().format(access[0]))
    assert len(access) == 1
    assert (line["message"], line["method"], line["route"], line["status"]) == (
        "Request",
        "GET",
        "/todos",
        200,
    )


def test_an_unexpected_error_is_a_500_that_can_be_found(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the reason")

    answer = client.get("/broken", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Something went wrong here.", "request_id": "abc-1"}
    assert "the reason" in caplog.text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "sqlite:///todos.db"),
        ({"DATABASE_FILE": "/data/todos.db"}, "sqlite:////data/todos.db"),
        ({"DATABASE_URL": "postgres://u:p@db/x"}, "postgresql+psycopg://u:p@db/x"),
        ({"DATABASE_URL": "sqlite:///a.db", "DATABASE_HOST": "db"}, "sqlite:///a.db"),
        (
            {"DATABASE_HOST": "db", "DATABASE_PASSWORD": "a/b@c:d", "DATABASE_URL": ""},
            "postgresql+psycopg://todos:a%2Fb%40c%3Ad@db:5432/todos",
        ),
        (
            {"DATABASE_HOST": "db", "DATABASE_PORT": "tcp://10.0.0.1:6432"},
            "postgresql+psycopg://todos@db:6432/todos",
        ),
    ],
)
def test_where_the_database_is(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Settings().database().render_as_string(hide_password=False) == expected


@pytest.mark.parametrize("url", ["mysql://u:secret@db/x", "secret", "postgresql://u:secret@db:port/x"])
def test_a_wrong_database_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL") as raised:
        Settings(database_url=url).database()  # type: ignore[arg-type]
    assert "secret" not in str(raised.value)
