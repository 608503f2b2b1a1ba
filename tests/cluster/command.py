"""The command line run inside of the test, without a terminal; and what the cluster held before and after."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import NamedTuple

import pytest

from agent.cli.main import main
from tools.context import Context
from tools.errors import NotFound


class Ran(NamedTuple):
    """How a command ended and all that it said, both streams together."""

    code: int
    text: str


class Shipmate:
    """`shipmate WORDS…` as a script would run it."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, stdin: str = "") -> Ran:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self._capsys.readouterr()
        return Ran(code, out + err)


_BY_THEMSELVES = {"Event", "Lease", "PodMetrics"}


def contents(ctx: Context) -> dict[str, str]:
    """The resourceVersion of everything in the context's namespace but what the cluster itself keeps rewriting."""
    kinds = [one for one in ctx.cluster.kinds.all() if one.namespaced and "list" in one.verbs]
    found: dict[str, str] = {}
    for kind in kinds:
        if kind.kind in _BY_THEMSELVES:
            continue
        with suppress(NotFound):  # a custom kind of another test may have gone meanwhile
            for one in ctx.cluster.list(kind, ctx.namespace, metadata_only=True):
                found[f"{kind.full_name}/{one['metadata']['name']}"] = one["metadata"]["resourceVersion"]
    return found
