"""Requests to try something, in many wordings, and those that only look like it."""

from __future__ import annotations

import json

import pytest

from agent.minds.planner.interpret import interpret
from agent.minds.planner.meaning import Interpretation, Memory
from agent.minds.planner.reading.facts import StaticFacts

FACTS = StaticFacts(components=("frontend", "backend", "database"))
SAID = """
can frontend talk to backend? | check_connection target=backend source=frontend
Can the frontend pod reach the backend service on port 8000? | check_connection target=backend source=frontend port=8000
is backend reachable from frontend? | check_connection target=backend source=frontend
check whether frontend can connect to database:5432 | check_connection target=database:5432 source=frontend
please test the connection from frontend to backend | check_connection target=backend source=frontend
check http://backend/live from frontend | check_connection target=http://backend/live source=frontend
from frontend, curl http://backend/live | check_connection target=http://backend/live source=frontend
ping backend from frontend | check_connection target=backend source=frontend
check backend:80 from frontend with image python:3 | check_connection target=backend:80 source=frontend image=python:3
resolve backend from frontend | check_dns name=backend source=frontend
does kubernetes.default resolve from frontend? | check_dns name=kubernetes.default source=frontend
can frontend resolve backend? | check_dns name=backend source=frontend
list the files in claim data | list_volume claim=data path=/
what files are in the data volume? | list_volume claim=data path=/
show the first 200 bytes of logs/app.log in claim data | list_volume claim=data path=logs/app.log head=200
start a debug copy of backend for 10 minutes | debug_copy name=backend minutes=10
"""
READ = """
show the errors of backend | log_errors name=backend
what errors are in the logs of backend since 1h? | log_errors name=backend since=1h
show me the errors of backend of the previous run | log_errors name=backend previous=True
logs of backend around the crash | crash_log name=backend
"""
OTHERS = """
can you restart backend?
what is wrong with backend?
why can't frontend reach backend?
can we talk to somebody?
create a network policy so that only frontend can reach backend
list the claims
scale backend to 3 and then check whether frontend can talk to backend
"""


@pytest.mark.parametrize("line", [line for line in SAID.splitlines() if line])
def test_what_is_to_be_tried(line: str) -> None:
    sentence, _, wanted = (part.strip() for part in line.partition("|"))
    tool, *slots = wanted.split()
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Interpretation)
    assert [(step.tool, step.change) for step in meaning.calls] == [(tool, True)]
    expected = {
        key: int(value) if value.isdigit() else value for key, _, value in (one.partition("=") for one in slots)
    }
    assert json.dumps(meaning.calls[0].arguments, sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize("line", [line for line in READ.splitlines() if line])
def test_what_is_read_of_logs(line: str) -> None:
    sentence, _, wanted = (part.strip() for part in line.partition("|"))
    tool, *slots = wanted.split()
    meaning = interpret(sentence, FACTS)
    assert isinstance(meaning, Interpretation)
    assert [(step.tool, step.change) for step in meaning.calls] == [(tool, False)]
    assert {f"{key}={value}" for key, value in meaning.calls[0].arguments.items()} == {*slots}


def test_it_is_what_was_spoken_of() -> None:
    meaning = interpret("can it talk to the database?", FACTS, Memory(subject={"name": "backend"}))
    assert isinstance(meaning, Interpretation)
    assert meaning.calls[0].arguments == {"target": "database", "source": "backend"}


@pytest.mark.parametrize("sentence", [line for line in OTHERS.splitlines() if line])
def test_what_only_looks_like_it(sentence: str) -> None:
    meaning = interpret(sentence, FACTS)
    tools = {step.tool for step in meaning.calls} if isinstance(meaning, Interpretation) else set[str]()
    assert not tools & {"check_connection", "check_dns", "list_volume", "debug_copy"}
