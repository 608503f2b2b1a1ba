"""The process as it runs in a container: starting, waiting, stopping."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BACKEND = Path(__file__).parents[1]
Start = Callable[..., "Process"]


class Process:
    """`python -m app` on a free port."""

    def __init__(self, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        own = {"PORT": str(self.port), "LISTEN_HOST": "127.0.0.1", "SHUTDOWN_DELAY_SECONDS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=BACKEND,
            env=os.environ | own | environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str) -> int:
        """The status, 0 when nothing listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def wait_for(self, path: str, status: int) -> None:
        for _ in range(600):
            if self.get(path) == status:
                return
            assert self.process.poll() is None, self.end()
            time.sleep(0.05)
        raise AssertionError(f"{path} never answered {status}")

    def end(self) -> list[dict[str, object]]:
        """Wait for the end; the log lines, each of which must be JSON."""
        return [json.loads(line) for line in self.process.communicate(timeout=60)[0].splitlines()]


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Process] = []

    def _start(**environment: str) -> Process:
        running.append(Process(environment))
        return running[-1]

    yield _start
    for one in running:
        one.process.kill()
        one.process.communicate()


def test_three_that_start_at_once_migrate_once(start: Start, database_url: str) -> None:
    three = [start(DATABASE_URL=database_url) for _ in range(3)]
    for one in three:
        one.wait_for("/readyz", 200)
        assert one.get("/todos") == 200
    for one in three:
        one.process.send_signal(signal.SIGINT)
    messages = [line["message"] for one in three for line in one.end()]
    assert messages.count("Database migrated") == 1


def test_sigterm_finishes_what_is_under_way(start: Start, database_url: str) -> None:
    process = start(DATABASE_URL=database_url)
    process.wait_for("/readyz", 200)
    body = json.dumps({"title": "sent slowly"}).encode()
    slow = http.client.HTTPConnection("127.0.0.1", process.port, timeout=30)
    slow.putrequest("POST", "/todos")
    slow.putheader("Content-Type", "application/json")
    slow.putheader("Content-Length", str(len(body)))
    slow.endheaders(body[:5])

    process.process.terminate()
    process.wait_for("/readyz", 503)  # first told to the load balancer, while requests are still served
    assert process.get("/todos") == 200
    while process.get("/healthz"):
        time.sleep(0.05)
    slow.send(body[5:])
    assert slow.getresponse().status == 201
    slow.close()
    lines = process.end()
    assert process.process.returncode == 0
    assert lines[-1]["message"] == "Stopped"


def test_waits_for_a_database_that_comes_late(start: Start, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "todos.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    process = start(DATABASE_FILE=str(tmp_path / "todos.db"))
    process.wait_for("/healthz", 200)
    assert process.get("/readyz") == 503
    holder.execute("ROLLBACK")
    process.wait_for("/readyz", 200)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DATABASE_URL": "mysql://u:secret@db/x"}, "supported are sqlite and postgresql"),
        (
            {"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x", "DATABASE_WAIT_SECONDS": "0.5"},
            "did not answer",
        ),
        (
            {"DATABASE_FILE": "/nowhere/todos.db", "DATABASE_WAIT_SECONDS": "0"},
            "check that the folder exists",
        ),
        ({"PORT": "http"}, "PORT: "),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: "),
    ],
)
def test_what_cannot_work_ends_with_a_clear_error(
    start: Start, environment: dict[str, str], words: str
) -> None:
    process = start(**environment)
    lines = process.end()
    assert process.process.returncode == 1
    assert lines[-1]["level"] == "critical"
    assert words in str(lines[-1]["message"])
    assert "secret" not in json.dumps(lines)


def test_an_older_version_starts_on_a_newer_schema(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "todos.db"
    first = start(DATABASE_FILE=str(path))
    first.wait_for("/readyz", 200)
    first.process.send_signal(signal.SIGINT)
    first.end()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    second = start(DATABASE_FILE=str(path))
    second.wait_for("/readyz", 200)
    second.process.send_signal(signal.SIGINT)
    assert "The database has a newer schema than this version" in [line["message"] for line in second.end()]
