"""Releases as Helm keeps them: one Secret per revision, read directly, since that is faster than asking helm.

What is read here holds secrets (values, manifests): callers redact before anything leaves `tools/`.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.change import Ref
from tools.context import Context
from tools.errors import Failed, Forbidden, NeedsAnswer, NotFound
from tools.secrets.known import learn_named

_LABELLED = "owner=helm"
PENDING = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


@dataclass(frozen=True)
class Revision:
    """One revision of a release.

    values    what the person gave (not the chart's defaults)
    chart     the chart as Helm stored it: metadata, templates, default values, files
    method    how it was applied: "ssa" (on the server), "csa" or empty (by the client)
    """

    name: str
    namespace: str
    revision: int
    status: str
    updated: str = ""
    description: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    chart: dict[str, Any] = field(default_factory=dict)
    manifest: str = ""
    hooks: tuple[dict[str, Any], ...] = ()
    notes: str = ""
    method: str = ""

    @property
    def chart_name(self) -> str:
        return str(_metadata(self.chart).get("name") or "")

    @property
    def chart_version(self) -> str:
        return str(_metadata(self.chart).get("version") or "")

    @property
    def app_version(self) -> str:
        return str(_metadata(self.chart).get("appVersion") or "")

    @property
    def pending(self) -> bool:
        """Whether an operation began and never ended, or runs right now."""
        return self.status in PENDING

    @property
    def secret(self) -> str:
        """Name of the Secret that holds it."""
        return secret_name(self.name, self.revision)

    def __str__(self) -> str:
        return f"release {self.name} in {self.namespace}"


def secret_name(release: str, revision: int) -> str:
    """Name of the Secret that Helm keeps a revision in."""
    return f"sh.helm.release.v1.{release}.v{revision}"


def decode(secret: Mapping[str, Any]) -> Revision:
    """A revision from its Secret; raises Failed when it cannot be read."""
    meta = secret["metadata"]
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        data: dict[str, Any] = json.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    except (KeyError, ValueError, OSError, EOFError, binascii.Error) as error:
        text = f"The record {meta['name']} of a Helm release in {meta.get('namespace')} cannot be read."
        raise Failed(text, "`helm history` may tell more; an older revision can still be rolled back to.") from error
    learn_named(data.get("config"))
    return from_json(data, meta.get("namespace") or "")


def from_json(data: Mapping[str, Any], namespace: str) -> Revision:
    """A revision from Helm's own JSON (its Secrets, and what a dry run prints)."""
    info: Mapping[str, Any] = data.get("info") or {}
    return Revision(
        name=str(data.get("name") or ""),
        namespace=str(data.get("namespace") or namespace),
        revision=int(data.get("version") or 0),
        status=str(info.get("status") or "unknown"),
        updated=str(info.get("last_deployed") or ""),
        description=str(info.get("description") or ""),
        values=dict(data.get("config") or {}),
        chart=dict(data.get("chart") or {}),
        manifest=str(data.get("manifest") or ""),
        hooks=tuple(data.get("hooks") or ()),
        notes=str(info.get("notes") or ""),
        method=str(data.get("apply_method") or ""),
    )


def newest(ctx: Context, namespace: str | None) -> list[Revision]:
    """The newest revision of every release, of one namespace or (None) of all, by namespace and name."""
    secrets = ctx.cluster.kinds.resolve("secrets")
    last: dict[tuple[str, str], tuple[int, str]] = {}
    for item in ctx.cluster.list(secrets, namespace, selector=_LABELLED, metadata_only=True):
        labels: Mapping[str, str] = item["metadata"].get("labels") or {}
        key = (item["metadata"]["namespace"], labels.get("name", ""))
        number = int(labels.get("version") or 0)
        if number > last.get(key, (0, ""))[0]:
            last[key] = (number, item["metadata"]["name"])
    found: list[Revision] = []
    for (place, _), (_, name) in sorted(last.items()):
        try:
            found.append(decode(ctx.cluster.read(Ref(api_version="v1", kind="Secret", name=name, namespace=place))))
        except NotFound:  # uninstalled since
            continue
    return found


def history(ctx: Context, release: str, namespace: str) -> list[Revision]:
    """Every kept revision of a release, oldest first; empty when there is no such release."""
    secrets = ctx.cluster.kinds.resolve("secrets")
    items = ctx.cluster.list(secrets, namespace, selector=f"{_LABELLED},name={release}")
    return sorted((decode(item) for item in items), key=lambda one: one.revision)


def deployed(revisions: list[Revision]) -> Revision | None:
    """The revision that is in the cluster, also while a later one is pending or has failed."""
    return next((one for one in reversed(revisions) if one.status in ("deployed", "superseded")), None)


def locate(ctx: Context, release: str, namespace: str | None) -> Revision:
    """The newest revision of a release by name; without a namespace all are searched.

    Raises NeedsAnswer when several namespaces have one, NotFound (with the nearest names) when none has.
    """
    place = namespace or ctx.namespace
    try:
        everything = newest(ctx, place)
    except Forbidden:
        if place:
            raise
        everything = newest(ctx, ctx.cluster.namespace)
    found = [one for one in everything if one.name == release]
    if len(found) > 1:
        spaces = tuple(one.namespace for one in found)
        raise NeedsAnswer(f"There is a release {release} in several namespaces. Which one?", spaces, slot="namespace")
    if not found:
        where = f"in namespace {place}" if place else "in the cluster"
        names = sorted({one.name for one in everything})
        near = difflib.get_close_matches(release, names, n=2)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(names[:8]) or 'none'}."
        raise NotFound(f"There is no Helm release {release} {where}.", hint)
    return found[0]


def _metadata(chart: Mapping[str, Any]) -> Mapping[str, Any]:
    return chart.get("metadata") or {}
