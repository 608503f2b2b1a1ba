"""The command line as a person or a script meets it: exit codes, dry runs, one sentence for each mistake."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli.completion import FOLLOWING
from agent.cli.plain import clean
from tests.conftest import CLUSTER_CONTEXT
from tools.context import Context
from tools.errors import NotFound

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 16Mi}}}
"""
WEB = (Path(__file__).parent / "web.yaml").read_text()


def shipmate(*words: str, stdin: str | None = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program without a terminal."""
    return subprocess.run(
        [SHIPMATE, *words],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
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


def completed(line: str) -> set[str]:
    """What bash offers behind this line."""
    words = line.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    script = shipmate("completion", "bash").stdout
    script += f'COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _shipmate; printf "%s\\n" "${{COMPREPLY[@]}}"\n'
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, check=True)
    assert not done.stderr
    return set(done.stdout.split())


def test_bash_completes_commands_actions_and_flags() -> None:
    assert completed("shipmate jour") == {"journal"}
    assert completed("shipmate -n plan pl") == {"plan"}
    assert completed("shipmate plan app") == {"approve"}
    assert completed("shipmate -n x plan sh") == {"show"}
    assert completed("shipmate ask --ro") == {"--roll-back"}
    assert completed("shipmate ask --mode r") == {"read-only"}
    assert completed("shipmate --context no-such") == set()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_name_the_commands_and_read_their_script(shell: str) -> None:
    script = shipmate("completion", shell).stdout
    assert "journal" in script
    if program := shutil.which(shell):
        assert subprocess.run([program, "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.parametrize("command", FOLLOWING)
def test_what_completion_offers_is_there(command: str) -> None:
    helped = shipmate(command, "--help").stdout
    for word in FOLLOWING[command].split():
        assert word in helped


def test_an_unknown_command_is_a_usage_error() -> None:
    done = shipmate("jurnal")
    assert done.returncode == 2
    assert "shipmate journal" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


@pytest.mark.parametrize("words", [("scale web to 2",), ("scale", "web", "to", "2"), ("-n", "ask", "scale web to 2")])
def test_a_request_without_its_command_is_told_how(words: tuple[str, ...]) -> None:
    done = shipmate(*words)
    assert done.returncode == 2
    assert 'shipmate ask "scale web to 2"' in done.stderr


@pytest.mark.parametrize("words", [("plan", "show", "nope"), ("plan", "-n", "x", "show", "--mode", "ask", "nope")])
def test_flags_may_stand_anywhere(words: tuple[str, ...]) -> None:
    for line in ((*words, "--workspace", "."), ("--workspace", ".", *words)):
        done = shipmate(*line)
        assert done.returncode == 2
        assert "no plan 'nope'" in done.stderr


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


@pytest.mark.parametrize("text", ["\x1b[2J", "\x07", "a\rb", "\x9b31m", "\u202egnp", "\u2066x", "\udcff"])
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = clean(text)
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize("text", ["naïve – 部署 🚀 👩‍👩‍👧", "two\nlines\tand a tab"])
def test_text_for_people_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_will_do(encoding: str) -> None:
    done = shipmate("ask", "help", PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr


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

    @pytest.mark.parametrize("where", ["before", "after", "between"])
    def test_the_flags_mean_the_same_anywhere(self, ctx: Context, apply: Callable[[str], None], where: str) -> None:
        apply(WEB)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
        words = {
            "before": (*flags, "ask", "--yes", "scale web to 2"),
            "after": ("ask", "scale web to 2", "--yes", *flags),
            "between": ("ask", "scale", "web", *flags, "to", "--yes", "2"),
        }[where]
        done = shipmate(*words)
        assert done.returncode == 0, done.stderr
        assert replicas(ctx) == 2

    def test_a_pipe_gets_plain_text(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        done = shipmate("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace), "ask", "--yes", "scale web to 2")
        for text in (done.stdout, done.stderr):
            assert "\x1b" not in text
            assert not set(text) & set("│╭╰─⠋")
        told = done.stderr.splitlines()
        assert told
        assert len(told) == len(set(told))

    def test_json_is_one_event_a_line_and_nothing_else(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace), "-o", "json")
        done = shipmate("ask", *flags, "--yes", "scale web to 2")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.stderr == ""
        assert [event["type"] for event in events if event["type"] in ("plan", "step", "answer")] == [
            "plan", "step", "answer",
        ]  # fmt: skip

    def test_a_yes_is_not_enough_where_a_name_must_be_typed(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(CLAIM)
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace))
        path = f"/api/v1/namespaces/{ctx.namespace}/persistentvolumeclaims/data"
        for more in ((), ("--confirm", "dat"), ("-o", "json")):
            done = shipmate("ask", *flags, *more, "--yes", "delete pvc data")
            assert done.returncode == 11
            assert "--confirm data" in done.stdout + done.stderr
        ctx.cluster.get(path)
        assert shipmate("ask", *flags, "--yes", "--confirm", "data", "delete pvc data").returncode == 0
        with pytest.raises(NotFound):
            ctx.cluster.get(path)

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
