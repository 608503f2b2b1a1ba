"""Change tools for releases as such; what is known of the workspace's components is in `tools/workspace/deploy.py`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tools.change import HelmRelease, HelmRollback, HelmUninstall, Proposal
from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.helm import charts, store
from tools.helm.values import merged, nested
from tools.secrets.sealing import seal

_RELEASE = re.compile(r"(?=.{1,53}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def helm_install(
    ctx: Context,
    *,
    release: str,
    chart: str,
    namespace: str | None = None,
    values: dict[str, Any] | None = None,
    version: str | None = None,
    create_namespace: bool = False,
) -> Proposal:
    """Install a chart (folder, archive, oci:// or https:// address) as a release with these values."""
    check_release(release)
    place = namespace or ctx.namespace or ctx.cluster.namespace
    found = pinned(ctx, chart, version)
    given = nested(values or {})
    charts.check_settings(given, found)
    change = HelmRelease(
        summary=f"install release {release} in {place} from chart {found.name} {found.version}",
        action="install",
        release=release,
        namespace=place,
        chart=_chart_path(ctx, chart, found),
        values=seal(ctx, given),
        create_namespace=create_namespace,
        chart_digest=found.digest,
    )
    return Proposal(changes=(change,))


def helm_upgrade(
    ctx: Context,
    *,
    release: str,
    chart: str | None = None,
    namespace: str | None = None,
    values: dict[str, Any] | None = None,
    version: str | None = None,
    install: bool = False,
    reuse_values: bool = True,
    create_namespace: bool = False,
) -> Proposal:
    """Upgrade a release: other values, or another chart. Values given before stay unless `reuse_values` is false.

    Without `chart` the release keeps the one it has. `install` installs it where it does not exist yet.
    """
    try:
        one = store.locate(ctx, release, namespace)
    except NotFound:
        if not install or not chart:
            raise
        return helm_install(
            ctx, release=release, chart=chart, namespace=namespace, values=values, version=version,
            create_namespace=create_namespace,
        )  # fmt: skip
    found = pinned(ctx, chart, version) if chart else charts.from_release(one.chart, ctx.helm.charts)
    source = _chart_path(ctx, chart, found) if chart else str(found.path)
    given = nested(values or {})
    charts.check_settings(given, found)
    return Proposal(changes=(upgrade(ctx, one, found, source, given, reuse=reuse_values),))


def upgrade(
    ctx: Context,
    one: store.Revision,
    chart: charts.Chart,
    source: str,
    values: dict[str, Any],
    *,
    reuse: bool = True,
    summary: str = "",
    why: str = "",
) -> HelmRelease:
    """The change that gives a release these values (over those it has) and this chart."""
    told = f"{chart.name} {chart.version}"
    return HelmRelease(
        summary=summary or f"upgrade release {one.name} in {one.namespace} (revision {one.revision}, chart {told})",
        why=why,
        action="upgrade",
        release=one.name,
        namespace=one.namespace,
        chart=source,
        values=seal(ctx, merged(one.values if reuse else {}, values, chart.values)),
        chart_digest=chart.digest,
    )


def helm_rollback(ctx: Context, *, release: str, revision: int | None = None, namespace: str | None = None) -> Proposal:
    """Roll a release back to an earlier revision (without one: to the last that was in place before)."""
    one = store.locate(ctx, release, namespace)
    earlier = [old for old in store.history(ctx, release, one.namespace) if old.revision < one.revision]
    if revision is None:
        good = [old for old in earlier if old.status in ("superseded", "deployed")]
        if not good:
            raise BadRequest(f"Release {release} has no earlier revision.", "It can be uninstalled or upgraded.")
        revision = good[-1].revision
    elif not any(old.revision == revision for old in earlier):
        kept = ", ".join(str(old.revision) for old in earlier) or "none"
        raise NotFound(f"Release {release} has no earlier revision {revision}.", f"There are: {kept}.")
    summary = f"roll back release {release} in {one.namespace} from revision {one.revision} to {revision}"
    return Proposal(
        changes=(HelmRollback(summary=summary, release=release, namespace=one.namespace, revision=revision),)
    )


def helm_uninstall(ctx: Context, *, release: str, namespace: str | None = None) -> Proposal:
    """Uninstall a release: delete what belongs to it, except what its chart marks to be kept."""
    one = store.locate(ctx, release, namespace)
    summary = f"uninstall release {release} in {one.namespace} ({one.chart_name} {one.chart_version})"
    return Proposal(changes=(HelmUninstall(summary=summary, release=release, namespace=one.namespace),))


def check_release(name: str) -> None:
    """Raise BadRequest unless Helm allows a release of this name; a word like `-x` would be a flag to it."""
    if not _RELEASE.fullmatch(name):
        raise BadRequest(
            f"{name[:80]!r} is not a name for a release.",
            "Names are made of lower-case letters, digits, dashes and dots, at most 53.",
        )


def pinned(ctx: Context, chart: str, version: str | None = None) -> charts.Chart:
    """A chart by folder, archive or address, read and copied."""

    def fetch(reference: str, folder: Path) -> Path:
        return ctx.helm.pull(reference, folder, version)

    return charts.pin(chart, ctx.workspace.root, ctx.helm.charts, fetch)


def _chart_path(ctx: Context, chart: str, found: charts.Chart) -> str:
    """How the change names the chart: as given when that is a path, else Shipmate's own copy."""
    return chart if (ctx.workspace.root / chart).exists() else str(found.path)
