"""Whatever is changed on an object of whatever kind: taken back it is what it was, done again what it became."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.cluster.driving import apply, invert, preview
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tests.safety.objects import BOATS, IMAGE, KINDS, LABELS, NOTES, environment
from tools.change import ApplyManifest, Change, Delete, Patch, Ref, RolloutUndo, Scale
from tools.context import Context
from tools.errors import BadRequest, NotFound
from tools.kubernetes.handlers.diff import clean
from tools.kubernetes.workload_changes import restart_change
from tools.preview import Applied, Undo
from tools.secrets.sealing import sealed

Object = dict[str, Any]
FAST = settings(
    max_examples=int(os.environ.get("UNDO_EXAMPLES", "4")), deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate), print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
DEEP = settings(FAST, max_examples=150)
_NUMBER = count()
_TALLY: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def figures() -> Iterator[None]:
    yield
    told = ", ".join(f"{number} {what}" for what, number in sorted(_TALLY.items()))
    print(f"undo properties: {sum(_TALLY.values())} examples ({told})")  # noqa: T201


@pytest.fixture(scope="session")
def boats(cluster_uid: str) -> None:
    """A custom kind; it stays in the test cluster, where the next run finds it."""
    cluster = Context(context=CLUSTER_CONTEXT).cluster
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    try:
        cluster.get(f"{path}/{BOATS['metadata']['name']}")
    except NotFound:
        write_directly(cluster, "POST", path, BOATS)
    ends = time.monotonic() + 30
    while True:
        try:
            cluster.get("/apis/undo.example.com/v1/namespaces/default/boats")
        except NotFound:
            assert time.monotonic() < ends
            time.sleep(0.1)
        else:
            return


class Stage(NamedTuple):
    """One object on the test cluster, and how to look at it."""

    ctx: Context
    ref: Ref

    def make(self, obj: Object) -> None:
        path = self.ctx.cluster.path(self.ref).rpartition("/")[0]
        write_directly(self.ctx.cluster, "POST", path, self.named(obj))

    def named(self, obj: Object) -> Object:
        meta = {**obj["metadata"], "name": self.ref.name, "namespace": self.ref.namespace}
        return {**copy.deepcopy(obj), "metadata": meta}

    def live(self) -> Object | None:
        try:
            return self.ctx.cluster.read(self.ref)
        except NotFound:
            return None

    def state(self) -> Object | None:
        """What people write of it: without status, what the server keeps for itself, and addresses given anew."""
        live = self.live()
        return None if live is None else normal(live)

    def do(self, change: Change) -> Applied | None:
        """Preview and apply it; None when it would change nothing or the server does not take it."""
        seen = preview(self.ctx, change)
        return None if seen.noop or seen.blockers else apply(self.ctx, change, seen)

    def back(self, change: Change, applied: Applied) -> tuple[Change, Applied] | None:
        """Take it back; None when nothing was left to do."""
        undone: Undo = invert(self.ctx, change, applied)
        if not undone.changes:
            return None
        (inverse,) = undone.changes
        return inverse, apply(self.ctx, inverse, preview(self.ctx, inverse))


def normal(live: Object) -> Object:
    out = clean(live)
    meta = {key: value for key, value in out["metadata"].items() if value}
    out["metadata"] = meta
    spec = dict(out.get("spec") or {})
    if live["kind"] == "Service":
        for key in ("clusterIP", "clusterIPs"):
            spec.pop(key, None)
    return {**out, "spec": spec} if "spec" in out else out


def stage(ctx: Context, kind: str, version: str) -> Stage:
    return Stage(ctx, Ref(api_version=version, kind=kind, name=f"x{next(_NUMBER)}", namespace=ctx.namespace))


# --- the changes --------------------------------------------------------------------------------------------------


def _apply(place: Stage, obj: Object) -> Change:
    change = ApplyManifest(summary="apply", ref=place.ref, manifest=place.named(obj))
    return sealed(place.ctx, change)


def _patch(place: Stage, verb: str, patch: Object, type: Any = "merge") -> Change:
    return sealed(place.ctx, Patch(summary=verb, ref=place.ref, verb=verb, type=type, patch=patch))


def _marks(field: str, values: st.SearchStrategy[dict[str, str]]) -> Callable[[Stage, st.DataObject], Change]:
    """Set some and take others off."""

    def drawn(place: Stage, data: st.DataObject) -> Change:
        there = sorted(((place.live() or {})["metadata"].get(field)) or {})
        gone = dict.fromkeys(data.draw(st.lists(st.sampled_from(there), max_size=2))) if there else {}
        return _patch(place, field, {"metadata": {field: {**data.draw(values), **gone}}})

    return drawn


def _image(place: Stage, data: st.DataObject) -> Change:
    (first, *_) = (place.live() or {})["spec"]["template"]["spec"]["containers"]
    entry = {"name": first["name"], "image": data.draw(IMAGE), "env": data.draw(environment())}
    return _patch(place, "set image", {"spec": {"template": {"spec": {"containers": [entry]}}}}, "strategic")


def _scale(place: Stage, data: st.DataObject) -> Change:
    return Scale(summary="scale", ref=place.ref, replicas=data.draw(st.integers(1, 3)))


def _restart(place: Stage, data: st.DataObject) -> Change:
    return restart_change(place.live() or {}, "2026-01-01T00:00:00Z")


def _rollout_undo(place: Stage, data: st.DataObject) -> Change:
    """Back to the revision before an update, once there are two."""
    if place.ref.kind == "Deployment":
        _until(lambda: len(_sets(place)) == 1 or (place.live() or {})["spec"].get("paused"))
        place.do(_patch(place, "set", {"spec": {"template": {"metadata": {"labels": {"second": "x"}}}}}))
        _until(lambda: len(_sets(place)) == 2 or (place.live() or {})["spec"].get("paused"))
    return RolloutUndo(summary="roll back", ref=place.ref)


def _sets(place: Stage) -> list[Object]:
    uid = (place.live() or {})["metadata"]["uid"]
    found = place.ctx.cluster.list(place.ctx.cluster.kinds.resolve("replicasets.apps"), place.ref.namespace)
    return [one for one in found if any(own["uid"] == uid for own in one["metadata"].get("ownerReferences") or ())]


def _until(true: Callable[[], object]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.1)


def _update(place: Stage, data: st.DataObject) -> Change:
    return _apply(place, data.draw(KINDS[place.ref.kind], label="after"))


def _delete(place: Stage, data: st.DataObject) -> Change:
    return Delete(summary="delete", ref=place.ref)


CHANGES: dict[str, Callable[[Stage, st.DataObject], Change]] = {
    "apply": _update,
    "label": _marks("labels", LABELS),
    "annotate": _marks("annotations", NOTES),
    "delete": _delete,
}
OF_WORKLOADS = {"set image": _image, "restart": _restart, "scale": _scale, "rollout undo": _rollout_undo}


def _of_kind(kind: str) -> dict[str, Callable[[Stage, st.DataObject], Change]]:
    return CHANGES | (OF_WORKLOADS if kind in ("Deployment", "StatefulSet") else {})


def _run(ctx: Context, kind: str, data: st.DataObject) -> None:
    before = data.draw(KINDS[kind], label="before")
    place = stage(ctx, kind, before["apiVersion"])
    if data.draw(st.booleans(), label="made by Shipmate"):
        place.do(_apply(place, before))
    else:
        place.make(before)
    name = data.draw(st.sampled_from(sorted(_of_kind(kind))), label="change")
    try:
        change = _of_kind(kind)[name](place, data)
    except BadRequest:
        return  # a paused Deployment is not restarted
    was = place.state()
    applied = place.do(change)
    if applied is None:
        return  # refused by the server or by who else manages it, or nothing to do
    _TALLY[name] = _TALLY.get(name, 0) + 1
    became = place.state()
    undone = place.back(change, applied)
    assert place.state() == was
    if undone:
        place.back(*undone)
        assert place.state() == became


@pytest.mark.usefixtures("boats")
@pytest.mark.parametrize("kind", sorted(KINDS))
@FAST
@given(data=st.data())
def test_taken_back_it_is_as_it_was_and_done_again_as_it_became(ctx: Context, kind: str, data: st.DataObject) -> None:
    _run(ctx, kind, data)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.usefixtures("boats")
@pytest.mark.parametrize("kind", sorted(KINDS))
@DEEP
@given(data=st.data())
def test_deeply_taken_back_it_is_as_it_was(ctx: Context, kind: str, data: st.DataObject) -> None:
    _run(ctx, kind, data)


@pytest.mark.usefixtures("boats")
@FAST
@given(kind=st.sampled_from(sorted(KINDS)), data=st.data())
def test_what_is_made_is_gone_when_it_is_taken_back(ctx: Context, kind: str, data: st.DataObject) -> None:
    obj = data.draw(KINDS[kind])
    place = stage(ctx, kind, obj["apiVersion"])
    change = _apply(place, obj)
    applied = place.do(change)
    assert applied is not None
    became = place.state()
    undone = place.back(change, applied)
    assert place.state() is None
    assert undone
    place.back(*undone)
    assert place.state() == became
