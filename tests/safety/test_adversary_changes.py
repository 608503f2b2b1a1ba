"""Changes of every kind with anything in their fields: the guard answers in its own words, and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy.modes import Mode
from agent.session import Session
from tests.safety.adversary import KINDS, NAMES, Puppet, odd, odd_texts
from tests.safety.stage import Stage
from tests.safety.tap import Tap, tapped
from tests.safety.test_adversary import EXAMPLES, NIGHTLY, SEED
from tools.change import Change, Proposal
from tools.errors import ShipmateError

_CHANGE: TypeAdapter[Any] = TypeAdapter(Change)
_KINDS = {one.model_fields["kind"].default: one for one in get_args(get_args(Change)[0])}

_KEYS = st.sampled_from(
    ("apiVersion", "kind", "metadata", "spec", "data", "stringData", "name", "namespace", "labels", "replicas", "op",
     "template", "containers", "path", "value", "from", "$patch", "rules", "status", "finalizers", "")
)  # fmt: skip
json = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(("web", "", "x", "vault:nope", "1Gi")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_objects = st.dictionaries(_KEYS, json, max_size=4)
_operations = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(("add", "remove", "replace", "test", "move", "nope")),
         "path": st.sampled_from(("", "/", "/data/colour", "/metadata/name", "/spec/replicas", "no-slash", "/~2"))},
        optional={"value": json, "from": st.sampled_from(("", "/data", 1))},
    ) | _objects,
    max_size=2,
)  # fmt: skip


@st.composite
def _refs(draw: st.DrawFn, namespace: str) -> dict[str, Any]:
    """A real object of the stage, now and then with one part of it exchanged for anything."""
    real = {
        ("apps/v1", "Deployment", "web"), ("v1", "ConfigMap", "settings"), ("v1", "Secret", "keys"),
        ("v1", "Service", "web"), ("v1", "ConfigMap", "new"), ("v1", "Namespace", namespace),
        ("v1", "Node", "shipmate-node"), ("v1", "PersistentVolumeClaim", "data"),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "cluster-admin"),
    }  # fmt: skip
    api, kind, name = draw(st.sampled_from(sorted(real)))
    ref: dict[str, Any] = {"api_version": api, "kind": kind, "name": name, "namespace": namespace}
    texts = odd_texts | st.sampled_from(
        (*KINDS, *NAMES, "v1", "apps/v1", "a/b/c", "/v1", "v1/pods/x/exec", "kube-system")
    )
    for part in draw(st.lists(st.sampled_from(sorted(ref)), max_size=2)):
        ref[part] = draw(texts)
    return ref


def _field(name: str, annotation: Any, namespace: str) -> st.SearchStrategy[Any]:
    """A value for one field of a change, of the right type where one can tell."""
    by_name: dict[str, st.SearchStrategy[Any]] = {
        "ref": _refs(namespace),
        "namespace": st.sampled_from((namespace, namespace, "kube-system")) | odd_texts,
        "manifest": _objects,
        "patch": _objects | _operations,
        "values": _objects,
        "build_args": st.dictionaries(st.sampled_from(("A", "", "HTTP_PROXY")), odd_texts, max_size=2),
        "path": st.sampled_from(("a.txt", "../out", "/etc/passwd", ".git/config", "chart", "")) | odd_texts,
        "chart": st.sampled_from(("chart", "/etc", "../..", "nope", "oci://127.0.0.1:1/x", "--post-renderer=/bin/sh")),
        "context": st.sampled_from((".", "chart", "../..", "/", "nope")),
        "release": st.sampled_from(("shop", "nope", "--kubeconfig", "A")),
        # Registries that nobody asks: none is there, or the name is none.
        "image": st.sampled_from(("127.0.0.1:1/x", "127.0.0.1:1/../x", "127.0.0.1:1/x@sha256:0", "a:b:c", "--rm", "")),
        "source": st.sampled_from(("127.0.0.1:1/x", "127.0.0.1:1/y:1", "a:b:c", "")),
        "undoes": st.lists(odd_texts, max_size=2),
    }
    choices = [one for one in get_args(annotation) if isinstance(one, str)]
    if choices:
        return st.sampled_from(choices)
    if name in by_name:
        return by_name[name]
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(-1, 12_000)
    return odd_texts | odd


@st.composite
def changes(draw: st.DrawFn, kind: str, namespace: str) -> Any:
    """A change of this kind as a model could never make it; None where not even its form would do."""
    given: dict[str, Any] = {"kind": kind, "summary": "harmless"}
    for name, field in _KINDS[kind].model_fields.items():
        if name not in given and (field.is_required() or draw(st.integers(0, 2)) == 0):
            given[name] = draw(_field(name, field.annotation, namespace))
    try:
        return _CHANGE.validate_python(given)
    except ValidationError:
        return None


@pytest.fixture
def stage(cluster_uid: str, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    made.ready()
    yield made
    made.close()


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tap]:
    with tapped(monkeypatch) as tap:
        yield tap


def proposed(guard: Guard, made: tuple[Any, ...]) -> Plan | None:
    """The plan that the guard makes of these changes; None where it refuses in words of its own."""
    work = guard.propose(Proposal(changes=made), "fuzz", "fuzz")
    try:
        while True:
            next(work)
    except StopIteration as end:
        return end.value
    except ShipmateError:
        return None


def play(stage: Stage, tap: Tap, examples: int) -> None:
    guard = Session(stage.context(stage.folder / "state"), Puppet(), Mode.ASK).guard
    tally: Counter[str] = Counter()
    every = {kind: changes(kind, stage.namespace).filter(bool) for kind in sorted(_KINDS)}

    def tried(*made: Any) -> None:
        tally.update(change.kind for change in made)
        plan = proposed(guard, made)
        tally["plans" if plan else "refused"] += 1
        assert tap.take() == []

    share = settings(
        max_examples=max(2, examples // len(every)), deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    before = stage.objects()
    for kind in every.values():
        made = st.tuples(kind) | st.tuples(kind, st.one_of(*every.values()))
        seed(SEED)(share(given(made)(lambda made: tried(*made))))()
    assert stage.objects() == before
    assert set(tally) >= set(_KINDS), "a kind of change was never tried"
    total = sum(tally[kind] for kind in _KINDS)
    print(f"\nchanges: {total} of {len(_KINDS)} kinds, {tally['plans']} plans, {tally['refused']} refused, no write")  # noqa: T201


@pytest.mark.timeout(1800)
def test_any_change_is_previewed_or_refused_and_never_written(stage: Stage, tap: Tap) -> None:
    play(stage, tap, EXAMPLES // 2)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_any_change_of_thousands_is_previewed_or_refused_and_never_written(stage: Stage, tap: Tap) -> None:
    play(stage, tap, NIGHTLY // 2)
