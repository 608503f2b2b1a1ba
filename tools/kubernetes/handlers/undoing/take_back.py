"""The way back of what was done to one Kubernetes object: the state it shall have, and the change that leads there.

Steps on the same object are taken back together, the latest first, on a copy of the live object; only the difference
between that copy at the end and the live object is proposed. Fields that others changed since stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.change import ApplyManifest, Change, Delete, Patch, Ref, RolloutUndo, Scale
from tools.context import Context
from tools.errors import Forbidden, NeedsAnswer, NotFound, Refused
from tools.kubernetes.handlers.diff import MISSING, Changed, Item, Path, changes, clean, restored, told, way_back
from tools.kubernetes.handlers.foresight.impact import SCALABLE
from tools.kubernetes.handlers.foresight.preflight import live_object
from tools.kubernetes.handlers.undoing.marks import Marks, is_lost
from tools.kubernetes.handlers.undoing.threeway import Clash, others, taken_back
from tools.kubernetes.workload_changes import scale_change
from tools.preview import ANSWERS, Done, Others, Undo

Object = dict[str, Any]

_RUNNING = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod")


class _Way:
    """The state of the object on the way back, and what there is to say about it."""

    def __init__(self, ctx: Context, ref: Ref, force: bool) -> None:
        self.ctx, self.ref, self.force = ctx, ref, force
        self.live = live_object(ctx, ref)
        self.uid = self.live["metadata"]["uid"] if self.live else None
        self.marks = Marks(ctx)
        self.now = self.marks.of_live(clean(self.live)) if self.live else None
        self.state = self.now
        self.ours: list[Changed] = []
        self.clashes: list[Clash] = []
        self.notes: list[str] = []

    def step(self, done: Done) -> bool:
        """Take one step back; False when there is nothing further to take back."""
        if done.change.kind == "delete":
            return self._undelete(done)
        if done.applied.facts.get("created"):
            return self._unmake(done)
        self._unchange(done)
        return True

    def _undelete(self, done: Done) -> bool:
        if why := done.applied.facts.get("no_undo"):
            raise Refused(f"Deleting {self.ref} cannot be taken back: {why}.")
        if self.state is not None:
            who = "was made anew" if self.uid != done.applied.facts.get("uid") else "is still there"
            self.notes.append(f"{_title(self.ref)} {who} since it was deleted; it is left as it is.")
            return False
        self.state = restorable(self.ctx, self.marks.of_sealed(done.applied.before))
        self.uid = done.applied.facts.get("uid")
        if is_lost(self.state):
            raise Refused(
                f"{_title(self.ref)} held secret values, which are no longer kept.", "Make it again from its manifest."
            )
        return True

    def _unmake(self, done: Done) -> bool:
        if self.state is None:
            self.notes.append(f"{_title(self.ref)} is gone already.")
            return False
        if self.uid != done.applied.facts["uid"]:
            self.notes.append(f"{_title(self.ref)} was deleted and made anew by somebody else since; it is left alone.")
            return False
        self.state = None
        return True

    def _unchange(self, done: Done) -> None:
        if self.state is None:
            raise Refused(
                f"{_title(self.ref)} no longer exists, so its former values have no place.", "Create it again first."
            )
        if self.uid != done.applied.facts.get("uid"):
            raise Refused(f"{_title(self.ref)} was deleted and made anew since; this change is not in it any more.")
        kept = restored(done.applied.before or [])
        found = [one._replace(before=_sealed_or_missing(self.marks, one.before)) for one in kept]
        if lost := [told(one.path) for one in found if is_lost(one.before)]:
            raise Refused(
                f"The former value of {', '.join(lost)} of {self.ref} is no longer kept.", "Give the value anew."
            )
        self.ours += found
        self.state, clashes = taken_back(self.state, found, self.force)
        self.clashes += clashes


def take_back(ctx: Context, steps: Sequence[Done], how: Others = "keep") -> Undo:
    """The change that takes these steps on one object back; `steps` are in the order in which they were applied.

    Raises NeedsAnswer when somebody else changed the same fields since and `how` is "ask".
    """
    change = steps[-1].change
    if not isinstance(change, ApplyManifest | Patch | Scale | Delete | RolloutUndo):
        raise TypeError(f"{change.kind} is not a change of a Kubernetes object")
    way = _Way(ctx, change.ref, how == "overwrite")
    for done in reversed(steps):
        if not way.step(done):
            break
    if way.clashes:
        told_clashes = _clash_text(way)
        if how == "ask":
            raise NeedsAnswer(
                f"{told_clashes} Keep that, or overwrite it with the former values?", ANSWERS, slot="others"
            )
        way.notes.append(f"{told_clashes} {'They stay so.' if how == 'keep' else 'They get their former values.'}")
    way.notes += _changed_since(way, steps[-1])
    return Undo(changes=_change(ctx, way, steps), notes=tuple(way.notes))


def _sealed_or_missing(marks: Marks, value: Any) -> Any:
    return value if value is MISSING else marks.of_sealed(value)


def _clash_text(way: _Way) -> str:
    places = dict.fromkeys(_by_whom(way.live or {}, clash.path) for clash in way.clashes)
    noun = "has" if len(places) == 1 else "have"
    return f"{', '.join(places)} of {way.ref} {noun} been changed again since."


def _changed_since(way: _Way, last: Done) -> tuple[str, ...]:
    """What others did to the object meanwhile: it stays, or it goes with the object."""
    left = last.applied.facts.get("left")
    if way.live is None or left is None or way.uid != last.applied.facts.get("uid"):
        return ()
    found = [one for one in others(left, way.now, way.ours) if not _by_controller(way.live, one.path)]
    if not found:
        return ()
    names = list(dict.fromkeys(_by_whom(way.live, one.path) for one in found))
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    if way.state is None:
        return (f"Changed on {way.ref} since it was made, and lost with it: {shown}.",)
    return (f"Changed on {way.ref} since, and left as it is: {shown}.",)


def _change(ctx: Context, way: _Way, steps: Sequence[Done]) -> tuple[Change, ...]:
    """From the live object to the state that it shall have."""
    ref, state = way.ref, way.state
    if way.live is None:
        if state is None:
            return ()
        if ref.kind in _RUNNING:
            way.notes.append("Its pods start anew.")
        manifest = way.marks.sealed(state)
        summary = f"make {ref} again"
        return (ApplyManifest(summary=summary, why="undo", ref=ref, manifest=manifest, create_only=True),)
    if state is None:
        return (Delete(summary=f"delete {ref}", why="undo", ref=ref),)
    found = changes(state, way.now)
    if not found:
        if not way.notes:
            way.notes.append(f"{_title(ref)} has its former values already.")
        return ()
    if [one.path for one in found] == [("spec", "replicas")] and ref.kind in SCALABLE:
        return (scale_change(way.live, int(found[0].before), why="undo"),)
    operations = way.marks.sealed(way_back(way.now, found))
    summary = "; ".join(dict.fromkeys(done.change.summary for done in steps))
    return (Patch(summary=f"take back: {summary}", why="undo", ref=ref, verb="undo", type="json", patch=operations),)


def restorable(ctx: Context, kept: Mapping[str, Any]) -> Object:
    """The manifest that makes a deleted object again, without what the server gives to each object anew."""
    dropped = ("finalizers", "ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName")
    meta = {key: value for key, value in (kept.get("metadata") or {}).items() if key not in dropped}
    # The garbage collector would take away what names an owner that is gone.
    if alive := [own for own in (kept.get("metadata") or {}).get("ownerReferences") or () if _lives(ctx, own, meta)]:
        meta["ownerReferences"] = alive
    manifest = {**kept, "metadata": meta}
    spec: Object = dict(manifest.get("spec") or {})
    if manifest.get("kind") == "Service" and spec.get("clusterIP") != "None":
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    if manifest.get("kind") == "Pod":
        spec.pop("nodeName", None)
    if manifest.get("kind") == "Job" and not spec.get("manualSelector"):
        spec.pop("selector", None)
        template = spec["template"]
        labels = {
            key: value
            for key, value in ((template.get("metadata") or {}).get("labels") or {}).items()
            if "controller-uid" not in key
        }
        spec["template"] = {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}}
    return {**manifest, "spec": spec} if "spec" in manifest else manifest


def _lives(ctx: Context, owner: Mapping[str, Any], meta: Mapping[str, Any]) -> bool:
    """Whether the very object that owns this is still there."""
    ref = Ref(api_version=owner["apiVersion"], kind=owner["kind"], name=owner["name"], namespace=meta.get("namespace"))
    try:
        if not ctx.cluster.kinds.for_ref(ref).namespaced:
            ref = ref.model_copy(update={"namespace": None})
        return ctx.cluster.read(ref)["metadata"]["uid"] == owner["uid"]
    except (NotFound, Forbidden):
        return False


# --- who it was ---------------------------------------------------------------------------------------------------


def _by_whom(live: Mapping[str, Any], path: Path) -> str:
    managers = [name for name in managers_of(live, path) if not name.startswith("shipmate")]
    return f"{told(path)} (by {', '.join(managers)})" if managers else told(path)


def _by_controller(live: Mapping[str, Any], path: Path) -> bool:
    """Whether a part of Kubernetes itself set this, such as the volume that a claim was bound to."""
    managers = managers_of(live, path)
    return bool(managers) and all(name.startswith(("kube-", "kubelet")) for name in managers)


def managers_of(live: Mapping[str, Any], path: Path) -> list[str]:
    """The field managers that the server names for a place of an object."""
    found: list[str] = []
    for entry in live["metadata"].get("managedFields") or ():
        node: Any = entry.get("fieldsV1") or {}
        depth = 0
        for part in path:
            step = _field(node, part)
            if step is None:
                break
            node, depth = step, depth + 1
        if depth == len(path) or (depth and node == {}):
            found.append(str(entry.get("manager", "")))
    return list(dict.fromkeys(name for name in found if name))


def _field(node: Mapping[str, Any], part: str | int | Item) -> Any:
    if isinstance(part, Item):
        return next(
            (value for key, value in node.items() if key.startswith("k:") and f'"name":"{part.name}"' in key), None
        )
    return node.get(f"f:{part}") if isinstance(part, str) else None


def _title(ref: Ref) -> str:
    text = str(ref)
    return text[:1].upper() + text[1:]
