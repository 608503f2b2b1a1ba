"""The chat on a terminal, as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.terminal import CTRL_C, CTRL_D, CTRL_U, TAB, UP, Terminal
from tests.conftest import CLUSTER_CONTEXT
from tools.context import Context

PROMPT = "›"
PASTED = "\x1b[200~{}\x1b[201~"  # what a terminal sends of the clipboard
SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
FOLDER = Path(__file__).parent
WEB = (FOLDER / "web.yaml").read_text()
STUCK = (FOLDER / "slow.yaml").read_text()
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
"""


def lines(*words: str) -> str:
    """What the program prints without a terminal."""
    return subprocess.run([SHIPMATE, *words], capture_output=True, text=True, check=False, timeout=120).stdout


class TestWithoutACluster:
    @pytest.fixture(autouse=True)
    def nothing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
        monkeypatch.chdir(tmp_path)

    def test_it_greets_and_leaves(self) -> None:
        with Terminal(SHIPMATE) as chat:
            assert chat.leave() == 0

    def test_a_message_typed_before_anything_is_loaded(self) -> None:
        with Terminal(SHIPMATE) as chat:
            chat.say("help")
            shown = chat.see("scale")
            assert "Traceback" not in shown
            assert chat.leave() == 0

    def test_ctrl_c_at_the_prompt_drops_the_line_and_stays(self) -> None:
        with Terminal(SHIPMATE) as chat:
            chat.see(PROMPT)
            chat.type(f"delete everyth{CTRL_C}")
            chat.say("help")
            assert "everything" not in chat.see("scale")
            assert chat.leave() == 0

    def test_an_error_is_one_sentence_and_the_chat_goes_on(self) -> None:
        with Terminal(SHIPMATE) as chat:
            chat.see(PROMPT)
            chat.say("list pods")
            assert "Traceback" not in chat.see("cluster up")
            chat.say("help")
            chat.see("scale")

    def test_history_comes_back_in_the_next_chat(self) -> None:
        with Terminal(SHIPMATE) as chat:
            chat.see(PROMPT)
            chat.say("help")
            chat.see("scale")
            chat.leave()
        with Terminal(SHIPMATE) as chat:
            chat.see(PROMPT)
            chat.type(UP)
            chat.see("help")

    @pytest.mark.parametrize("text", ["é" * 3000, "部署 backend 🚀 👩‍👩‍👧", PASTED.format("x" * 20_000)], ids=range(3))
    def test_long_lines_and_wide_signs(self, text: str) -> None:
        with Terminal(SHIPMATE, columns=60) as chat:
            chat.see(PROMPT)
            chat.type(f"{text}\rexit\r")
            assert chat.wait() == 0
            assert "Traceback" not in chat.raw


@pytest.mark.cluster
class TestOnACluster:
    @pytest.fixture
    def chat(self, ctx: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Terminal]:
        monkeypatch.chdir(ctx.root)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
        return lambda *more, **how: Terminal(SHIPMATE, *flags, *more, **how)

    def test_a_plan_is_shown_whole_edited_refused_and_replaced(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        with chat() as terminal:
            terminal.say("scale web to 2")
            shown = terminal.see("Apply it?")
            assert "replicas: 2" in shown
            assert str(ctx.namespace) in shown
            terminal.say("show")
            assert "replicas: 2" in terminal.see("Apply it?")
            terminal.say("edit")
            terminal.see(PROMPT)
            terminal.type(f"{CTRL_U}scale web to 3\r")
            assert "replicas: 3" in terminal.see("Apply it?")
            terminal.say("scale web to 4")
            assert "replicas: 4" in terminal.see("Apply it?")
            terminal.say("n")
            terminal.see("nothing was changed")
            assert terminal.leave() == 0
        assert replicas(ctx, "web") == 1
        assert [status for _, status in statuses()] == ["refused", "replaced", "replaced"]

    def test_a_yes_applies_and_undo_takes_back(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        with chat() as terminal:
            terminal.say("scale web to 2")
            terminal.see("Apply it?")
            terminal.say("y")
            terminal.see("2 of 2 replicas ready")
            assert replicas(ctx, "web") == 2
            terminal.see(PROMPT)
            terminal.say("undo that")
            terminal.see("Apply it?")
            terminal.say("yes")
            terminal.see("1 of 1 replica ready")
        assert replicas(ctx, "web") == 1

    def test_ctrl_c_while_a_rollout_is_watched(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(STUCK)
        with chat() as terminal:
            terminal.say("scale anchor to 2")
            terminal.see("Apply it?")
            terminal.say("y")
            terminal.see("replicas ready")
            terminal.type(CTRL_C)
            shown = terminal.see(PROMPT)
            assert "Stopped." in shown
            assert "step 1 was applied" in shown
            terminal.say("list deployments")
            terminal.see("anchor")
            assert terminal.leave() == 0
        assert replicas(ctx, "anchor") == 2
        records = [json.loads(line) for line in lines("journal", "export").splitlines()]
        assert [record["type"] for record in records] == [
            "proposed", "approved", "intent", "outcome", "verified", "resolved",
        ]  # fmt: skip
        assert records[3]["data"]["status"] == "applied"
        assert records[4]["data"]["healthy"] is False
        assert statuses()[0][1] == "applied"

    def test_ctrl_c_at_the_question_keeps_the_plan(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        with chat() as terminal:
            terminal.say("scale web to 2")
            terminal.see("Apply it?")
            terminal.type(CTRL_C)
            assert "still waits" in terminal.see(PROMPT)
            assert statuses()[0][1] == "pending"
            terminal.say("y")
            terminal.see("2 of 2 replicas ready")

    def test_a_name_to_type(self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]) -> None:
        apply(CLAIM)
        with chat() as terminal:
            terminal.say("delete pvc data")
            assert "cannot be undone" in terminal.see("Type data to apply it")
            terminal.say("y")
            terminal.see("Type data to apply it")
            terminal.say("dta")
            assert "nothing was done" in terminal.see("Type data to apply it")
            ctx.cluster.get(f"/api/v1/namespaces/{ctx.namespace}/persistentvolumeclaims/data")
            terminal.say("data")
            terminal.see("gone")

    def test_tab_completes_names(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB.replace("name: web", "name: quarterdeck"))
        with chat() as terminal:
            terminal.say("list deployments")
            terminal.see("quarterdeck")
            terminal.see(PROMPT)
            for _ in range(20):  # the names come in the background
                terminal.type(f"describe quarterd{TAB}")
                if terminal.shows("eck", 1):
                    return
                terminal.type(CTRL_C)
            pytest.fail("Tab never completed the name")

    def test_a_narrow_terminal_keeps_the_frame(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        with chat(columns=60) as terminal:
            terminal.say("scale web to 2")
            card = [line for line in terminal.see("Apply it?").splitlines() if line.startswith(("│", "╭", "╰"))]
            assert len({len(line) for line in card}) == 1
            assert len(card[0]) <= 60

    def test_no_color_is_obeyed(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        with chat(env={"NO_COLOR": "1"}) as terminal:
            terminal.say("scale web to 2")
            terminal.see("Apply it?")
            assert "\x1b[32m" not in terminal.raw
            assert "\x1b[31m" not in terminal.raw

    def test_text_of_the_cluster_cannot_command_the_terminal(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(
            WEB.replace(
                "{name: web}", r'{name: web, annotations: {kubernetes.io/change-cause: "\e]0;owned\a\e[2J"}}', 1
            )
        )
        with chat() as terminal:
            terminal.say("show the rollout history of web")
            terminal.see("owned")
            terminal.say("delete deployment web")
            terminal.see("Apply it?")
            assert "\x1b]0;owned" not in terminal.raw
            assert "\x1b[2J" not in terminal.raw
            terminal.say("n")
            terminal.see("nothing was changed")

    def test_ask_on_a_terminal_asks(
        self, ctx: Context, chat: Callable[..., Terminal], apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        with chat("ask", "scale web to 2") as terminal:
            terminal.see("Apply it?")
            terminal.say("y")
            terminal.see("2 of 2 replicas ready")
            assert terminal.wait() == 0
        with chat("ask", "scale web to 3") as terminal:
            terminal.see("Apply it?")
            terminal.type(CTRL_D)
            terminal.see("still waits")
            terminal.wait()
        assert replicas(ctx, "web") == 2


def replicas(ctx: Context, name: str) -> int:
    return ctx.cluster.get(f"/apis/apps/v1/namespaces/{ctx.namespace}/deployments/{name}")["spec"]["replicas"]


def statuses() -> list[tuple[str, str]]:
    """The plans, newest first: what was asked and what became of it."""
    return [(plan["request"], plan["status"]) for plan in json.loads(lines("plan", "-o", "json"))]
