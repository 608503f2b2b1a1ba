"""Where a setting comes from: the flag, else the environment, else the file."""

from pathlib import Path

import pytest

from agent.guard.policy.modes import Mode
from agent.settings import Settings, config_file
from tools.errors import BadRequest


@pytest.fixture
def file(own_home: None) -> Path:
    path = config_file()
    path.parent.mkdir(parents=True)
    return path


def test_without_anything_it_asks_and_uses_the_planner() -> None:
    settings = Settings.load()
    assert (settings.mode, settings.model, settings.context) == (Mode.ASK, None, None)


def test_flags_over_environment_over_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('context = "file"\nnamespace = "file"\nmode = "read-only"\nunknown = 1\n')
    monkeypatch.setenv("SHIPMATE_CONTEXT", "environment")
    monkeypatch.setenv("SHIPMATE_NAMESPACE", "environment")
    settings = Settings.load(context="flag", namespace=None)
    assert settings.context == "flag"
    assert settings.namespace == "environment"
    assert settings.mode is Mode.READ_ONLY


@pytest.mark.parametrize(
    ("text", "said"), [("mode = 'yolo'", "mode"), ("mode =", "cannot be read"), ("\x00", "cannot")]
)
def test_a_broken_file_is_named(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(BadRequest, match=said) as caught:
        Settings.load()
    assert str(file) in str(caught.value)
