"""BuildKit's progress as the engine's API sends it (protobuf in base64), told as lines like `--progress=plain`.

Only the fields that are shown are read: vertexes (the steps) and their logs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

Fields = dict[int, list[int | bytes]]


class Trace:
    """Turns the messages of one build into lines; steps are numbered as they appear."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._told: set[tuple[int, str]] = set()
        self._partial: dict[int, str] = {}

    def lines(self, message: dict[str, Any]) -> Iterator[str]:
        """The lines of one message; those of the classic builder and of Podman pass as they are."""
        if message.get("id") == "moby.buildkit.trace":
            status = _fields(base64.b64decode(message["aux"]))
            for vertex in status.get(1, []):
                yield from self._vertex(_fields(_bytes(vertex)))
            for log in status.get(3, []):
                yield from self._log(_fields(_bytes(log)))
        elif text := str(message.get("stream") or message.get("status") or "").strip():
            yield from text.splitlines()

    def _vertex(self, vertex: Fields) -> Iterator[str]:
        number = self._numbers.setdefault(_first(vertex, 1), len(self._numbers) + 1)
        error = _first(vertex, 7).decode(errors="replace")
        told = [("name", f"#{number} {_first(vertex, 3).decode(errors='replace')}")]
        if vertex.get(4, [0])[0]:
            told.append(("end", f"#{number} CACHED"))
        elif error:
            told.append(("end", f"#{number} ERROR: {error}"))
        elif 6 in vertex:
            told.append(("end", f"#{number} DONE"))
        for what, line in told:
            if (number, what) not in self._told:
                self._told.add((number, what))
                yield line

    def _log(self, log: Fields) -> Iterator[str]:
        """Logs come in pieces of any size: only whole lines are told."""
        number = self._numbers.setdefault(_first(log, 1), len(self._numbers) + 1)
        text = self._partial.get(number, "") + _first(log, 4).decode(errors="replace")
        *lines, self._partial[number] = text.split("\n")
        yield from (f"#{number} {line}" for line in lines)


def _first(fields: Fields, number: int) -> bytes:
    return _bytes(fields.get(number, [b""])[0])


def _bytes(value: int | bytes) -> bytes:
    return value if isinstance(value, bytes) else b""


def _fields(data: bytes) -> Fields:
    """A protobuf message by field number; numbers of fixed width are skipped."""
    found: Fields = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            found.setdefault(number, []).append(value)
        elif wire == 2:
            length, at = _varint(data, at)
            found.setdefault(number, []).append(data[at : at + length])
            at += length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown protobuf wire type {wire}")
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
