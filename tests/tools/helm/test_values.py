"""Chart values by dotted paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadRequest
from tools.helm.values import check_known, look, merged, nested, paths

leaves = st.one_of(st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=3))
keys = st.text("abcde", min_size=1, max_size=2)
trees = st.dictionaries(
    keys,
    st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3), max_leaves=6),
    max_size=4,
)


@given(trees)
def test_leaves_by_path_make_the_same_tree(tree: dict[str, object]) -> None:
    assert nested(paths(tree)) == tree


@given(trees, trees)
def test_what_is_laid_over_wins_and_twice_changes_nothing(base: dict[str, object], change: dict[str, object]) -> None:
    once = merged(base, change)
    assert merged(once, change) == once
    for path, value in paths(change).items():
        assert look(once, path) == value


def test_dotted_and_nested_settings_mix() -> None:
    assert nested({"a.b": 1, "a": {"c.d": 2}}) == {"a": {"b": 1, "c": {"d": 2}}}
    with pytest.raises(BadRequest, match="contradicts"):
        nested({"a": 1, "a.b": 2})
    with pytest.raises(BadRequest, match="not a setting"):
        nested({"a..b": 1})


def test_none_takes_a_setting_out_and_a_default_too() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}) == {"a": {"c": 2}}
    assert merged({}, {"a": {"b": None}}, {"a": {"b": 9}}) == {"a": {"b": None}}


def test_a_misspelt_setting_is_refused_with_the_right_one() -> None:
    defaults = {"backend": {"replicaCount": 1, "env": {}}}
    check_known({"backend": {"replicaCount": 2, "env": {"ANY": "x"}, "brandNew": 1}}, defaults)
    with pytest.raises(BadRequest) as caught:
        check_known({"backend": {"replicaCont": 2}}, defaults)
    assert "backend.replicaCount" in caught.value.next_step
