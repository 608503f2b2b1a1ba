"""Helpers without a cluster: their scripts say the same, their images are known by name, their words are answers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tools.errors import BadRequest
from tools.kubernetes.helpers.answers import answer
from tools.kubernetes.helpers.images import _instruments, command, script, script_name  # pyright: ignore
from tools.kubernetes.helpers.job import NEVER_READY, helper_job, helper_ref, small_container, stays_at_most
from tools.kubernetes.helpers.position import Position
from tools.kubernetes.helpers.running import Ran
from tools.kubernetes.helpers.volumes import Reader

INSTRUMENTS = [name for name in ("python3", "node", "perl") if shutil.which(name)]


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/down" else 200)
        self.end_headers()
        self.wfile.write(b'{"path": "' + self.path.encode() + b'"}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def shut() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _run(instrument: str, *arguments: object) -> list[dict[str, object]]:
    argv = [*command(instrument), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_script_tells_the_same(instrument: str, port: int, shut: int) -> None:
    assert _run(instrument, "resolve", "localhost", 0, "-", 3)[0]["error"] == ""
    assert _run(instrument, "resolve", "nobody.invalid", 0, "-", 3)[0]["error"] == "unresolved"
    found = _run(instrument, "connect", "127.0.0.1", f"{port},{shut}", "-", 3)
    assert [(one["port"], one["error"]) for one in found] == [(port, ""), (shut, "refused")]
    got = _run(instrument, "http", "127.0.0.1", port, f"http://127.0.0.1:{port}/health?deep=1", 3)[0]
    assert (got["status"], got["error"], got["body"]) == (200, "", '{"path": "/health?deep=1"}')
    down = _run(instrument, "http", "127.0.0.1", port, f"http://127.0.0.1:{port}/down", 3)[0]
    assert down["status"] == 503


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_who_accepts_and_never_answers_is_a_timeout(instrument: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        port = silent.getsockname()[1]
        told = _run(instrument, "http", "127.0.0.1", port, f"http://127.0.0.1:{port}/", 1)[0]
    assert (told["stage"], told["error"]) == ("http", "timeout")


def test_scripts_are_known_by_their_text() -> None:
    assert script_name(script("node")) == "ask.js"
    assert script_name("sleep") == ""


@pytest.mark.parametrize(
    ("image", "tools"),
    [
        ("docker.io/library/python:3.13-slim", ("python3",)),
        ("registry.example.com/base/node:22@sha256:aa", ("node",)),
        ("localhost:5001/library/postgres:15-bookworm", ("perl",)),
        ("nginx:1.29-alpine", ()),
        ("localhost:5001/todo-backend:ccd02f43b19a", ()),
        ("team/node-exporter:v1", ()),
    ],
)
def test_images_are_known_by_the_last_part_of_their_name(image: str, tools: tuple[str, ...]) -> None:
    assert _instruments(image) == tools


def test_a_helper_removes_itself_and_gets_no_traffic() -> None:
    pod = {
        "metadata": {"name": "web-1"},
        "spec": {"nodeName": "n1", "serviceAccountName": "web", "containers": [{"name": "web", "image": "x"}]},
    }
    place = Position("pod web-1", "shop", pod, {"app": "web"})
    ref = helper_ref("shop", "check")
    job = helper_job(ref, place, [small_container("c", "x", ["true"], {})], seconds=10, labels=place.labels)
    spec = job["spec"]["template"]["spec"]
    assert spec["readinessGates"] == [{"conditionType": NEVER_READY}]
    assert job["spec"]["template"]["metadata"]["labels"] == {"app": "web"}
    assert (spec["serviceAccountName"], spec["restartPolicy"]) == ("web", "Never")
    assert not spec["automountServiceAccountToken"]
    assert spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert job["spec"]["ttlSecondsAfterFinished"] > 0
    assert stays_at_most(job) < 300
    assert spec["containers"][0]["securityContext"]["runAsNonRoot"]


def test_a_path_stays_within_the_volume() -> None:
    reader = Reader("data", Position("x", "shop"), {}, (), ())
    assert reader.inside("/logs/./today") == "/volume/logs/today"
    assert reader.inside("/") == "/volume"
    assert reader.inside("-rf") == "/volume/-rf"  # never an option
    with pytest.raises(BadRequest, match="leads out"):
        reader.inside("logs/../../etc")


ABOUT = {"host": "backend", "url": "http://backend:8000/", "source": "frontend", "near": ["backend-api"]}


def _told(**found: object) -> Ran:
    base = {"port": 8000, "stage": "connect", "error": "", "detail": "", "addresses": ["10.0.0.1"], "ms": 3}
    return Ran({"python3": json.dumps({**base, **found})})


@pytest.mark.parametrize(
    ("asks", "ran", "good", "words"),
    [
        ("connect", _told(), True, "Yes: frontend connects to backend:8000"),
        ("connect", _told(error="refused"), False, "refused at once"),
        ("connect", _told(error="timeout"), False, "NetworkPolicy"),
        ("connect", _told(error="unresolved", stage="resolve", detail="unknown"), False, "Did you mean backend-api?"),
        ("resolve", _told(stage="resolve"), True, "backend resolves to 10.0.0.1"),
        ("http", _told(stage="http", status=200, reason="OK", body="hello"), True, "answers 200 OK"),
        ("http", _told(stage="http", status=404, reason="Not Found"), False, "It is reached, but"),
        ("http", _told(stage="http", error="timeout"), False, "connects, but gets no answer"),
    ],
)
def test_an_answer_says_yes_or_no_and_why(asks: str, ran: Ran, good: bool, words: str) -> None:
    found = answer(asks, ABOUT, ran)
    assert (found.answered, found.good) == (True, good)
    assert words in found.text


@pytest.mark.parametrize("output", ["", "Traceback …", "[1, 2]", '"text"', "{", '{"stage": "x"}'])
def test_what_is_no_report_is_no_answer(output: str) -> None:
    found = answer("connect", ABOUT, Ran({"python3": output}))
    assert not found.answered
    assert not found.good


def test_an_image_without_the_programs_is_said() -> None:
    found = answer("connect", ABOUT, Ran({}, "image web:1 has none of the programs that are needed for it"))
    assert not found.answered
    assert "with image python:3.13-slim" in found.text
