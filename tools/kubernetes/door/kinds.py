"""The kinds that a cluster serves, custom ones included, and the many ways in which people name them."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from tools.change import Ref
from tools.errors import NotFound

_CACHE_SECONDS = 600
_CACHE_FORMAT = 1
_AGGREGATED = (
    ",".join(
        f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
    )
    + ",application/json"
)
_JSON = "application/json"

Fetch = Callable[[str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Resource:
    """One kind as one version of the API serves it."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """As in manifests: apps/v1, or v1 for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """Plural with its group, which is unique: deployments.apps."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def ref(self, name: str, namespace: str | None = None) -> Ref:
        """The reference to one object of this kind."""
        place = namespace if self.namespaced else None
        return Ref(api_version=self.api_version, kind=self.kind, name=name, namespace=place)


class Kinds:
    """Knows the kinds of one cluster; asks it once, and again when something is named that it does not know."""

    def __init__(self, fetch: Fetch, cache: Path) -> None:
        self._fetch = fetch
        self._cache = cache
        self._known: tuple[Resource, ...] = ()
        self._fresh = False

    def all(self) -> tuple[Resource, ...]:
        """Each kind once, in the version that the server prefers."""
        first: dict[str, Resource] = {}
        for resource in self._load():
            first.setdefault(resource.full_name, resource)
        return tuple(first.values())

    def resolve(self, name: str) -> Resource:
        """The kind meant by a plural, singular, kind or short name, with or without group; raises NotFound."""
        found = self._find(name)
        if found is None and not self._fresh:
            self._refresh()
            found = self._find(name)
        if found is None:
            raise NotFound(f"The cluster has no kind {name[:80]!r}.", self._hint(name))
        return found

    def for_ref(self, ref: Ref) -> Resource:
        """The kind of a reference, in exactly its version; raises NotFound."""
        found = self._exact(ref)
        if found is None and not self._fresh:
            self._refresh()
            found = self._exact(ref)
        if found is None:
            raise NotFound(f"The cluster has no {ref.kind} of {ref.api_version}.", self._hint(ref.kind))
        return found

    def forget(self) -> None:
        """Ask the cluster again at the next look: a kind was just defined or removed."""
        self._known, self._fresh = (), False
        self._cache.unlink(missing_ok=True)

    def _exact(self, ref: Ref) -> Resource | None:
        return next(
            (item for item in self._load() if (item.api_version, item.kind) == (ref.api_version, ref.kind)),
            None,
        )

    def _find(self, name: str) -> Resource | None:
        wanted = re.sub(r"[\s_]", "", name).lower()
        spoken = wanted.replace("-", "")
        known = self.all()
        for resource in known:
            if wanted in (resource.plural, resource.full_name, resource.singular, *resource.short_names):
                return resource
        for resource in known:
            if spoken in (resource.kind.lower(), resource.plural, resource.singular):
                return resource
        head, _, group = wanted.partition(".")
        if not group:
            return None
        for resource in self._load():
            if head in (
                resource.plural,
                resource.singular,
                resource.kind.lower(),
                *resource.short_names,
            ) and group in (
                resource.group,
                f"{resource.version}.{resource.group}",
            ):
                return resource
        return None

    def _hint(self, name: str) -> str:
        from rapidfuzz import process

        words = {word: item.full_name for item in self.all() for word in (item.kind.lower(), item.plural)}
        close = process.extract(name.lower().partition(".")[0], list(words), limit=3, score_cutoff=70)
        names = list(dict.fromkeys(words[word] for word, _, _ in close))
        return f"Did you mean {' or '.join(names)}?" if names else "`list_kinds` shows what there is."

    # --- Where they come from -----------------------------------------------------------------------------------

    def _load(self) -> tuple[Resource, ...]:
        if not self._known:
            self._known = self._read_cache()
        return self._known or self._refresh()

    def _refresh(self) -> tuple[Resource, ...]:
        self._known = tuple(_discover(self._fetch))
        self._fresh = True
        self._write_cache()
        return self._known

    def _read_cache(self) -> tuple[Resource, ...]:
        try:
            content = json.loads(self._cache.read_bytes())
            if content["format"] != _CACHE_FORMAT or not 0 <= time.time() - content["written"] < _CACHE_SECONDS:
                return ()
            return tuple(_from_cache(item) for item in content["kinds"])
        except (OSError, ValueError, KeyError, TypeError):
            return ()

    def _write_cache(self) -> None:
        content = {
            "format": _CACHE_FORMAT,
            "written": time.time(),
            "kinds": [asdict(item) for item in self._known],
        }
        try:
            self._cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._cache.with_suffix(f".{os.getpid()}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(content, file, separators=(",", ":"))
            draft.replace(self._cache)
        except OSError:
            pass  # a full or read-only disk costs two requests more, nothing else


def _from_cache(item: Mapping[str, Any]) -> Resource:
    fields: dict[str, Any] = {
        name: tuple(cast("list[str]", value)) if isinstance(value, list) else value for name, value in item.items()
    }
    return Resource(**fields)


def _discover(fetch: Fetch) -> Iterable[Resource]:
    for root in ("/api", "/apis"):
        answer = fetch(root, _AGGREGATED)
        if answer.get("kind") == "APIGroupDiscoveryList":
            yield from _aggregated(answer)
        elif root == "/api":
            for version in answer.get("versions") or ():
                yield from _one_version(fetch, "", version)
        else:
            yield from _group_by_group(fetch, answer)


def _aggregated(answer: Mapping[str, Any]) -> Iterable[Resource]:
    for group in answer.get("items") or ():
        for version in group.get("versions") or ():
            for item in version.get("resources") or ():
                kind = (item.get("responseKind") or {}).get("kind")
                if not kind:
                    continue  # a parent that exists only for its sub-resources
                yield Resource(
                    group=(group.get("metadata") or {}).get("name") or "",
                    version=version["version"],
                    kind=kind,
                    plural=item["resource"],
                    singular=item.get("singularResource") or kind.lower(),
                    namespaced=item.get("scope") == "Namespaced",
                    short_names=tuple(item.get("shortNames") or ()),
                    verbs=tuple(item.get("verbs") or ()),
                    categories=tuple(item.get("categories") or ()),
                    subresources=tuple(sub["subresource"] for sub in item.get("subresources") or ()),
                )


def _group_by_group(fetch: Fetch, answer: Mapping[str, Any]) -> Iterable[Resource]:
    """Discovery of servers older than 1.27: one request for each version of each group."""
    for group in answer.get("groups") or ():
        preferred = (group.get("preferredVersion") or {}).get("version")
        versions = [entry["version"] for entry in group.get("versions") or ()]
        for version in sorted(versions, key=lambda name: name != preferred):
            yield from _one_version(fetch, group["name"], version)


def _one_version(fetch: Fetch, group: str, version: str) -> Iterable[Resource]:
    from tools.errors import ShipmateError

    try:
        listed = fetch(f"/apis/{group}/{version}" if group else f"/api/{version}", _JSON)
    except ShipmateError:
        return  # an aggregated API whose server is down must not hide the others
    entries: list[Mapping[str, Any]] = list(listed.get("resources") or ())
    for item in entries:
        if "/" in item["name"]:
            continue
        yield Resource(
            group=group,
            version=version,
            kind=item["kind"],
            plural=item["name"],
            singular=item.get("singularName") or item["kind"].lower(),
            namespaced=bool(item.get("namespaced")),
            short_names=tuple(item.get("shortNames") or ()),
            verbs=tuple(item.get("verbs") or ()),
            categories=tuple(item.get("categories") or ()),
            subresources=tuple(
                sub["name"].partition("/")[2] for sub in entries if sub["name"].startswith(item["name"] + "/")
            ),
        )
