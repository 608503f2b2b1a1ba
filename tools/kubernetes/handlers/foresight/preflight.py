"""What is known before a yes: rights, what the server says to a dry run, and what differs from the live object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from tools.change import BaseChange, Change, Ref
from tools.context import Context
from tools.errors import BadRequest, Conflict, Failed, Forbidden, NotFound, ShipmateError
from tools.kubernetes.door.errors import status_of
from tools.kubernetes.handlers.diff import MISSING, Changed, changes, clean, look, pointer
from tools.kubernetes.handlers.foresight.defaults import is_default, known
from tools.kubernetes.handlers.foresight.refusals import plain, plain_warning
from tools.kubernetes.handlers.show_diff import asked_only, unified
from tools.preview import Preview, Shown
from tools.progress import Steps
from tools.secrets.redact import redact_object
from tools.secrets.sealing import still, veiled

C = TypeVar("C", bound=BaseChange)

JSON_PATCH = "application/json-patch+json"
CONTENT_TYPES = {
    "json": JSON_PATCH,
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Tried(NamedTuple):
    """Outcome of a dry run: what would be stored (None when it was refused), and what there is to say."""

    body: dict[str, Any] | None
    warnings: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    error: ShipmateError | None = None


class Compared(NamedTuple):
    """The difference between live and dry run, for people and as preconditions."""

    diff: str
    shown: tuple[Shown, ...]
    found: tuple[Changed, ...]


Previewing = Callable[[Any, Context, C, tuple[Change, ...]], Steps[Preview]]


def previewing(preview: Previewing[C]) -> Previewing[C]:
    """A handler's preview of one moment: nothing is read twice, and a missing right, also to look, is a blocker."""

    @wraps(preview)
    def told(handler: Any, ctx: Context, change: C, earlier: tuple[Change, ...]) -> Steps[Preview]:
        try:
            return (yield from preview(handler, ctx.at_one_moment(), change, earlier))
        except Forbidden as error:
            return Preview(summary=change.summary, blockers=(str(error),))

    return told


def live_object(ctx: Context, ref: Ref) -> dict[str, Any] | None:
    """The object as it is, complete with its kind; None when it does not exist."""
    try:
        return ctx.cluster.read(ref)
    except NotFound:
        return None


def attempt(ctx: Context, method: str, path: str, body: Any, content_type: str, **query: Any) -> Tried:
    """Dry run; what the server refuses becomes a blocker in plain words. Raises only what is not an answer."""
    try:
        reply = ctx.cluster.dry_run(method, path, body, content_type, **query)
    except (BadRequest, Conflict, Failed, Forbidden) as error:
        if status_of(error) is None and not isinstance(error, BadRequest):
            raise
        return Tried(None, blockers=(plain(error),), error=error)
    return Tried(reply.body, tuple(plain_warning(text) for text in reply.warnings))


def compare(
    ctx: Context, ref: Ref, live: dict[str, Any] | None, after: dict[str, Any] | None, asked: Any, status: bool = False
) -> Compared:
    """Diff and preconditions of a change; `asked` is its payload, MISSING where it names no fields (JSON patch)."""
    old = clean(live, status) if live else None
    new = clean(after, status) if after else None
    if new is not None and asked is not MISSING:
        new = _asked(old if old is not None else {}, new, asked)
        new = {key: after[key] for key in ("apiVersion", "kind") if after and key in after} | new
    found = tuple(changes(old, new)) if old is not None and new is not None else ()
    safe = redact_object(old) if old else {}
    shown = tuple(_shown(ctx, old, safe, change) for change in found)
    return Compared(unified(old, new, str(ref), redact_object), shown, found)


def _asked(old: dict[str, Any], new: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The dry run's result without defaults; those of a custom resource nobody knows, so all it adds counts as such."""
    if known(str(new.get("apiVersion", ""))):
        return asked_only(old, new, asked, is_default)
    shown = asked_only(old, new, asked, lambda key, _: key not in ("", "metadata"))
    was, now, wanted = (part.get("metadata") or {} for part in (old, new, asked))
    return {**shown, "metadata": asked_only(was, now, wanted, is_default)}


def _shown(ctx: Context, old: Any, safe: Any, change: Changed) -> Shown:
    where = pointer(old, change.path)
    if change.before is MISSING:
        return Shown(path=where)
    return Shown(path=where, value=veiled(ctx, change.before, look(safe, where)))


def check_shown(
    ctx: Context, ref: Ref, live: Mapping[str, Any] | None, uid: str | None, shown: tuple[Shown, ...]
) -> None:
    """Raise Conflict unless the object is still the one that was shown, with the values that were shown."""
    again = "Ask again to see the change as it would be now."
    if (live["metadata"]["uid"] if live else None) != uid:
        happened = "was deleted" if live is None else "was created" if uid is None else "was replaced by another"
        raise Conflict(f"{_title(ref)} {happened} since it was shown; nothing was written.", again)
    if live is None:
        return
    plain_live = clean(live, keep_status=True)
    for value in shown:
        now = look(plain_live, value.path)
        if not still(ctx, None if now is MISSING else now, value.value):
            place = value.path.strip("/").replace("/", ".").replace("~1", "/")
            raise Conflict(f"{place} of {ref} has changed since it was shown; nothing was written.", again)


def _title(ref: Ref) -> str:
    text = str(ref)
    return text[:1].upper() + text[1:]


def deleted_earlier(earlier: tuple[Change, ...], ref: Ref) -> bool:
    """Whether an earlier change of the plan deletes the object."""
    gone = {(one.ref.kind, one.ref.name, one.ref.namespace) for one in earlier if one.kind == "delete"}
    return (ref.kind, ref.name, ref.namespace) in gone


def made_earlier(earlier: tuple[Change, ...], ref: Ref) -> bool:
    """Whether an earlier change of the plan makes the namespace of this object, its kind or the object itself."""
    for change in earlier:
        if change.kind == "apply-manifest":
            made = change.ref
            same = (made.kind, made.name, made.namespace) == (ref.kind, ref.name, ref.namespace)
            if same or (made.kind == "Namespace" and made.name == ref.namespace):
                return True
            if defines(change.manifest, ref):
                return True
        elif change.kind == "helm-release" and change.namespace == ref.namespace:
            return True
    return False


def defines(definition: Mapping[str, Any], ref: Ref) -> bool:
    """Whether a manifest is the CustomResourceDefinition of this object's kind."""
    if definition.get("kind") != "CustomResourceDefinition":
        return False
    spec = definition.get("spec") or {}
    return spec.get("group") == ref.api_version.partition("/")[0] and (spec.get("names") or {}).get("kind") == ref.kind
