"""What a policy sees of a step: one act for the change itself, and one for each further object that it would write.

An act is read from the change's payload and from the writes of its preview, which are what the doors let through; the
words that a tool chose for it (`summary`, a patch's `verb`) have no say.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from agent.guard.plan import Aim
from agent.guard.policy.kinds import kind_names
from agent.guard.policy.powers import images_in, powers_in
from tools.catalog import Effect
from tools.change import (
    ApplyManifest,
    BuildImage,
    Change,
    Delete,
    DeliverImage,
    HelmRelease,
    HelmRollback,
    HelmUninstall,
    HelperJob,
    Json,
    Patch,
    Ref,
    RemoveImage,
    RolloutUndo,
    Scale,
    TagImage,
    WriteFile,
)
from tools.context import Context
from tools.errors import NotFound, ShipmateError
from tools.preview import Preview

Labels = Mapping[str, str]

_HEAD = re.compile(r"(?:---|\+\+\+) (\S+) (\S+)(?: in (\S+))? \((now|after)\)")
_HELMS_OWN = "sh.helm.release.v1."
_NEW_NAME = re.compile(r"^\+\s*(?:- )?name:", re.M)


def _no_labels() -> tuple[Labels, ...]:
    return ()


@dataclass(frozen=True)
class Act:
    """One thing that would be done.

    verbs    the exact one first, then the wider ones that it is a case of (a `scale` is an `update`)
    also     verbs that it comes with as well; only rules that are stricter than `allow` look at them
    part     it is one object of a larger change (a release), which has an act of its own
    labels   of the object, now and as it would be; asked for only when a rule names labels
    powers   what it gives its pods over the node
    """

    verbs: tuple[str, ...]
    effect: Effect = Effect.CHANGE
    change: str = ""
    tool: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    context: str = ""
    cluster: str = ""
    server: str = ""
    images: tuple[str, ...] = ()
    path: str = ""
    also: tuple[str, ...] = ()
    powers: tuple[str, ...] = ()
    part: bool = False
    outside: bool = False
    labels: Callable[[], tuple[Labels, ...]] = _no_labels

    @property
    def verb(self) -> str:
        return self.verbs[0]

    @property
    def kinds(self) -> frozenset[str]:
        """The names that people have for its kind."""
        return kind_names(self.kind)

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace and self.namespace != self.name else ""
        return f"{self.verb} {self.kind.lower() or self.change} {self.name or self.path}{place}".strip()


def acts_of(ctx: Context, change: Change, preview: Preview, aim: Aim) -> tuple[Act, ...]:
    """The act of the change itself, then those of the further objects that it writes."""
    place: dict[str, Any] = {"context": aim.context, "cluster": aim.cluster_uid, "server": aim.server}
    manifest, given = _payload(change)
    first = Act(
        verbs=_verbs(change, preview),
        change=change.kind,
        also=_also(preview.diff),
        images=tuple(dict.fromkeys((*_own_images(change), *images_in(given, preview.diff)))),
        powers=powers_in(given, preview.diff) if not isinstance(change, Delete | WriteFile) else (),
        **place,
    )
    written = list(_written(preview))
    match change:
        case ApplyManifest() | Patch() | Scale() | Delete() | RolloutUndo() | HelperJob():
            ref = change.ref
            at = next((one for one in written if one.name == ref.name), None)
            named = replace(
                first, kind=ref.kind, name=ref.name, namespace=_place(ref.kind, ref.name, (at or ref).namespace or ""),
                labels=lambda: _labels(ctx, ref, manifest),
            )  # fmt: skip
            others = [one for one in written if one.name != ref.name or not (one.kinds & named.kinds)]
            return (named, *(replace(one, part=True, outside=True, **place) for one in others))
        case HelmRelease() | HelmRollback() | HelmUninstall():
            path = change.chart if isinstance(change, HelmRelease) else ""
            named = replace(
                first,
                kind="Release",
                name=change.release,
                namespace=change.namespace,
                path=_normal(path) if path else "",
            )
            return (named, *_released(ctx, change, preview, written, place))
        case WriteFile():
            return (replace(first, name=posixpath.basename(change.path), path=_normal(change.path)),)
        case BuildImage():
            return (replace(first, kind="Image", name=change.image, path=_normal(change.context)),)
        case TagImage() | DeliverImage() | RemoveImage():
            return (replace(first, kind="Image", name=change.image),)


def revealing(ctx: Context, ref: Ref) -> Act:
    """The act of showing a value of this Secret to a person."""
    cluster = ctx.cluster
    return Act(
        ("reveal",),
        effect=Effect.REVEAL,
        kind=ref.kind,
        name=ref.name,
        namespace=ref.namespace or "",
        context=cluster.context,
        cluster=cluster.uid(),
        server=cluster.server,
        labels=lambda: _labels(ctx, ref, {}),
    )


def _released(
    ctx: Context,
    change: HelmRelease | HelmRollback | HelmUninstall,
    preview: Preview,
    written: Iterable[Act],
    place: dict[str, Any],
) -> Iterator[Act]:
    """What a release changes: the objects that its diff shows, and what it deletes or runs as a hook besides."""
    shown = {(act.kind, act.name, act.namespace): act for act in _shown(preview.diff)}
    for act in written:
        known = any(act.name == name and kind in act.kinds for kind, name, _ in shown)
        if "delete" in act.verbs and not known and not act.name.startswith(_HELMS_OWN):
            shown[(act.kind, act.name, act.namespace)] = act
    if isinstance(change, HelmRelease) and change.create_namespace and any(act.kind == "namespaces" for act in written):
        shown[("namespace", change.namespace, "")] = Act(("create",), kind="namespace", name=change.namespace)
    for act in shown.values():
        namespace = _place(act.kind, act.name, act.namespace)
        yield replace(
            act, namespace=namespace, part=True, outside=namespace != change.namespace,
            labels=_later(ctx, act.kind, act.name, act.namespace), **place,
        )  # fmt: skip


def _shown(diff: str) -> Iterator[Act]:
    """The objects whose differences a diff shows."""
    lines = diff.splitlines()
    for before, after in pairwise(lines):
        if not (before.startswith("--- ") and after.startswith("+++ ")):
            continue
        old, new = _HEAD.fullmatch(before), _HEAD.fullmatch(after)
        if head := new or old:
            verb = "create" if old is None else "delete" if new is None else "update"
            yield Act((verb,), kind=head[1], name=head[2], namespace=head[3] or "")


def _written(preview: Preview) -> Iterator[Act]:
    """The objects whose paths the preview names; a POST names a collection, which tells no object."""
    from tools.kubernetes.door.paths import read_path

    for write in preview.writes:
        if write.door != "kubernetes":
            continue
        try:
            target = read_path(write.path)
        except ShipmateError:  # a pattern, or a path that the door refuses
            continue
        verb = {"DELETE": "delete", "POST": "create"}.get(write.method, "update")
        yield Act((verb,), kind=target.resource, name=target.name, namespace=target.namespace)


def _verbs(change: Change, preview: Preview) -> tuple[str, ...]:
    match change:
        case ApplyManifest():
            return ("create",) if preview.uid is None else ("update",)
        case Patch():
            verb = patched(change)
            if verb.startswith("set-") and _NEW_NAME.search(preview.diff):
                verb = "update"  # something of that name did not exist: it is not set, but added
            return (verb, "update") if verb != "update" else (verb,)
        case Scale():
            return ("scale", "update")
        case RolloutUndo():
            return ("rollback", "update")
        case HelperJob():
            return ("check", "create") if not change.keeps else ("debug", "create")
        case HelmRelease():
            return (change.action,)
        case WriteFile():
            return ("write-file",) if change.content is not None else ("delete-file", "write-file")
        case DeliverImage():
            return ("push",) if change.how == "push" else ("load",)
        case _:
            return (_PLAIN[change.kind],)


_PLAIN = {
    "delete": "delete",
    "helm-rollback": "rollback",
    "helm-uninstall": "uninstall",
    "build-image": "build",
    "tag-image": "tag",
    "remove-image": "remove-image",
}

_RESTARTED = ("spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")


def patched(change: Patch) -> str:
    """What a patch does, by what it touches: a verb of its own, else `update`."""
    paths = list(_touched(change.patch))
    if not paths or change.subresource not in (None, "", "scale"):
        return "update"

    def all_are(test: Callable[[tuple[str, ...]], bool]) -> bool:
        return all(test(path) for path in paths)

    if all_are(lambda path: path == ("spec", "replicas")):
        return "scale"
    if all_are(lambda path: path == _RESTARTED):
        return "restart"
    if all_are(lambda path: path[:2] == ("metadata", "labels")):
        return "label"
    if all_are(lambda path: path[:2] == ("metadata", "annotations")):
        return "annotate"
    if all_are(lambda path: path[:2] in (("spec", "unschedulable"), ("spec", "taints"))):
        return "cordon"
    for verb, fields in (("set-image", ("image",)), ("set-env", ("env", "envFrom")), ("set-resources", ("resources",))):
        if all_are(lambda path, fields=fields: _in_container(path, fields)):
            return verb
    return "update"


def _in_container(path: tuple[str, ...], fields: tuple[str, ...]) -> bool:
    """Whether the path leads into one of these fields of a container of a pod template."""
    inside = path[3:] if path[:3] == ("spec", "template", "spec") else ()
    return len(inside) > 2 and inside[0] in ("containers", "initContainers") and inside[2] in fields


def _touched(patch: Json) -> Iterator[tuple[str, ...]]:
    """The fields that a patch sets, as paths; an item of a list counts as one part of the path."""
    if isinstance(patch, Mapping):
        yield from _leaves(patch, ())
        return
    for operation in patch:
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
        if operation["op"] == "test":
            continue
        yield from _leaves(operation.get("value"), path)
        if operation["op"] in ("move", "copy"):
            yield (operation["op"],)


def _leaves(value: Json, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list) and value and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            keyed = {key: inner for key, inner in item.items() if key != "name"} if isinstance(item, Mapping) else item
            yield from _leaves(keyed, (*path, str(number)))
    else:
        yield path


def _also(diff: str) -> tuple[str, ...]:
    """Verbs that a change comes with, seen in what the server would store."""
    found: list[str] = []
    if "replicas:" in diff and re.search(r"^[-+]\s+replicas:", diff, re.M):
        found.append("scale")
    if "image:" in diff and re.search(r"^\+\s+(?:- )?image:", diff, re.M):
        found.append("set-image")
    return tuple(found)


def _payload(change: Change) -> tuple[Mapping[str, Json], Json]:
    """The manifest, where there is a whole one, and whatever is given to the cluster."""
    match change:
        case ApplyManifest() | HelperJob():
            return change.manifest, change.manifest
        case Patch():
            return {}, change.patch
        case _:
            return {}, None


def _own_images(change: Change) -> tuple[str, ...]:
    match change:
        case BuildImage() | TagImage() | DeliverImage() | RemoveImage():
            return (change.image,)
        case _:
            return ()


def _place(kind: str, name: str, namespace: str) -> str:
    """The namespace that an object is in; a namespace is in itself."""
    return name if "namespace" in kind_names(kind) else namespace


def _normal(path: str) -> str:
    return posixpath.normpath(path)


def _labels(ctx: Context, ref: Ref, manifest: Mapping[str, Json]) -> tuple[Labels, ...]:
    """The labels that the object has, and those that it is given; raises where they cannot be read."""
    from tools.kubernetes.handlers.foresight.preflight import live_object

    found = [live_object(ctx, ref), manifest or None]
    return tuple((one.get("metadata") or {}).get("labels") or {} for one in found if one is not None)


def _later(ctx: Context, kind: str, name: str, namespace: str) -> Callable[[], tuple[Labels, ...]]:
    def labels() -> tuple[Labels, ...]:
        try:
            resource = ctx.cluster.kinds.resolve(kind)
        except NotFound:  # its kind comes with the same release
            return ()
        return _labels(ctx, resource.ref(name, namespace or None), {})

    return labels
