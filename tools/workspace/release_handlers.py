"""The handlers of Helm's changes: shown first, done under the permit, and watched until healthy."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

from tools.change import Change, HelmRelease, HelmRollback, HelmUninstall, Ref
from tools.context import Context
from tools.errors import BadRequest, Failed
from tools.helm import charts, render, store, writes
from tools.helm.documents import Document, documents
from tools.kubernetes.handlers.foresight.preflight import live_object, previewing
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Risk, Undo, Verification
from tools.progress import Progress, Steps
from tools.secrets.sealing import seal, unseal
from tools.workspace.release_health import all_gone, all_healthy, uids_of
from tools.workspace.release_look import Look, look_at, look_at_deletions, namespace_exists
from tools.workspace.release_steps import (
    RANDOM,
    applied_as,
    check_revision,
    check_same,
    finished,
    hook_documents,
    hooks_of,
    object_writes,
    program,
    run_helm,
    tell,
)
from tools.workspace.release_undo import take_back


class ReleaseHandler:
    """Handles `HelmRelease`: install and upgrade."""

    @previewing
    def preview(self, ctx: Context, change: HelmRelease, earlier: tuple[Change, ...]) -> Steps[Preview]:
        namespace = Ref(api_version="v1", kind="Namespace", name=change.namespace)
        rests = any(one.kind == "apply-manifest" and one.ref == namespace for one in earlier)
        return (yield from self._preview(ctx, change, twice=True, rests=rests))

    def _preview(self, ctx: Context, change: HelmRelease, *, twice: bool, rests: bool = False) -> Steps[Preview]:
        """`twice` renders charts that use random values twice, to see which objects they end up in.

        `rests`: an earlier step of the plan makes the namespace.
        """
        yield Progress(f"rendering the chart {change.chart}")
        summary = change.summary
        try:
            history = store.history(ctx, change.release, change.namespace)
            if blocker := _in_the_way(change, history):
                return Preview(summary=summary, blockers=(blocker,))
            chart = charts.pin(change.chart, ctx.workspace.root, ctx.helm.charts)
            if change.chart_digest and chart.digest != change.chart_digest:
                return Preview(summary=summary, blockers=("The chart has changed since this was proposed; ask again.",))
            placed = namespace_exists(ctx, change.namespace)
            line = _line(change, chart, placed, forced=False)
            given = unseal(ctx, change.values)
            kinds = charts.definitions(chart, change.namespace) if change.action == "install" else []
            kinds = [one for one in kinds if live_object(ctx, one.ref) is None]
            rendering = render.render(
                ctx.helm, line, given, change.namespace, twice=twice and chart.random, alone=bool(kinds)
            )
        except (BadRequest, Failed) as error:
            return Preview(summary=summary, blockers=(str(error),))
        yield Progress("asking the server what each document would change")
        now = store.deployed(history)
        old = documents(now.manifest, change.namespace) if now else []
        gone = writes.dropped(old, rendering.documents)
        hooks = hooks_of(rendering.hooks, rendering.release.hooks, change.action)
        look = Look(change.release, change.namespace, unstable={str(ref) for ref in rendering.unstable})
        if not placed and not change.create_namespace and not rests:
            look.blockers.append(f"There is no namespace {change.namespace}.")
        last = history[-1] if history else None
        on_server = ctx.helm.version >= (4, 0) and (last is None or last.method == "ssa")
        new = [*kinds, *rendering.documents]
        look_at(ctx, look, new, old, on_server=on_server, placed=placed)
        look_at_deletions(ctx, look, gone)
        tell(ctx, look, hooks, placed)
        own = [
            *(writes.made_namespace(change.namespace) if change.create_namespace and not placed else ()),
            *writes.recorded(change.namespace, change.release, history),
        ]
        unasked = [*own, *object_writes(ctx, look.untried, gone, hooks)]
        allowed = [*program(_line(change, chart, placed, look.forced)), *own, *object_writes(ctx, new, gone, hooks)]
        same = last is not None and last.status == "deployed" and last.values == given
        return finished(
            ctx, look, change, allowed, last, rendering.digest(ctx.vault.key), unasked=unasked,
            noop=same and not hooks,
            undo=f"Roll back to revision {now.revision}." if now else _undo_of_install(rendering.documents),
            provisional=rests and not placed,
        )  # fmt: skip

    def apply(self, ctx: Context, change: HelmRelease, preview: Preview, permit: Permit) -> Steps[Applied]:
        again = yield from self._preview(
            ctx.at_one_moment(), change, twice=any(text.startswith(RANDOM) for text in preview.warnings)
        )
        check_same(preview, again)
        chart = charts.pin(change.chart, ctx.workspace.root, ctx.helm.charts)
        forced = any(write.door == "program" and write.path.endswith("--force-conflicts") for write in preview.writes)
        history = store.history(ctx, change.release, change.namespace)
        line = _line(change, chart, namespace_exists(ctx, change.namespace), forced)
        now = store.deployed(history)
        before = {"revision": now.revision} if now else None
        permit.keep(Applied(summary=change.summary, before=before))
        failed = yield from run_helm(ctx, permit, line, json.dumps(unseal(ctx, change.values)))
        return applied_as(ctx, change, failed, before)

    def verify(self, ctx: Context, change: HelmRelease, applied: Applied) -> Steps[Verification]:
        return (yield from all_healthy(ctx, change.release, change.namespace, applied))

    def invert(
        self, ctx: Context, change: HelmRelease, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


class RollbackHandler:
    """Handles `HelmRollback`: an earlier revision's manifest, as it was stored, becomes a new revision."""

    @previewing
    def preview(self, ctx: Context, change: HelmRollback, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"comparing with revision {change.revision}")
        history = store.history(ctx, change.release, change.namespace)
        target = next((one for one in history if one.revision == change.revision), None)
        if target is None:
            kept = ", ".join(str(one.revision) for one in history) or "none"
            text = (
                f"Release {change.release} in {change.namespace} has no revision {change.revision}; kept are: {kept}."
            )
            return Preview(summary=change.summary, blockers=(text,))
        now, last = store.deployed(history) or target, history[-1]
        new, old = documents(target.manifest, change.namespace), documents(now.manifest, change.namespace)
        gone = writes.dropped(old, new)
        hooks = hooks_of(hook_documents(target), target.hooks, "rollback")
        look = Look(change.release, change.namespace)
        on_server = ctx.helm.version >= (4, 0) and target.method == "ssa"
        look_at(ctx, look, new, old, on_server=on_server, placed=True)
        look_at_deletions(ctx, look, gone)
        tell(ctx, look, hooks)
        own = writes.recorded(change.namespace, change.release, history)
        unasked = [*own, *object_writes(ctx, look.untried, gone, hooks)]
        allowed = [*program(_rollback_line(change, look.forced)), *own, *object_writes(ctx, new, gone, hooks)]
        digest = hmac.new(ctx.vault.key, target.manifest.encode(), hashlib.sha256).hexdigest()
        noop = last.status == "deployed" and last.manifest == target.manifest and last.values == target.values
        undo = f"Roll back to revision {now.revision}."
        noop = noop and not hooks
        return finished(ctx, look, change, allowed, last, digest, unasked=unasked, noop=noop, undo=undo)

    def apply(self, ctx: Context, change: HelmRollback, preview: Preview, permit: Permit) -> Steps[Applied]:
        again = yield from self.preview(ctx, change, ())
        check_same(preview, again)
        forced = any(write.door == "program" and write.path.endswith("--force-conflicts") for write in preview.writes)
        now = store.deployed(store.history(ctx, change.release, change.namespace))
        before = {"revision": now.revision} if now else None
        permit.keep(Applied(summary=change.summary, before=before))
        failed = yield from run_helm(ctx, permit, _rollback_line(change, forced))
        return applied_as(ctx, change, failed, before)

    def verify(self, ctx: Context, change: HelmRollback, applied: Applied) -> Steps[Verification]:
        return (yield from all_healthy(ctx, change.release, change.namespace, applied))

    def invert(
        self, ctx: Context, change: HelmRollback, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


class UninstallHandler:
    """Handles `HelmUninstall`; what it needs to install the release again is kept in the vault."""

    @previewing
    def preview(self, ctx: Context, change: HelmUninstall, earlier: tuple[Change, ...]) -> Steps[Preview]:
        yield Progress(f"looking at what belongs to release {change.release}")
        history = store.history(ctx, change.release, change.namespace)
        if not history:
            text = f"There is no release {change.release} in {change.namespace}."
            return Preview(summary=change.summary, warnings=(text,), noop=True)
        last = history[-1]
        found = documents((store.deployed(history) or last).manifest, change.namespace)
        gone = [one for one in found if not one.kept]
        hooks = hooks_of(hook_documents(last), last.hooks, "delete")
        look = Look(change.release, change.namespace, risk=Risk.MEDIUM)
        look_at_deletions(ctx, look, gone)
        if kept := [str(one.ref) for one in found if one.kept]:
            look.warnings.append(f"Stays in the cluster, because the chart says so: {', '.join(kept)}.")
        tell(ctx, look, hooks)
        own = [*object_writes(ctx, (), gone, hooks), *writes.forgotten(change.namespace, history)]
        allowed = [*program(_uninstall_line(change)), *own]
        undo = "Install it again with the same chart and values."
        return finished(ctx, look, change, allowed, last, last.secret, unasked=own, noop=False, undo=undo)

    def apply(self, ctx: Context, change: HelmUninstall, preview: Preview, permit: Permit) -> Steps[Applied]:
        history = store.history(ctx, change.release, change.namespace)
        check_revision(preview, history)
        last = history[-1]
        gone = [one for one in documents(last.manifest, change.namespace) if not one.kept]
        before = {"chart": ctx.vault.put(json.dumps(last.chart)), "values": seal(ctx, last.values)}
        uids = uids_of(ctx, gone)
        permit.keep(Applied(summary=change.summary, before=before, facts={"uids": uids}))
        failed = yield from run_helm(ctx, permit, _uninstall_line(change))
        applied = applied_as(ctx, change, failed, before)
        return applied.model_copy(update={"facts": {**applied.facts, "uids": uids}})

    def verify(self, ctx: Context, change: HelmUninstall, applied: Applied) -> Steps[Verification]:
        return (yield from all_gone(ctx, change.release, change.namespace, applied))

    def invert(
        self, ctx: Context, change: HelmUninstall, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        return take_back(ctx, (Done(change=change, applied=applied), *since), how)


def _line(change: HelmRelease, chart: charts.Chart, placed: bool, forced: bool) -> list[str]:
    """The command line; where the namespace exists (`placed`), helm must not touch it."""
    create = change.create_namespace and not placed
    return render.command(change.action, change.release, change.namespace, chart, create=create, force=forced)


def _rollback_line(change: HelmRollback, forced: bool) -> list[str]:
    line = ["rollback", change.release, str(change.revision), "--namespace", change.namespace]
    return [*line, "--history-max", str(render.HISTORY), *(["--force-conflicts"] if forced else [])]


def _uninstall_line(change: HelmUninstall) -> list[str]:
    return ["uninstall", change.release, "--namespace", change.namespace]


def _in_the_way(change: HelmRelease, history: list[store.Revision]) -> str:
    """Why the release itself does not allow this now, or nothing."""
    last = history[-1] if history else None
    if last and last.pending:
        good = store.deployed(history)
        way = f"roll back to revision {good.revision}" if good else "uninstall it"
        return (
            f"Release {change.release} is in state {last.status}: an earlier operation still runs or was cut off. "
            f"If none runs, {way} first."
        )
    if change.action == "install" and last:
        return f"There is a release {change.release} in {change.namespace} already (revision {last.revision})."
    if change.action == "upgrade" and not last:
        return f"There is no release {change.release} in {change.namespace} to upgrade."
    return ""


def _undo_of_install(found: Iterable[Document]) -> str:
    kept = [str(one.ref) for one in found if one.kept]
    return "Uninstall it" + (f"; {', '.join(kept)} would stay." if kept else ".")
