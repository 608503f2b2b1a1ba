"""External programs: what they print, how they fail, that they are stopped."""

import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tools.errors import Failed, Unreachable
from tools.progress import finish
from tools.provision import command
from tools.provision.folders import cache_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_and_input_go_through() -> None:
    assert command.run(python("print(input()[::-1])"), stdin="abc") == "cba\n"


def test_a_failure_names_the_program_and_quotes_the_end_of_its_output() -> None:
    with pytest.raises(Failed, match=r"failed \(3\).*the reason"):
        command.run(python("import sys; print('the reason', file=sys.stderr); sys.exit(3)"))


def test_a_missing_program_says_what_to_do() -> None:
    for start in (lambda: command.run(["no-such-program"]), lambda: finish(command.steps(["no-such-program"], "x"))):
        with pytest.raises(Unreachable, match="shipmate doctor"):
            start()


def test_a_program_that_hangs_is_given_up() -> None:
    with pytest.raises(Failed, match="no answer"):
        command.run(python("import time; time.sleep(60)"), timeout=0.2)


def test_long_work_tells_what_it_does_and_keeps_its_log_when_it_fails() -> None:
    steps = command.steps(python("print('half way', flush=True); raise SystemExit('broken')"), "Working")
    assert next(steps).text.startswith("Working (0:00)")
    with pytest.raises(Failed, match="broken") as caught:
        finish(steps)
    (log,) = cache_folder("log").glob("*.log")
    assert str(log) in caught.value.next_step
    assert "half way" in log.read_text()


def test_the_log_of_work_that_succeeded_goes_away() -> None:
    assert finish(command.steps(python("print('done')"), "Working")) == "done\n"
    assert list(cache_folder("log").iterdir()) == []


def test_closing_the_work_ends_the_program(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    steps = command.steps(python(code), "Working")
    while not (mark.exists() and mark.read_text()):
        next(steps)
    steps.close()
    pid = int(mark.read_text())
    with suppress(FileNotFoundError):
        while Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
            time.sleep(0.05)
