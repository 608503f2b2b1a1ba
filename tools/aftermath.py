"""What became of a write whose answer nobody saw: told by looking again, by a rule of each kind of change."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tools.change import (
    ApplyManifest,
    BuildImage,
    Change,
    Delete,
    HelmRelease,
    HelmRollback,
    HelmUninstall,
    HelperJob,
    Ref,
    RolloutUndo,
    TagImage,
)
from tools.context import Context
from tools.errors import Conflict, NotFound
from tools.handlers import handler_for
from tools.preview import Applied, Preview
from tools.progress import finish

State = Literal["applied", "partly applied", "not applied", "moved on"]


class Aftermath(NamedTuple):
    """What is found: `applied` is what undo needs, where there is something to undo and enough is known of it.

    partly applied   a program (helm) was cut off in the middle of several writes
    moved on         neither the former nor the wanted values: somebody else has written since
    """

    state: State
    applied: Applied | None = None


def aftermath(ctx: Context, change: Change, preview: Preview, kept: Applied | None) -> Aftermath:
    """Whether the change that was previewed so was carried out; `kept` is what its handler kept before it wrote.

    Raises what looking raises: where the cluster cannot be seen, nothing is claimed.
    """
    match change:
        case HelmRelease() | HelmRollback() | HelmUninstall():
            return _release(ctx, change, preview, kept)
        case Delete():
            gone = _uid(ctx, change.ref) != preview.uid
            return Aftermath("applied" if gone else "not applied", kept if gone else None)
        case HelperJob():
            uid = _uid(ctx, change.ref)
            return Aftermath("applied", _told(ctx, change, kept, uid)) if uid else Aftermath("not applied")
        case _:
            return _object(ctx, change, preview, kept)


def _object(ctx: Context, change: Change, preview: Preview, kept: Applied | None) -> Aftermath:
    """A change that would change nothing any more was carried out."""
    if isinstance(change, RolloutUndo):
        from tools.kubernetes.rollout.tools import stands

        done, uid = stands(ctx, change, preview.digest), preview.uid
    else:
        asked = change.model_copy(update={"create_only": False}) if isinstance(change, ApplyManifest) else change
        now = finish(handler_for(asked).preview(ctx, asked, ()))
        done, uid = now.noop, now.uid
    if done:
        return Aftermath("applied", _told(ctx, change, kept, uid))
    if _as_before(ctx, change, preview):
        return Aftermath("not applied")
    return Aftermath("moved on", _told(ctx, change, kept, preview.uid))


def _told(ctx: Context, change: Change, kept: Applied | None, uid: str | None) -> Applied | None:
    """What undo needs, completed by what can be seen now."""
    if kept is None:
        return None
    ref = getattr(change, "ref", None)
    if isinstance(kept.before, dict) and "object" in kept.before and isinstance(ref, Ref):
        from tools.kubernetes.handlers.undoing.unanswered import as_if_answered

        try:
            return as_if_answered(ctx, change, kept, ctx.cluster.read(ref))
        except NotFound:  # kept no longer, or the object is gone: nothing to go back to
            return None
    if isinstance(change, BuildImage | TagImage):
        image = ctx.engine.image(change.image) or {}
        return kept.model_copy(update={"facts": {**kept.facts, "id": image.get("Id", "")}})
    return kept.model_copy(update={"facts": {**kept.facts, **({"uid": uid} if uid else {})}})


def _as_before(ctx: Context, change: Change, preview: Preview) -> bool:
    """Whether the object still has the values that the diff showed as the former ones."""
    ref = getattr(change, "ref", None)
    if not isinstance(ref, Ref):
        return True
    from tools.kubernetes.handlers.foresight.preflight import check_shown, live_object

    try:
        check_shown(ctx, ref, live_object(ctx, ref), preview.uid, preview.shown)
    except Conflict:
        return False
    return True


def _uid(ctx: Context, ref: Ref) -> str | None:
    from tools.kubernetes.handlers.foresight.preflight import live_object

    live = live_object(ctx, ref)
    return live["metadata"]["uid"] if live else None


def _release(
    ctx: Context, change: HelmRelease | HelmRollback | HelmUninstall, preview: Preview, kept: Applied | None
) -> Aftermath:
    """Helm writes a new revision first and marks it at the end, so its records tell how far it came."""
    from tools.helm import store

    history = store.history(ctx, change.release, change.namespace)
    shown = preview.shown[0].value if preview.shown else None
    last = history[-1] if history else None
    facts = {"revision": last.revision if last else 0, "failed": ""}
    applied = kept.model_copy(update={"facts": {**kept.facts, **facts}}) if kept else None
    if isinstance(change, HelmUninstall):
        if last is None or last.status == "uninstalled":
            return Aftermath("applied", applied)
        return Aftermath("partly applied" if last.status == "uninstalling" else "not applied", None)
    if last is None or last.revision == shown:
        return Aftermath("not applied")
    return Aftermath("applied" if last.status == "deployed" else "partly applied", applied)
