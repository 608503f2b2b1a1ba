"""Record the pictures of the README: a real chat in tmux, on the built-in cluster, as SVG.

Run `.venv/bin/python docs/record.py` with the cluster up and the example's images built (`make demo` does both). It
works in a namespace of its own, which it makes and deletes by asking Shipmate.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
CONTEXT, NAMESPACE = "shipmate", "todo-recorded"
COLUMNS, ROWS = 100, 34
PROMPT, QUESTION = "›", "Apply it?"

# What is typed, and how the line starts that comes when it is the person's turn again.
DEPLOY = [("deploy backend with 3 replicas", QUESTION), ("y", PROMPT)]
WHY = [
    ("set the image of backend to todo-backend:1.4", QUESTION),
    ("y", PROMPT),
    ("why is the backend not healthy?", PROMPT),
    ("undo that", QUESTION),
    ("y", PROMPT),
]

THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [(24, 26, 31), (240, 113, 120), (126, 200, 133), (229, 192, 103), (97, 175, 239), (198, 142, 222), (86, 182, 194),
     (214, 218, 224)],
    [(110, 118, 130), (255, 140, 145), (150, 220, 155), (245, 212, 130), (130, 195, 250), (215, 165, 235),
     (110, 205, 215), (255, 255, 255)],
)  # fmt: skip

# Rich's own picture without the font that it would fetch: any font of fixed width will do.
SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Recording:
    """A chat in a tmux of its own."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ("tmux", "-L", f"shipmate-record-{os.getpid()}", "-f", os.devnull)
        self._run("new-session", "-d", "-s", "chat", "-x", str(COLUMNS), "-y", str(ROWS), "-c", str(ROOT),
                  "-e", f"XDG_STATE_HOME={folder}", "-e", "COLORTERM=truecolor",
                  SHIPMATE, "--context", CONTEXT, "-n", NAMESPACE)  # fmt: skip
        self._run("set-option", "-g", "status", "off")
        self._wait(PROMPT)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._run("kill-server")

    def say(self, text: str, until: str) -> None:
        """Type a line and wait until it is the person's turn again."""
        self._run("send-keys", "-t", "chat", "-l", "--", text)
        self._run("send-keys", "-t", "chat", "Enter")
        time.sleep(1)
        self._wait(until)

    def text(self) -> str:
        """Everything that was shown, with its colours, without the prompt that waits at the end."""
        shown = self._run("capture-pane", "-t", "chat", "-e", "-p", "-S", "-").rstrip()
        lines = shown.splitlines()
        while lines and Text.from_ansi(lines[-1]).plain.strip() in ("", PROMPT):
            lines.pop()
        return "\n".join(lines)

    def _wait(self, start: str) -> None:
        ends = time.monotonic() + 300
        while time.monotonic() < ends:
            lines = self._run("capture-pane", "-t", "chat", "-p").rstrip().splitlines()
            last = lines[-1] if lines else ""
            if last.startswith(start) and last.strip() in (PROMPT, f"{QUESTION} [y/n/show/edit]"):
                return
            time.sleep(0.3)
        raise TimeoutError(f"{start!r} did not show:\n{self.text()}")

    def _run(self, *argv: str) -> str:
        done = subprocess.run((*self._tmux, *argv), capture_output=True, text=True, check=True)
        return done.stdout


def picture(text: str, title: str) -> str:
    """ANSI text as SVG."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), color_system="truecolor", legacy_windows=False)
    console.print(Text.from_ansi(text), soft_wrap=False)
    return console.export_svg(title=title, theme=THEME, code_format=SVG, unique_id="shipmate")


def ask(*words: str) -> None:
    """One request to Shipmate, applied."""
    subprocess.run((SHIPMATE, "--context", CONTEXT, "ask", "--yes", *words), check=True, cwd=ROOT)


def main() -> int:
    IMAGES.mkdir(exist_ok=True)
    ask(f"create namespace {NAMESPACE}")
    try:
        for name, lines in (("deploy", DEPLOY), ("why", WHY)):
            with tempfile.TemporaryDirectory() as folder, Recording(Path(folder)) as recording:
                for text, until in lines:
                    recording.say(text, until)
                (IMAGES / f"{name}.svg").write_text(picture(recording.text(), "shipmate"))
    finally:
        ask("--confirm", NAMESPACE, f"delete namespace {NAMESPACE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
