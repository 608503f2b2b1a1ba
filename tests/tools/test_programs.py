"""The runner of external programs: what reaches a program, what needs a permit, and that nothing is left running."""

import os
import time
from pathlib import Path

import pytest

from tools import programs
from tools.errors import BadRequest, Failed, Refused, Unreachable
from tools.permit import Permit
from tools.preview import Write


def allowed() -> Permit:
    return Permit("test", 1, (Write(door="program", method="sh", path="*"),))


def test_output_and_input_pass_through() -> None:
    with allowed().opened() as permit:
        output = programs.run(["sh", "-c", "cat; echo oops >&2"], input="hello", permit=permit)
    assert output == (0, "hello", "oops\n")


def test_a_program_that_is_not_known_to_read_needs_a_permit() -> None:
    with pytest.raises(Refused):
        programs.run(["sh", "-c", "true"])


def test_the_permit_must_show_the_command_line() -> None:
    with Permit("test", 1, (Write(door="program", method="sh", path="-c true"),)).opened() as permit:
        programs.run(["sh", "-c", "true"], permit=permit)
        with pytest.raises(Refused):
            programs.run(["sh", "-c", "false"], permit=permit)
    assert [write.path for write in permit.used] == ["-c true"]


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        ("helm template x chart", True),
        ("helm upgrade x chart --dry-run=server", True),
        ("helm upgrade x chart --dry-run=server --dry-run=none", False),
        ("helm upgrade x chart --dry-run=none", False),
        ("helm upgrade x chart", False),
        ("helm --kube-context=prod list", False),
        ("helm plugin install evil", False),
        ("kubectl get pods", False),
        ("kind get clusters", True),
        ("kind delete cluster", False),
        ("rm -rf x", False),
    ],
)
def test_only_known_command_lines_are_reads(line: str, reads: bool) -> None:
    program, *arguments = line.split()
    assert programs.reads_only(program, arguments) is reads


def test_tokens_and_hooks_of_the_environment_do_not_reach_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        "OPENAI_API_KEY",
        "HELM_PLUGINS",
        "HELM_POST_RENDERER",
        "KUBECTL_EXTERNAL_DIFF",
        "KUBECONFIG",
        "LD_PRELOAD",
    ):
        monkeypatch.setenv(name, "/nowhere/secret")
    with allowed().opened() as permit:
        output = programs.run(["sh", "-c", "env"], env={"OURS": "yes"}, permit=permit)
    assert "OURS=yes" in output.stdout
    assert "/nowhere/secret" not in output.stdout


def test_a_missing_program_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="not installed") as caught:
        programs.find("no-such-program-here", tmp_path)
    assert "doctor" in caught.value.next_step


def test_programs_of_the_own_cluster_are_found(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    own = tmp_path / "bin" / "only-ours"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert programs.find("only-ours", tmp_path) == str(own)


def test_a_failure_tells_the_last_lines_without_secrets() -> None:
    with allowed().opened() as permit, pytest.raises(Failed) as caught:
        programs.run(
            [
                "sh",
                "-c",
                "echo 'postgres://todo:hunter2secret@db/todo refused' >&2; exit 3",
            ],
            permit=permit,
        )
    assert "code 3" in caught.value.message
    assert "refused" in caught.value.message
    assert "hunter2secret" not in caught.value.message


def test_a_null_character_is_refused() -> None:
    with pytest.raises(BadRequest):
        programs.run(["helm", "version", "a\0b"])


def test_a_program_that_takes_too_long_is_stopped() -> None:
    with allowed().opened() as permit, pytest.raises(Failed, match="did not end"):
        programs.run(["sh", "-c", "sleep 60"], permit=permit, timeout=0.2)


def test_lines_come_while_it_runs_and_the_code_at_the_end() -> None:
    lines: list[str] = []
    with allowed().opened() as permit:
        steps = programs.stream(["sh", "-c", "echo one; echo two >&2; exit 4"], permit=permit)
        try:
            while True:
                lines.append(next(steps).text)
        except StopIteration as end:
            output = end.value
    assert sorted(lines) == ["one", "two"]
    assert output == (4, "one", "two")


def test_closing_the_stream_stops_the_program_and_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with allowed().opened() as permit:
        steps = programs.stream(
            ["sh", "-c", f"sleep 300 & echo $! > {pid_file}; echo started; wait"],
            permit=permit,
        )
        assert next(steps).text == "started"
        child = int(pid_file.read_text())
        steps.close()
    assert _gone(child)


def _gone(pid: int) -> bool:
    """Wait until a process has ended (a zombie whose parent does not reap it counts as ended)."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False
