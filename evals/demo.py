"""`make demo`: the todo chatbot from source to a running, broken, mended and undone release, by asking.

Each line with › is typed into `shipmate ask` as a person would; what follows is what it answers. The demo ends 0 only
if every step did what it says, and it can be run again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

from tools.data import data_folder
from tools.provision.made import by_name

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
CONTEXT = "shipmate"
CONVERSATION = f"demo-{token_hex(3)}"
BROKEN = "todo-backend:does-not-exist"


class DemoFailed(Exception):
    """A step did not do what it promises."""


def main() -> int:
    started = time.monotonic()
    try:
        tell_story()
    except DemoFailed as failed:
        print(f"\nThe demo failed: {failed}")
        return 1
    print(f"\nAll of it worked, in {time.monotonic() - started:.0f} s. The page: {page()}   Talk on: make chat")
    return 0


def tell_story() -> None:
    """Every chapter of the demo, in order."""
    ask("deploy the todo app")
    if "3/3" in ask("status", quiet=True):  # left from a demo before this one
        ask("scale the backend to 1")
    ask("deploy backend with 3 replicas")
    check("three backend pods are ready", lambda: "3/3" in ask("status", quiet=True))
    use_the_page()
    ask(f"set the image of the backend to {BROKEN}", expect=(13,))
    explained = ask("why is the backend not healthy?")
    if "image" not in explained.lower():
        raise DemoFailed("the broken image was not found to be the cause")
    ask("undo that")
    check("three backend pods are ready again", lambda: "3/3" in ask("status", quiet=True))
    use_the_page()


def ask(request: str, expect: tuple[int, ...] = (0,), quiet: bool = False) -> str:
    """Put one request to Shipmate in the demo's conversation, show what it says, and return that."""
    if not quiet:
        print(f"\n\033[1m› {request}\033[0m", flush=True)
    argv = [SHIPMATE, "--context", CONTEXT, "--workspace", str(data_folder("charts").parent)]
    argv += ["-n", "todo-chatbot"] if request == "status" else []
    argv += ["ask", "--yes", "-c", CONVERSATION, request]
    said: list[str] = []
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=None if not quiet else subprocess.DEVNULL, text=True
    ) as run:
        assert run.stdout
        for line in run.stdout:
            said.append(line)
            if not quiet:
                print(line, end="", flush=True)
    if run.returncode not in expect:
        raise DemoFailed(f"{request!r} ended with {run.returncode} instead of {expect[0]}")
    return "".join(said)


def use_the_page() -> None:
    """Load the page through the ingress and add a todo by chat, as a browser does."""
    base = page()
    todo = f"todo {token_hex(2)}"
    check("the page answers through the ingress", lambda: "<html" in fetch(f"{base}/"))
    reply = json.loads(fetch(f"{base}/api/chat", {"message": f"add {todo}"}))["reply"]
    listed = fetch(f"{base}/api/todos")
    if todo not in listed:
        raise DemoFailed(f"the todo {todo!r} was not kept: {listed[:200]}")
    print(f'  the page: "add {todo}" → {reply!r}', flush=True)


def page() -> str:
    """Where the built-in cluster's ingress answers."""
    cluster = by_name(CONTEXT)
    if not cluster:
        raise DemoFailed("the built-in cluster is not up")
    return cluster.ingress


def fetch(url: str, body: dict[str, str] | None = None) -> str:
    """GET, or POST of a JSON body; the text of the answer, empty while nothing answers."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 a loopback address
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
            return reply.read().decode()
    except OSError:
        return ""


def check(what: str, holds: Callable[[], bool], seconds: int = 60) -> None:
    """Wait until it holds, for at most so long."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise DemoFailed(f"{what}: no")
        time.sleep(1)
    print(f"  ✔ {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
