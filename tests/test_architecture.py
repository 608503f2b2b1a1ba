"""Rules of the house that import-linter cannot see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from agent.session import TOOLS
from tools.catalog import CATALOG, Effect

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [*(ROOT / "agent").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def test_only_the_guard_opens_permits() -> None:
    makers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for call in _calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "Permit"
    }
    assert makers == {"agent/guard/execution.py"}


def test_no_shell_strings() -> None:
    offenders = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for call in _calls(path)
        if any(keyword.arg == "shell" for keyword in call.keywords)
        or ast.unparse(call.func) in ("os.system", "os.popen")
    ]
    assert offenders == []


@pytest.mark.parametrize("heavy", ["langchain_core", "openai", "kubernetes", "docker", "pydantic", "rich", "argparse"])
def test_the_entry_point_imports_almost_nothing(heavy: str) -> None:
    code = f"import sys, agent.cli.main; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_describes_itself(tool) -> None:
    assert tool.description, "the docstring is what a model reads"
    schema = tool.arguments.model_json_schema()
    assert schema["additionalProperties"] is False
    assert isinstance(tool.effect, Effect)


def test_tool_names_are_unique() -> None:
    assert len({tool.name for tool in CATALOG}) == len(CATALOG)


def test_files_stay_readable() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in SOURCES
        if (lines := len(path.read_text().splitlines())) > 450
    }
    assert long == {}
