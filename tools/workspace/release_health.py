"""After helm: is every part of the release that was touched healthy, or, after an uninstall, gone?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tools.change import Json, Ref
from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.finding import Finding
from tools.helm import store
from tools.helm.documents import Document, documents
from tools.kubernetes.handlers.foresight.preflight import live_object
from tools.kubernetes.rollout.health import gone, healthy
from tools.preview import Applied, Verification
from tools.progress import Steps

_ORDER = ("Job", "StatefulSet", "DaemonSet", "Deployment")  # what others wait for comes first


def all_healthy(ctx: Context, release: str, namespace: str, applied: Applied) -> Steps[Verification]:
    """Watch the workloads of a release, one after the other, until all are healthy or one cannot become it."""
    history = store.history(ctx, release, namespace)
    last = history[-1] if history else None
    if last is None:
        return Verification(healthy=False, text=f"The release {release} in {namespace} is gone.")
    found = workloads(last)
    if failed := str(applied.facts.get("failed") or ""):
        text = f"Helm did not finish: {failed} Release {release} is now in state {last.status}."
        return Verification(healthy=False, text=text, findings=_findings(ctx, found))
    if last.status != "deployed":
        return Verification(healthy=False, text=f"Release {release} is in state {last.status}: {last.description}")
    told: list[str] = []
    for ref in found:
        seen = yield from healthy(ctx, ref, new=True)
        if not seen.healthy:
            return seen
        told.append(seen.text.rstrip("."))
    parts = "; ".join(told) or "it has no workloads"
    return Verification(healthy=True, text=f"Release {release}, revision {last.revision}, is deployed: {parts}.")


def workloads(revision: store.Revision) -> list[Ref]:
    """The workloads of a revision, those first that others wait for."""
    found = [one.ref for one in documents(revision.manifest, revision.namespace) if one.ref.kind in _ORDER]
    return sorted(found, key=lambda ref: _ORDER.index(ref.kind))


def uids_of(ctx: Context, found: Iterable[Document]) -> list[Json]:
    """Which objects there are now, so that it can be seen later that they are gone."""
    seen: list[Json] = []
    for document in found:
        try:
            live = live_object(ctx, document.ref)
        except (NotFound, Forbidden):
            continue
        if live:
            seen.append({"ref": document.ref.model_dump(), "uid": live["metadata"]["uid"]})
    return seen


def all_gone(ctx: Context, release: str, namespace: str, applied: Applied) -> Steps[Verification]:
    """Wait until every object of an uninstalled release has left."""
    if failed := str(applied.facts.get("failed") or ""):
        return Verification(healthy=False, text=f"Helm did not finish: {failed}")
    entries: list[Mapping[str, Json]] = applied.facts.get("uids") or []
    for entry in entries:
        seen = yield from gone(ctx, Ref.model_validate(entry["ref"]), str(entry["uid"]))
        if not seen.healthy:
            return seen
    objects = f"{len(entries)} object{'s' * (len(entries) != 1)}"
    return Verification(healthy=True, text=f"Release {release} in {namespace} and its {objects} are gone.")


def _findings(ctx: Context, found: list[Ref]) -> tuple[Finding, ...]:
    from tools.kubernetes.diagnose.run import findings_for

    return tuple(finding for ref in found for finding in findings_for(ctx, ref))
