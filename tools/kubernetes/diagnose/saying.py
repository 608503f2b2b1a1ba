"""Where a program says that it listens, by the first lines of its log."""

from __future__ import annotations

import re
from typing import NamedTuple

from tools.kubernetes.diagnose.snapshot import Object, Snapshot

LOOPBACK = re.compile(r"(?<![\d.])127\.\d+\.\d+\.\d+|\[::1\]")
_LISTENS = re.compile(
    r"(?:listening|serving|started|running|bound)\b.{0,60}?"
    r"(?:\bport:? ?|(?:[\d.]+|\[?::1?\]?|\blocalhost|\*):)(?P<port>\d{2,5})\b",
    re.I,
)
_ASIDE = re.compile(r"metric|admin|debug|pprof|health|probe|prometheus|management|actuator|grpc-web|livereload", re.I)
_START = 60  # lines in which a program says where it listens


class Said(NamedTuple):
    """A port, whether only from the own localhost, and the line that says so."""

    port: int
    local: bool
    line: str


def said(snap: Snapshot, pod: Object) -> list[Said]:
    """What the program of a pod with one container says; what serves its metrics and the like is left out."""
    lines = snap.log(pod, pod["spec"]["containers"][0]["name"]).splitlines()[:_START]
    return [
        Said(int(match["port"]), bool(LOOPBACK.search(match[0])), line)
        for line in lines
        if not _ASIDE.search(line) and (match := _LISTENS.search(line))
    ]
