"""The command line as a person or a script meets it: exit codes, dry runs, one sentence for each mistake."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import CLUSTER_CONTEXT
from tools.context import Context

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
WEB = (Path(__file__).parent / "web.yaml").read_text()


def shipmate(*words: str, stdin: str | None = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program without a terminal."""
    return subprocess.run(
        [SHIPMATE, *words],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
        timeout=120,
    )


def test_version_and_help() -> None:
    assert shipmate("--version").stdout.startswith("shipmate ")
    helped = shipmate("--help")
    assert helped.returncode == 0
    for command in ("ask", "undo", "cluster", "doctor"):
        assert command in helped.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_commands(shell: str) -> None:
    script = shipmate("completion", shell).stdout
    assert "journal" in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_an_unknown_command_is_a_usage_error() -> None:
    done = shipmate("deplyo")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_chat_wants_a_terminal() -> None:
    done = shipmate()
    assert done.returncode == 2
    assert "shipmate ask" in done.stderr


@pytest.mark.parametrize("request_text", ["", "   ", "\n\t"])
def test_an_empty_request(request_text: str) -> None:
    done = shipmate("ask", request_text)
    assert done.returncode == 2
    assert "empty" in done.stderr


def test_no_cluster_at_all(tmp_path: Path) -> None:
    done = shipmate("ask", "list pods", KUBECONFIG=str(tmp_path / "none"))
    assert done.returncode == 3
    assert "cluster" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_cluster(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\n"
        "clusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: me, user: {token: abc}}]\n"
        "contexts: [{name: gone, context: {cluster: gone, user: me}}]\n"
    )
    done = shipmate("ask", "scale web to 2", "--kubeconfig", str(config))
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) <= 2


def test_an_unknown_context_names_those_that_exist(cluster_uid: str) -> None:
    done = shipmate("ask", "list pods", "--context", "no-such-context")
    assert done.returncode == 3
    assert "no-such-context" in done.stderr


def test_a_wrong_setting() -> None:
    done = shipmate("ask", "help", SHIPMATE_MODE="yolo")
    assert done.returncode == 2
    assert "mode" in done.stderr


@pytest.mark.parametrize("text", ["x" * 100_000, "\x00\x1b[31m\x07", "scale \u202eweb to 3"])
def test_absurd_text_is_answered_in_a_sentence(text: str, tmp_path: Path) -> None:
    done = shipmate("ask", stdin=text, KUBECONFIG=str(tmp_path / "none"))
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr


def test_an_unknown_plan() -> None:
    done = shipmate("plan", "approve", "nope")
    assert done.returncode == 2
    assert "no plan" in done.stderr


def test_the_journal_verifies() -> None:
    assert shipmate("journal", "verify").returncode == 0


def replicas(ctx: Context) -> int:
    return ctx.cluster.get(f"/apis/apps/v1/namespaces/{ctx.namespace}/deployments/web")["spec"]["replicas"]


@pytest.mark.cluster
class TestOnACluster:
    def test_without_a_yes_it_is_a_dry_run(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        done = shipmate("--context", CLUSTER_CONTEXT, "ask", "-n", str(ctx.namespace), "scale web to 2")
        assert done.returncode == 0, done.stderr
        assert "replicas: 2" in done.stdout
        assert "dry run" in done.stdout.lower()
        assert replicas(ctx) == 1

    def test_yes_applies_and_undo_takes_back(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
        assert shipmate("ask", *flags, "--yes", "scale web to 2").returncode == 0
        assert replicas(ctx) == 2
        assert shipmate("undo", *flags, "--yes").returncode == 0
        assert replicas(ctx) == 1
        assert shipmate("undo", *flags, "--yes").returncode == 2

    def test_a_plan_can_be_approved_later(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
        lines = shipmate("ask", *flags, "-o", "json", "scale web to 2").stdout.splitlines()
        plan = next(event["plan"] for event in map(json.loads, lines) if event["type"] == "plan")
        done = shipmate("plan", "approve", plan["id"], *flags)
        assert done.returncode == 0, done.stderr
        assert replicas(ctx) == 2
        assert shipmate("plan", "approve", plan["id"], *flags).returncode == 11

    def test_a_question_ends_with_ten(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        done = shipmate("ask", "--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace), "scale it")
        assert done.returncode in (2, 10)
        assert replicas(ctx) == 1

    def test_read_only_mode_has_no_changes(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace), "--mode", "read-only")
        done = shipmate("ask", *flags, "--yes", "scale web to 2")
        assert done.returncode in (2, 11)
        assert replicas(ctx) == 1

    def test_status_as_json(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        done = shipmate("status", "--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace), "-o", "json")
        assert done.returncode == 0, done.stderr
        assert "web" in json.dumps(json.loads(done.stdout))
