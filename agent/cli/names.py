"""Completion of names: components of the workspace, workloads and namespaces of the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from tools.context import Context
from tools.errors import ShipmateError

_KINDS = ("deployments", "statefulsets", "daemonsets", "cronjobs", "services", "namespaces")


class NameCompleter(Completer):
    """Completes the word under the cursor; never asks anything while the person waits."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}

    def learn(self, ctx: Context) -> None:
        """Look the names up. Meant for a thread in the background; what cannot be reached is left out."""
        with suppress(ShipmateError):
            self._words |= dict.fromkeys(ctx.workspace.components, "component")
        with suppress(ShipmateError):
            for name in _KINDS:
                kind = ctx.cluster.kinds.resolve(name)
                for item in ctx.cluster.list(kind, metadata_only=True):
                    place = item["metadata"].get("namespace", "")
                    self._words.setdefault(item["metadata"]["name"], f"{kind.singular} {place}".strip())

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        typed = document.get_word_before_cursor(WORD=True)
        for word, meaning in sorted(self._words.items()):
            if typed and word.startswith(typed):
                yield Completion(word, start_position=-len(typed), display_meta=meaning)
