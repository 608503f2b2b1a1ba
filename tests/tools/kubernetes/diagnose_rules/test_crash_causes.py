"""Why a program ended, by its code and its last words."""

from __future__ import annotations

import pytest

from tests.tools.kubernetes.diagnose_rules.made import crashed, found, ids, pod, service, snapshot, workload
from tools.kubernetes.diagnose.logscan import scan

RUBY = """starting
/app/pay.rb:7:in 'charge': undefined method '+' for nil (NoMethodError)
\tfrom /app/main.rb:3:in '<main>'
"""


def crash(said: str, code: int = 1, reason: str = "Error", **more):
    owner = workload("app")
    one = pod(owner, ready=False, status={**crashed(code, reason), **more})
    return [owner, one], {f"{one['metadata']['name']}/main/previous": said}


@pytest.mark.parametrize(
    ("said", "id", "word"),
    [
        ("exec /app/server: exec format error", "SM-CRASH-ARCHITECTURE", "architecture"),
        ("error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file",
         "SM-CRASH-LIBRARY", "libpq.so.5"),
        ("/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found", "SM-CRASH-LIBRARY", "GLIBC_2.38"),
        ("ModuleNotFoundError: No module named 'flask'", "SM-CRASH-MODULE", "flask"),
        ("Error: Cannot find module 'express'", "SM-CRASH-MODULE", "express"),
        ("sh: 1: curl: not found", "SM-CRASH-PROGRAM", "curl"),
        ("x509: certificate has expired or is not yet valid: current time 2026", "SM-CRASH-CERTIFICATE", "refuses"),
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED]", "SM-CRASH-CERTIFICATE", "refuses"),
        ("token used before issued", "SM-CRASH-CLOCK", "clock"),
        ("sqlite3.OperationalError: database is locked", "SM-CRASH-LOCK", "lock"),
        ("ERROR: relation \"users\" does not exist at character 15", "SM-CRASH-SCHEMA", "table"),
        ("FATAL: database \"shop\" does not exist", "SM-CRASH-SCHEMA", "database"),
        ("nginx: [emerg] unexpected \"}\" in /etc/nginx/conf.d/x.conf:3", "SM-CRASH-SETTINGS", "settings"),
        ("yaml: line 4: could not find expected ':'", "SM-CRASH-SETTINGS", "line 4"),
        (RUBY, "SM-CRASH-EXCEPTION", "/app/pay.rb:7"),
        ("bind: address already in use", "SM-CRASH-PORT", "taken"),
        ("mkdir: cannot create directory '/data': Permission denied", "SM-CRASH-PERMISSION", "may not"),
        ("open /var/log/x: read-only file system", "SM-CRASH-READ-ONLY", "read-only"),
    ],
)  # fmt: skip
def test_last_words(said, id, word):
    objects, logs = crash(said)
    (one,) = found(snapshot(*objects, logs=logs))
    assert one.id == id
    assert word in one.summary


def test_killed_by_seccomp_is_told_from_the_code():
    objects, logs = crash("", code=159)
    (one,) = found(snapshot(*objects, logs=logs))
    assert "seccomp" in one.summary


def test_a_dependency_that_is_down_is_one_finding_about_the_dependency():
    objects, logs = crash("dial tcp database:5432: connect: connection refused")
    owner = workload("database")
    other = pod(owner, ready=False, status=crashed(127, "StartError"))
    (one,) = found(snapshot(*objects, owner, other, service("database", "database"), logs=logs))
    assert (one.subject.name, one.id) == ("database", "SM-CRASH-COMMAND")
    assert any("deployment app" in text for text in one.chain)


def test_an_old_crash_of_a_container_that_is_well_is_history():
    owner = workload("app")
    past = {"restartCount": 5, "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-03-10T10:00:00Z"}}}
    assert ids(snapshot(owner, pod(owner, status=past))) == []


@pytest.mark.parametrize("said", ["GET /users 200", "certificate loaded", "using config /etc/app.yaml"])
def test_words_of_a_healthy_program_are_no_sign(said):
    assert scan(said) is None
