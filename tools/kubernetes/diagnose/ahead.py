"""Lists that are read before a rule asks for them, several at a time: the server works while we decode."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

Object = dict[str, Any]
_AT_ONCE = 4


class Ahead:
    """Reads each kind once, in the order given, as soon as a thread is free."""

    def __init__(self, read: Callable[[str], list[Object]], kinds: Iterable[str]) -> None:
        self._read = read
        self._lists: dict[str, Future[list[Object]]] = {kind: Future() for kind in kinds}
        self._waiting = iter(list(self._lists.items()))
        self._turn = threading.Lock()
        for _ in range(_AT_ONCE):  # whoever interrupts the diagnosis does not wait for them
            threading.Thread(target=self._work, daemon=True).start()

    def take(self, kind: str) -> list[Object] | None:
        """The list, when it has come; None for a kind that is not read ahead. Raises what reading it raised."""
        coming = self._lists.pop(kind, None)
        return coming.result() if coming else None

    def _work(self) -> None:
        while True:
            with self._turn:
                kind, coming = next(self._waiting, ("", None))
            if coming is None:
                return
            try:
                coming.set_result(self._read(kind))
            except BaseException as error:  # whoever takes the list is told
                coming.set_exception(error)
