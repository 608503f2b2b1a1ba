"""The way a change of a workload takes: through its Helm release, its autoscaler, or to the object itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.change import Change, HelmRelease, Proposal
from tools.context import Context
from tools.errors import BadRequest, Forbidden, NotFound
from tools.helm import charts, store
from tools.helm.changes import upgrade
from tools.helm.values import Values, merged
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.owners import Owner, helm_release, owners
from tools.kubernetes.workload_changes import ref_of
from tools.workspace.chart_values import prefix_of

Object = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """A live workload and who has a say over it."""

    live: Object
    owners: tuple[Owner, ...]

    @property
    def namespace(self) -> str:
        return str(self.live["metadata"]["namespace"])

    @property
    def autoscaler(self) -> Owner | None:
        return next((one for one in self.owners if one.kind == "autoscaler"), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What delivery tools and operators will do about a change."""
        return tuple(one.text for one in self.owners if one.kind not in ("helm", "autoscaler"))

    def __str__(self) -> str:
        return str(ref_of(self.live))


@dataclass(frozen=True)
class Managed:
    """The Helm release of a workload, and where the workload's settings are in the chart's values."""

    release: store.Revision
    chart: charts.Chart
    source: str
    prefix: str

    @property
    def values(self) -> Values:
        """The values in force: the chart's defaults under what people gave."""
        return merged(self.chart.values, self.release.values)


def subject(ctx: Context, name: str, kind: str | None = None, namespace: str | None = None) -> Subject:
    """The workload that is meant; raises NotFound, for a component of the workspace with how to deploy it."""
    try:
        live = find_workload(ctx, name, kind, namespace)
    except NotFound as error:
        if name in ctx.workspace.components:
            where = f" in namespace {namespace or ctx.namespace}" if namespace or ctx.namespace else ""
            raise NotFound(f"{name} is not deployed{where}.", f'Say "deploy {name}" to deploy it.') from error
        raise
    return Subject(live, owners(ctx, live))


def managed(ctx: Context, live: Mapping[str, Any]) -> Managed | None:
    """The release that owns a workload, if one does and its chart can be had."""
    owner = helm_release(live)
    if owner is None:
        return None
    try:
        history = store.history(ctx, *owner)
        if not history:
            return None
        chart, source = chart_of(ctx, history[-1])
    except (NotFound, Forbidden):
        return None
    prefix = prefix_of(chart.values, live, owner[0], chart.name)
    return None if prefix is None else Managed(history[-1], chart, source, prefix)


def chart_of(ctx: Context, release: store.Revision) -> tuple[charts.Chart, str]:
    """The chart of a release and how to name it: the workspace's when it is the same, else the one Helm stored."""
    own = ctx.workspace.chart
    try:
        stored = charts.from_release(release.chart, ctx.helm.charts)
    except NotFound:
        if own is None or charts.pin(str(own), ctx.workspace.root, ctx.helm.charts).name != release.chart_name:
            raise
        return charts.pin(str(own), ctx.workspace.root, ctx.helm.charts), workspace_chart(ctx)
    return stored, str(stored.path)


def workspace_chart(ctx: Context) -> str:
    """The workspace's chart as a path relative to its root."""
    chart = ctx.workspace.chart
    if chart is None:
        raise NotFound(f"The workspace {ctx.workspace.name} has no chart.")
    return str(chart.relative_to(ctx.workspace.root))


def through_release(ctx: Context, found: Managed, values: Values, summary: str, why: str = "") -> HelmRelease | None:
    """The upgrade that changes just these values; None when the release has them already.

    Raises BadRequest when an operation on the release is still pending.
    """
    charts.check_settings(values, found.chart)
    release = found.release
    if release.pending:
        raise BadRequest(
            f"Release {release.name} in {release.namespace} is in state {release.status}: an operation on it still "
            "runs, or was cut off.",
            f'If none runs, say "roll back release {release.name}" first.',
        )
    after = merged(found.chart.values, merged(release.values, values, found.chart.values))
    if after == found.values and release.status == "deployed":
        return None
    return upgrade(ctx, release, found.chart, found.source, values, summary=summary, why=why)


def changed(
    ctx: Context,
    target: Subject,
    values: Callable[[Managed], Values],
    direct: Callable[[], Change | None],
    said: str,
    already: str,
) -> Proposal:
    """Change a workload through its release where it has one, else directly.

    values   the chart's settings for the change; may raise NotFound when the chart has none
    direct   the change of the object itself, None when there is nothing to change
    said     what happens to it: "set the image of deployment x in y to z"
    already  the note when it is so already
    """
    notes = target.notes
    found = managed(ctx, target.live)
    if found:
        release = found.release
        try:
            change = through_release(ctx, found, values(found), f"{said}, through Helm release {release.name}")
        except NotFound as error:
            text = f"{error.message} It is changed past Helm, so the next upgrade of {release.name} takes it back."
            notes = (text, *notes)
        else:
            return Proposal(changes=(change,), notes=notes) if change else Proposal(notes=(already, *notes))
    elif owner := helm_release(target.live):
        notes = (f"Release {owner[0]}'s chart cannot be had here: its next upgrade takes this back.", *notes)
    change = direct()
    return Proposal(changes=(change,), notes=notes) if change else Proposal(notes=(already, *notes))
