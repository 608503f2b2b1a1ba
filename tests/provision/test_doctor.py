"""The examination: what is told, what is mended, and what never is without a yes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.cli import doctor as command
from agent.cli.main import main
from tools.errors import BadRequest, Failed
from tools.progress import Progress, Steps, finish
from tools.provision import checks, doctor
from tools.provision.doctor import Check, Mend, Observation, Surroundings


class Patient:
    """Something that is broken until it is mended."""

    def __init__(self) -> None:
        self.well = False

    def probe(self, _: Surroundings) -> Observation:
        if self.well:
            return Observation("ok", "version 2")
        return Observation("failed", "broken", Mend("mend it", self.mend))

    def mend(self) -> Steps[object]:
        yield Progress("mending")
        self.well = True


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    patient = Patient()
    monkeypatch.setattr(checks, "CHECKS", (Check("patient", "the test", patient.probe),))
    return patient


def test_every_check_says_what_it_is_needed_for() -> None:
    assert [check.name for check in checks.CHECKS] == [
        "docker", "kubectl", "helm", "cluster", "rights", "disk", "memory", "clock", "egress"
    ]  # fmt: skip
    assert all(check.needed_for for check in checks.CHECKS)


def test_looking_changes_nothing_and_fails_when_something_required_is_broken(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 1
    assert not patient.well
    out = capsys.readouterr().out
    assert "broken" in out
    assert "mend it" in out


def test_without_a_terminal_and_without_yes_nothing_is_mended(patient: Patient) -> None:
    assert main(["doctor", "--fix"]) == 1
    assert not patient.well


def test_with_yes_it_is_mended_and_looked_at_again(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--fix", "--yes", "-o", "json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["verdict"] == "ok"
    assert result["found"] == "version 2"


@pytest.mark.parametrize(("answer", "well"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_is_asked(patient: Patient, monkeypatch: pytest.MonkeyPatch, answer: str, well: bool) -> None:
    monkeypatch.setattr(command.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    main(["doctor", "--fix"])
    assert patient.well is well


def test_a_probe_that_fails_itself_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(_: Surroundings) -> Observation:
        raise Failed("the program crashed")

    monkeypatch.setattr(checks, "CHECKS", (Check("x", "y", probe),))
    (result,) = finish(doctor.examine())
    assert result.seen == Observation("unknown", "the program crashed")
    assert not result.bad


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(BadRequest, match="docker"):
        doctor.choose(["nonsense"])
    assert main(["doctor", "--only", "nonsense"]) == 2


@contextmanager
def path_without_programs(monkeypatch: pytest.MonkeyPatch, folder: str) -> Iterator[None]:
    monkeypatch.setenv("PATH", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", folder)
    yield


def test_on_an_empty_machine_every_probe_still_answers(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path_without_programs(monkeypatch, str(tmp_path)):
        results = {result.check.name: result.seen for result in finish(doctor.examine())}
    assert results["docker"].verdict == "failed"
    assert results["docker"].mend is not None
    assert results["helm"].verdict == "failed"
    assert results["rights"].verdict == "unknown"
    assert results["memory"].verdict != "unknown"
