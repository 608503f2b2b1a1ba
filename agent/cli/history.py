"""The requests of earlier chats, for the arrow keys. What was typed is kept without the secrets in it."""

from __future__ import annotations

from pathlib import Path

from prompt_toolkit.history import FileHistory


class PrivateHistory(FileHistory):
    """A history file of mode 0600. While the chat runs, its own memory holds the lines as they were typed."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        super().__init__(str(path))

    def store_string(self, string: str) -> None:
        """Append a line to the file."""
        from tools.secrets.said import redact_said

        super().store_string(redact_said(string))
