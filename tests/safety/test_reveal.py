"""A person may see one value on the terminal, after typing its name; nothing else ever gets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli.reveal import asked
from agent.session import TOOLS
from tests.agent.terminal import Terminal
from tests.conftest import CLUSTER_CONTEXT
from tools.catalog import Effect
from tools.context import Context

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
VALUE = "reveal-Canary-7Qx"
SECRET = f"""
apiVersion: v1
kind: Secret
metadata: {{name: db}}
stringData: {{password: {VALUE}, user: bob}}
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("show me the password in secret db", ("db", "password", None)),
        ("reveal secret/db password", ("db", "password", None)),
        ("reveal secret db", ("db", None, None)),
        ("print API_KEY of the secret keys in namespace shop.", ("keys", "API_KEY", "shop")),
        ("show secrets", None),
        ("show secret db", None),
        ("who uses secret db", None),
        ("delete secret db", None),
    ],
)
def test_which_requests_mean_it(text: str, wanted: tuple[str, str | None, str | None] | None) -> None:
    assert asked(text) == wanted


def test_no_mind_has_a_tool_for_it() -> None:
    assert not [tool.name for tool in TOOLS if tool.effect is Effect.REVEAL or "reveal" in tool.name]


@pytest.mark.cluster
class TestOnACluster:
    @pytest.fixture(autouse=True)
    def secret(self, ctx: Context, apply: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
        apply(SECRET)
        monkeypatch.chdir(ctx.root)

    @pytest.fixture
    def flags(self, ctx: Context) -> tuple[str, ...]:
        return ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))

    def test_it_shows_after_the_name_was_typed_and_only_the_fact_is_kept(
        self, ctx: Context, flags: tuple[str, ...]
    ) -> None:
        with Terminal(SHIPMATE, *flags, "reveal", "db", "password") as terminal:
            terminal.see("Type db")
            assert VALUE not in terminal.raw
            terminal.type("db\r")
            terminal.see(VALUE)
            terminal.see("Enter hides it")
            terminal.type("\r")
            terminal.see("Shown and hidden again")
            assert terminal.wait() == 0
            after = terminal.raw.rpartition("\x1b[?1049l")[2]
            assert VALUE not in after
        record = json.loads((ctx.state / "journal.jsonl").read_text().splitlines()[-1])
        assert (record["type"], record["data"]["secret"]["name"], record["data"]["key"]) == (
            "revealed",
            "db",
            "password",
        )
        assert record["data"]["by"]
        assert not [path for path in kept(ctx) if VALUE.encode() in path.read_bytes()]

    def test_in_the_chat_no_turn_holds_it(self, ctx: Context, flags: tuple[str, ...]) -> None:
        with Terminal(SHIPMATE, *flags) as chat:
            chat.say("show me the password in secret db")
            chat.see("Type db")
            chat.type("db\r")
            chat.see(VALUE)
            chat.see("Enter hides it")
            chat.type("\r")
            chat.see("hidden again")
            chat.say("describe secret db")
            chat.see("never shown")
            assert chat.leave() == 0
        assert not [path for path in kept(ctx) if VALUE.encode() in path.read_bytes()]

    @pytest.mark.parametrize(
        ("words", "typed", "why"),
        [(("db", "password"), "yes", "not 'db'"), (("db",), None, "password, user"), (("db", "pin"), None, "no key")],
    )
    def test_it_is_refused(self, flags: tuple[str, ...], words: tuple[str, ...], typed: str | None, why: str) -> None:
        with Terminal(SHIPMATE, *flags, "reveal", *words) as terminal:
            if typed:
                terminal.see("Type db")
                terminal.type(f"{typed}\r")
            terminal.see(why)
            assert terminal.wait() in (2, 11)
            assert VALUE not in terminal.raw

    def test_read_only_reveals_nothing(self, flags: tuple[str, ...]) -> None:
        with Terminal(SHIPMATE, *flags, "--mode", "read-only", "reveal", "db", "password") as terminal:
            terminal.see("read-only")
            assert terminal.wait() == 11

    def test_without_a_terminal_it_is_refused(self, flags: tuple[str, ...]) -> None:
        done = subprocess.run(
            [SHIPMATE, *flags, "reveal", "db", "password"], capture_output=True, text=True, check=False, input="db\n"
        )
        assert done.returncode == 11
        assert VALUE not in done.stdout + done.stderr

    def test_a_policy_can_forbid_it(self, ctx: Context, flags: tuple[str, ...], tmp_path: Path) -> None:
        policy = tmp_path / "config" / "shipmate" / "policy.yaml"
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text("rules:\n  - deny: {effect: reveal}\n")
        with Terminal(SHIPMATE, *flags, "reveal", "db", "password") as terminal:
            terminal.see("denied")
            assert terminal.wait() == 11


def kept(ctx: Context) -> list[Path]:
    """Every file that Shipmate keeps."""
    return [path for path in ctx.state.rglob("*") if path.is_file()]
