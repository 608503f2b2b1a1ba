"""Differences between two states of an object, and the way back."""

import copy

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from tools.kubernetes.handlers.diff import changes, clean, look, moved, pointer, restored, saved, told, way_back

_LEAF = st.one_of(st.integers(-3, 3), st.booleans(), st.text("ab~/", max_size=3))
_KEY = st.text("ab~/", min_size=1, max_size=2)


def _named(inner):
    entry = st.fixed_dictionaries({"name": st.sampled_from("pqrst")}, optional={"value": inner})
    return st.lists(entry, max_size=4, unique_by=lambda item: item["name"])


_DOCUMENT = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), _named(inner), st.dictionaries(_KEY, inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip
_OBJECT = st.dictionaries(_KEY, _DOCUMENT, max_size=4)


@given(_OBJECT, _OBJECT)
def test_the_way_back_leads_to_the_state_before(before, after):
    found = restored(saved(changes(before, after)))
    assert jsonpatch.apply_patch(after, way_back(after, found)) == before


@given(_OBJECT, _OBJECT)
def test_no_difference_only_between_equals(before, after):
    assert not changes(before, copy.deepcopy(before))
    if before != after:
        assert changes(before, after)


@given(_OBJECT, _OBJECT)
def test_what_was_shown_is_found_again(before, after):
    for change in changes(before, after):
        if change.path:
            assert look(before, pointer(before, change.path)) == change.before


def test_the_way_back_leaves_what_others_did_alone():
    before = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    after = {"env": [{"name": "A", "value": "1"}, {"name": "C", "value": "3"}]}
    found = changes(before, after)
    live = copy.deepcopy({"env": [{"name": "Z", "value": "9"}, *after["env"]], "other": 1})
    back = jsonpatch.apply_patch(live, way_back(live, found))
    assert {item["name"] for item in back["env"]} == {"Z", "A", "B"}
    assert back["other"] == 1
    assert not moved(live, found)
    live["env"][2]["value"] = "changed"
    assert [told(change.path) for change in moved(live, found)] == ["env[C]"]


def test_the_way_back_makes_parents_that_have_gone():
    before = {"metadata": {"labels": {"a": "1"}}}
    found = changes(before, {"metadata": {}})
    assert jsonpatch.apply_patch({"metadata": {}}, way_back({"metadata": {}}, found)) == before


def test_paths_for_people():
    before = {"spec": {"containers": [{"name": "web", "image": "a"}]}}
    after = {"spec": {"containers": [{"name": "web", "image": "b"}]}}
    assert told(changes(before, after)[0].path) == "spec.containers[web].image"


def test_clean_drops_what_the_server_keeps():
    live = {
        "metadata": {
            "name": "x", "uid": "1", "resourceVersion": "2", "managedFields": [],
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "status": {}, "spec": {"a": 1},
    }  # fmt: skip
    assert clean(live) == {"metadata": {"name": "x"}, "spec": {"a": 1}}
