"""Image references, and which images are known to exist: those that the nodes have and that pods here run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tools.kubernetes.diagnose.rule import near
from tools.kubernetes.diagnose.snapshot import Snapshot

_VALID = re.compile(r"[a-z0-9][\w./:-]*(?:@sha256:[0-9a-f]{64})?\Z")


def split(image: str) -> tuple[str, str, str]:
    """Repository, digest and tag."""
    rest, _, digest = image.partition("@")
    head, colon, tag = rest.rpartition(":")
    return (head, digest, tag) if colon and "/" not in tag else (rest, digest, "latest")


def tags(snap: Snapshot, image: str) -> dict[str, str]:
    """Other tags of the same repository that are known, each with the whole reference."""
    repository, _, tag = split(image)
    found = snap.once("tags by repository", lambda: _grouped((_short(own), tag) for own, tag in _known(snap)))
    return {other: f"{repository}:{other}" for other in found.get(_short(repository), ()) if other != tag}


def similar(snap: Snapshot, image: str) -> str:
    """The known image that was probably meant: another tag, a name that is spelt almost so, or small letters."""
    repository, _, tag = split(image)
    known = tags(snap, image)
    if best := near(tag, known) or (next(iter(known)) if len(known) == 1 else ""):
        return known[best]
    found = snap.once("repositories by tag", lambda: _grouped((tag, own) for own, tag in _known(snap)))
    same_tag = {_short(own): own for own in found.get(tag, ()) if _short(own) != _short(repository)}
    if best := near(_short(repository).lower(), same_tag):
        return f"{best}:{tag}"
    small = f"{repository.lower()}:{tag}"
    return small if small != f"{repository}:{tag}" and _VALID.match(small) else ""


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each second part once, in order, by the first."""
    found: dict[str, dict[str, None]] = {}
    for first, second in pairs:
        found.setdefault(first, {})[second] = None
    return {first: list(seconds) for first, seconds in found.items()}


def _known(snap: Snapshot) -> Iterator[tuple[str, str]]:
    """Repository and tag of each."""
    names = {
        name: None
        for node in snap.all("nodes")
        for entry in (node.get("status") or {}).get("images") or ()
        for name in entry.get("names") or ()
    }
    names |= {unit.spec["image"]: None for unit in snap.units() if unit.status.get("imageID")}
    for name in names:
        repository, digest, tag = split(name)
        if not digest:
            yield repository, tag


def _short(repository: str) -> str:
    return repository.removeprefix("docker.io/").removeprefix("library/")
