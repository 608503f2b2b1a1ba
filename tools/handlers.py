"""Kind of change → the code that handles it, imported when first used.

A handler previews, applies, verifies and inverts one kind of change. Work that may take over a second is a generator
of `Progress` (tools/progress.py). `apply` writes only through doors, with the permit that the guard hands in.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, TypeVar

from tools.change import Change
from tools.context import Context
from tools.permit import Permit
from tools.preview import Applied, Done, Others, Preview, Undo, Verification
from tools.progress import Steps

C = TypeVar("C", contravariant=True)


class Handler(Protocol[C]):
    """What the guard asks of every kind of change."""

    def preview(self, ctx: Context, change: C, earlier: tuple[Change, ...]) -> Steps[Preview]:
        """What it would do; `earlier` are the changes of the same plan that come before it and are not applied yet.

        Problems that the person should see before the yes are warnings and blockers of the preview, not exceptions.
        """
        ...

    def apply(self, ctx: Context, change: C, preview: Preview, permit: Permit) -> Steps[Applied]:
        """Write exactly what was previewed; raises Conflict, and writes nothing, if a shown value moved."""
        ...

    def verify(self, ctx: Context, change: C, applied: Applied) -> Steps[Verification]:
        """Wait until it is healthy, not merely accepted, for as long as the object itself allows."""
        ...

    def invert(
        self, ctx: Context, change: C, applied: Applied, since: tuple[Done, ...] = (), how: Others = "keep"
    ) -> Undo:
        """The changes that take it back, together with the later steps `since` on the same target.

        Raises Refused with the reason where that cannot be done, NeedsAnswer where `how` is "ask" and somebody else
        changed the same since.
        """
        ...


_HANDLERS = {
    "apply-manifest": "tools.kubernetes.handlers.apply:ApplyHandler",
    "patch": "tools.kubernetes.handlers.patch:PatchHandler",
    "scale": "tools.kubernetes.handlers.scale:ScaleHandler",
    "delete": "tools.kubernetes.handlers.delete:DeleteHandler",
    "rollout-undo": "tools.kubernetes.rollout.tools:RolloutUndoHandler",
    "helper-job": "tools.kubernetes.helpers.handler:HelperHandler",
    "helm-release": "tools.workspace.release_handlers:ReleaseHandler",
    "helm-rollback": "tools.workspace.release_handlers:RollbackHandler",
    "helm-uninstall": "tools.workspace.release_handlers:UninstallHandler",
    "build-image": "tools.docker.build:BuildHandler",
    "tag-image": "tools.docker.images:TagHandler",
    "deliver-image": "tools.docker.images:DeliverHandler",
    "remove-image": "tools.docker.images:RemoveHandler",
    "write-file": "tools.workspace.files:WriteFileHandler",
}


def handler_for(change: Change) -> Handler[Change]:
    """The handler of this change's kind."""
    module, _, name = _HANDLERS[change.kind].partition(":")
    return getattr(import_module(module), name)()


def combined(ctx: Context, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes of one plan, with those joined that write one thing as a whole."""
    if sum(change.kind == "helm-release" for change in changes) < 2:
        return changes
    from tools.helm.together import together

    return together(ctx, changes)
