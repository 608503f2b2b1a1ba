"""Every write that a Helm operation may make, known before it runs; the proxy lets through nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tools.change import Ref
from tools.helm.documents import Document, same_object
from tools.helm.render import HISTORY
from tools.helm.store import Revision, secret_name
from tools.preview import Write

PathOf = Callable[[Ref], str]


def written(path_of: PathOf, found: Iterable[Document]) -> list[Write]:
    """Create or update these objects; helm patches, and versions before 4 create by POST."""
    return [
        Write(door="kubernetes", method=method, path=path if method == "PATCH" else path.rpartition("/")[0])
        for document in found
        for path in (path_of(document.ref),)
        for method in ("POST", "PATCH")
    ]


def deleted(path_of: PathOf, found: Iterable[Document]) -> list[Write]:
    """Delete these objects."""
    return [Write(door="kubernetes", method="DELETE", path=path_of(document.ref)) for document in found]


def hooked(path_of: PathOf, hooks: Iterable[Document]) -> list[Write]:
    """Run these hooks: make them, and clear them away before or after as they ask for."""
    hooks = list(hooks)
    return written(path_of, hooks) + deleted(path_of, hooks)


def recorded(namespace: str, release: str, history: list[Revision]) -> list[Write]:
    """Helm's own records: the new revision, the marks on earlier ones, and the oldest that fall out of the history."""
    folder = f"/api/v1/namespaces/{namespace}/secrets"
    number = (history[-1].revision if history else 0) + 1
    new = f"{folder}/{secret_name(release, number)}"
    writes = [Write(door="kubernetes", method="POST", path=folder), Write(door="kubernetes", method="PUT", path=new)]
    marked = [one for one in history if one.status != "superseded"]
    writes += [Write(door="kubernetes", method="PUT", path=f"{folder}/{one.secret}") for one in marked]
    last = next((one.revision for one in reversed(history) if one.status == "deployed"), 0)
    surplus = len(history) - (HISTORY - 1)
    gone = [one for one in history if one.revision != last][: max(surplus, 0)]
    return writes + [Write(door="kubernetes", method="DELETE", path=f"{folder}/{one.secret}") for one in gone]


def forgotten(namespace: str, history: list[Revision]) -> list[Write]:
    """Helm's own records of a release that is uninstalled: marked first, then deleted."""
    folder = f"/api/v1/namespaces/{namespace}/secrets"
    return [
        Write(door="kubernetes", method=method, path=f"{folder}/{one.secret}")
        for one in history
        for method in ("PUT", "DELETE")
    ]


def made_namespace(namespace: str) -> list[Write]:
    """Create the namespace; a PATCH creates it as well, by server-side apply."""
    root = "/api/v1/namespaces"
    return [
        Write(door="kubernetes", method="POST", path=root),
        Write(door="kubernetes", method="PATCH", path=f"{root}/{namespace}"),
    ]


def dropped(old: Iterable[Document], new: Iterable[Document]) -> list[Document]:
    """What an upgrade from `old` to `new` deletes: gone from the chart, and not marked to be kept."""
    kept = list(new)
    return [one for one in old if not one.kept and not any(same_object(one.ref, other.ref) for other in kept)]


def unique(writes: Iterable[Write]) -> tuple[Write, ...]:
    """Each write once, in order."""
    return tuple(dict.fromkeys(writes))
