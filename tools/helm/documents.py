"""The documents of a rendered chart: what is in a manifest, read the way Helm and the API server read YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, cast

from tools.change import Ref
from tools.secrets.known import learn_object

KEEP = "helm.sh/resource-policy"


class Document(NamedTuple):
    """One object of a manifest; `source` is the template that it came from."""

    ref: Ref
    body: dict[str, Any]
    source: str = ""

    @property
    def kept(self) -> bool:
        """Whether an uninstall or an upgrade without it leaves it in the cluster."""
        notes: Mapping[str, str] = (self.body.get("metadata") or {}).get("annotations") or {}
        return notes.get(KEEP) == "keep"


def documents(manifest: str, namespace: str) -> list[Document]:
    """All objects of a manifest, those of `List` kinds one by one; `namespace` is that of the release."""
    import yaml

    found: list[Document] = []
    source = ""
    for text in _split(manifest):
        source = next((line[10:].strip() for line in text.splitlines() if line.startswith("# Source: ")), source)
        for body in _objects(yaml.load(text, Loader=_loader())):  # noqa: S506 - a safe loader
            metadata: Mapping[str, Any] = body.get("metadata") or {}
            ref = Ref(
                api_version=str(body.get("apiVersion") or ""),
                kind=str(body.get("kind") or ""),
                name=str(metadata.get("name") or ""),
                namespace=metadata.get("namespace") or namespace,
            )
            learn_object(body)
            found.append(Document(ref, body, source))
    return found


def owned(body: Mapping[str, Any], release: str, namespace: str) -> dict[str, Any]:
    """The object with the marks of ownership that Helm adds when it writes it."""
    metadata: Mapping[str, Any] = body.get("metadata") or {}
    marks = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    added = {
        "labels": {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"},
        "annotations": {**(metadata.get("annotations") or {}), **marks},
    }
    return {**body, "metadata": {**metadata, **added}}


def same_object(one: Ref, other: Ref) -> bool:
    """Whether two references mean the same object, whatever version of its API they use."""
    groups = [ref.api_version.rpartition("/")[0] for ref in (one, other)]
    return groups[0] == groups[1] and (one.kind, one.name, one.namespace) == (other.kind, other.name, other.namespace)


def defined_by(found: Iterable[Document], ref: Ref) -> str:
    """Path of an object whose kind one of these documents (a CustomResourceDefinition) defines, else empty."""
    group, _, version = ref.api_version.rpartition("/")
    for document in found:
        if document.ref.kind != "CustomResourceDefinition":
            continue
        spec: Mapping[str, Any] = document.body.get("spec") or {}
        names: Mapping[str, str] = spec.get("names") or {}
        if (spec.get("group"), names.get("kind")) == (group, ref.kind):
            place = f"/namespaces/{ref.namespace}" if spec.get("scope") == "Namespaced" else ""
            return f"/apis/{group}/{version}{place}/{names.get('plural')}/{ref.name}"
    return ""


def _split(manifest: str) -> Iterator[str]:
    lines: list[str] = []
    for line in manifest.splitlines():
        if line.rstrip() == "---" or line.startswith("--- "):
            yield "\n".join(lines)
            lines = []
        else:
            lines.append(line)
    yield "\n".join(lines)


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(data, dict) or not data:
        return
    body = cast(dict[str, Any], data)
    items = body.get("items")
    if str(body.get("kind", "")).endswith("List") and isinstance(items, list):
        for item in cast(list[Any], items):
            yield from _objects(item)
    else:
        yield body


@cache
def _loader() -> type[Any]:
    """A loader that takes for numbers what Go's does: `12:30` and `2026-01-01` stay text."""
    import yaml

    base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    truths = {**base.bool_values, "y": True, "n": False}
    loader: type[Any] = type("Loader", (base,), {"yaml_implicit_resolvers": {}, "bool_values": truths})
    for tag, pattern, first in _SCALARS:
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))
    return loader


_SCALARS = (
    ("bool", r"(?:[YyNn]|[Yy]es|YES|[Nn]o|NO|[Tt]rue|TRUE|[Ff]alse|FALSE|[Oo]n|ON|[Oo]ff|OFF)\Z", "yYnNtTfFoO"),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", "-+.0123456789"),
    ("null", r"(?:~|[Nn]ull|NULL|)\Z", ["~", "n", "N", ""]),
    ("merge", r"<<\Z", "<"),
)
