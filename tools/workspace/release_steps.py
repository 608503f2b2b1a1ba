"""What installing, rolling back and uninstalling a release have in common: writes, conditions, running helm."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from tools.change import HelmRelease, HelmRollback, HelmUninstall, Ref
from tools.context import Context
from tools.errors import BadRequest, Conflict
from tools.helm import render, store, writes
from tools.helm.documents import Document, defined_by, documents
from tools.kubernetes.handlers.foresight.rights import missing_rights
from tools.permit import Permit
from tools.preview import Applied, Preview, Shown, Write
from tools.progress import Progress
from tools.workspace.release_look import Look, look_at_hooks

RANDOM = "The chart makes new random values at each rendering"
_AGAIN = "Ask again to see the change as it would be now."

HelmChange = HelmRelease | HelmRollback | HelmUninstall


def hooks_of(found: Iterable[Document], told: Sequence[dict[str, Any]], action: str) -> list[Document]:
    """The hooks that helm runs in this operation."""
    events = {f"pre-{action}", f"post-{action}"}
    names = {(hook.get("kind"), hook.get("name")) for hook in told if events & set(hook.get("events") or ())}
    return [one for one in found if (one.ref.kind, one.ref.name) in names]


def hook_documents(revision: store.Revision) -> list[Document]:
    return [
        found for hook in revision.hooks for found in documents(str(hook.get("manifest") or ""), revision.namespace)
    ]


def tell(ctx: Context, look: Look, hooks: list[Document], placed: bool = True) -> None:
    """Say what helm runs besides, whether it would be let in, and what cannot be shown."""
    look.warnings.extend(f"Runs {hook.ref} as a hook and waits for it." for hook in hooks)
    if placed:
        look_at_hooks(ctx, look, hooks)
    if look.unstable:
        names = ", ".join(sorted(look.unstable))
        look.warnings.append(f"{RANDOM}: {names} will differ from this diff.")


def program(line: list[str]) -> list[Write]:
    return [Write(door="program", method="helm", path=" ".join(line))]


def object_writes(
    ctx: Context, new: Iterable[Document], gone: Iterable[Document], hooks: list[Document]
) -> list[Write]:
    """The writes to objects: create or update, delete, run hooks; kinds that the chart brings along included."""
    new = list(new)

    def path_of(ref: Ref) -> str:
        try:
            return ctx.cluster.path(ref)
        except BadRequest:  # unknown, or impossible and a blocker anyway
            return defined_by(new, ref)

    found = (*writes.written(path_of, new), *writes.deleted(path_of, gone), *writes.hooked(path_of, hooks))
    return [write for write in found if write.path]


def finished(
    ctx: Context,
    look: Look,
    change: HelmChange,
    allowed: list[Write],
    last: store.Revision | None,
    digest: str,
    *,
    unasked: Iterable[Write],
    noop: bool,
    undo: str,
    provisional: bool = False,
) -> Preview:
    """Put the preview together; `unasked` are the writes that helm makes by itself, or that no dry run has tried."""
    look.blockers.extend(missing_rights(ctx, unasked))
    return Preview(
        summary=change.summary,
        diff=look.diff,
        warnings=tuple(dict.fromkeys(look.warnings)),
        blockers=tuple(dict.fromkeys(look.blockers)),
        risk=look.risk,
        undo=undo,
        shown=(Shown(path="/revision", value=last.revision if last else None), Shown(path="/diff", value=look.steady)),
        writes=writes.unique(allowed),
        noop=noop and not look.diffs and not look.blockers,
        digest=digest,
        provisional=provisional,
    )


def check_revision(preview: Preview, history: list[store.Revision]) -> None:
    seen = preview.shown[0].value if preview.shown else None
    if seen != (history[-1].revision if history else None):
        raise Conflict("The release has a newer revision than the one that was shown; nothing was written.", _AGAIN)


def check_same(shown: Preview, now: Preview) -> None:
    """Write only if everything is as it was when it was approved."""
    if now.shown[:1] != shown.shown[:1]:
        raise Conflict("The release has a newer revision than the one that was shown; nothing was written.", _AGAIN)
    if now.digest != shown.digest and shown.digest:
        raise Conflict("The chart renders something else than what was shown; nothing was written.", _AGAIN)
    if now.blockers:
        raise Conflict(f"It cannot succeed any more: {now.blockers[0]}", _AGAIN)
    if now.shown != shown.shown:
        raise Conflict("What it would change has moved since it was shown; nothing was written.", _AGAIN)


def run_helm(
    ctx: Context, permit: Permit, line: list[str], values: str | None = None
) -> Generator[Progress, None, str]:
    """Run helm; the reason in plain words when it ended badly after it had begun to write."""
    told = -1
    steps = ctx.helm.write(permit, line, values)
    while True:
        try:
            next(steps)  # what helm says of itself (notes, mostly) is for people who typed the command
        except StopIteration as end:
            output = end.value
            break
        if (count := len(permit.used)) != told:
            told = count
            yield Progress(f"helm {line[0]} {line[1]}: {count - 1} writes")
    if not output.code:
        return ""
    reason = render.explain(output.stderr or output.stdout)
    if any(write.door == "kubernetes" for write in permit.used):
        return reason
    permit.withdraw("program", "helm", " ".join(line))
    raise Conflict(f"{reason} Nothing was written.", _AGAIN)


def applied_as(ctx: Context, change: HelmChange, failed: str, before: Any) -> Applied:
    history = store.history(ctx, change.release, change.namespace)
    last = history[-1] if history else None
    facts = {"revision": last.revision if last else 0, "updated": last.updated if last else "", "failed": failed}
    return Applied(summary=change.summary, before=before, facts=facts)
