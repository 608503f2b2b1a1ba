"""What the end of a log says about why a program ended."""

import pytest

from tools.kubernetes.diagnose.endings import meaning
from tools.kubernetes.diagnose.logscan import scan

PYTHON = """INFO starting
Traceback (most recent call last):
  File "/app/main.py", line 12, in <module>
    pay()
  File "/app/pay.py", line 3, in pay
    return d["price"]
  File "/usr/lib/python3.13/site-packages/x.py", line 9, in get
    raise KeyError(k)
KeyError: 'price'
"""
NODE = """listening soon
/app/server.js:10
    throw new TypeError("no route")
TypeError: no route
    at node:internal/main:1:1
    at start (/app/server.js:10:11)
"""
GO = """panic: runtime error: index out of range [3]

goroutine 1 [running]:
main.main()
	/src/app/main.go:8 +0x1d
"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: no config
	at com.example.App.start(App.java:42)
"""


@pytest.mark.parametrize(
    ("text", "where"),
    [(PYTHON, "/app/pay.py:3"), (NODE, "/app/server.js:10"), (GO, "/src/app/main.go:8"), (JAVA, "App.java:42")],
)
def test_exceptions_point_into_the_own_code(text, where):
    clue = scan(text)
    assert clue.kind == "exception"
    assert clue.where == where


@pytest.mark.parametrize(
    ("line", "kind", "about"),
    [
        ("psycopg.OperationalError: connection to server at \"db\" (10.0.0.1), port 5432 failed: Connection refused",
         "connection", "db"),
        ("Error: connect ECONNREFUSED redis:6379", "connection", "redis:6379"),
        ("dial tcp: lookup databse on 10.96.0.10:53: no such host", "name", "databse"),
        ("Error: getaddrinfo ENOTFOUND postgres", "name", "postgres"),
        ("could not translate host name \"pg-main\" to address: Name or service not known", "name", "pg-main"),
        ("FATAL: password authentication failed for user \"app\"", "login", ""),
        ("KeyError: 'API_URL'", "variable", "API_URL"),
        ("DATABASE_URL is not set", "variable", "DATABASE_URL"),
        ("ModuleNotFoundError: No module named 'flask'", "module", "flask"),
        ("Error: listen EADDRINUSE: address already in use :::8080", "port", ""),
        ("OSError: [Errno 30] Read-only file system: '/data/x'", "read-only", ""),
        ("PermissionError: [Errno 13] Permission denied: '/var/run/x'", "permission", ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/etc/app.yaml'", "file", "/etc/app.yaml"),
        ("write /data/x: no space left on device", "disk", ""),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "memory", ""),
    ],
)  # fmt: skip
def test_signs(line, kind, about):
    clue = scan(f"starting\n{line}\n")
    assert clue is not None
    assert (clue.kind, clue.about) == (kind, about)


def test_the_last_failure_counts():
    clue = scan("Error: connect ECONNREFUSED redis:6379\n" * 3 + "retrying\n" + PYTHON)
    assert clue.where == "/app/pay.py:3"


@pytest.mark.parametrize("text", ["", "\n\n", "all is well\nbye"])
def test_a_log_that_says_nothing(text):
    assert scan(text) is None


def test_endings():
    assert "SIGKILL" in meaning(137)
    assert "does not exist" in meaning(127)
    assert "finished" in meaning(0)
    assert meaning(77)
    assert "signal" in meaning(159).lower() or "SIG" in meaning(159)
