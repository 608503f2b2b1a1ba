"""One aspect of a description: the lines about the image, the environment, the resources… and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

ASPECTS: dict[str, tuple[str, ...]] = {
    "image": ("Image",),
    "port": ("Ports", "Rule", "Load balancer"),
    "environment": ("Environment",),
    "resources": ("Resources", "Room"),
    "labels": ("Labels",),
    "selector": ("Selector", "Node selector"),
    "probes": ("Liveness probe", "Readiness probe", "Startup probe"),
    "volumes": ("Volumes", "Volume claim", "Mounts", "Status", "Asked for"),
    "command": ("Command", "Args"),
    "strategy": ("Strategy",),
    "replicas": ("Replicas", "Pods wanted", "Target"),
    "schedule": ("Schedule",),
    "host": ("Rule", "TLS", "Class", "External name", "Load balancer"),
    "address": ("Type", "Node", "Load balancer", "Addresses"),
    "age": (),
    "data": ("Data", "Keys"),
    "owner": ("Owner",),
    "pods": ("Pods",),
    "conditions": ("Conditions",),
}


def aspect_of(text: str, about: str) -> str:
    """The head line of a description and what is under it about that aspect; nothing but the head when none is."""
    lines = text.splitlines()
    wanted = ASPECTS[about]
    pattern = re.compile(rf"\s*(?:{'|'.join(map(re.escape, wanted))})\b") if wanted else None
    kept = [lines[0], *_kept(lines[1:], pattern)]
    if len(kept) == 1 and wanted:
        kept.append(f"It has no {about}." if about not in ("replicas", "address") else "It says nothing of that.")
    return "\n".join(kept)


def _kept(lines: Iterable[str], wanted: re.Pattern[str] | None) -> list[str]:
    """Wanted lines with what is indented below them, and the titles that they stand under."""
    kept: list[str] = []
    title, below = "", -1
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if below >= 0 and depth > below:
            kept.append(line)
            continue
        below = -1
        if depth == 0:
            title = line
        if wanted and wanted.match(line):
            if depth and title:
                kept.append(title)
                title = ""
            kept.append(line)
            below = depth
    return kept
