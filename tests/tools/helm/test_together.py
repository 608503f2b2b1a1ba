"""Steps of one plan that upgrade the same release keep what each of them asked for."""

import pytest

from tools.errors import BadRequest
from tools.helm.together import joined_values

BASE = {"backend": {"replicaCount": 1, "env": {"A": "1"}}, "ingress": {"annotations": {"a.b/c": "x"}}}


def test_each_step_keeps_its_part() -> None:
    first = {**BASE, "backend": {"replicaCount": 5, "env": {"A": "1"}}}
    second = {**BASE, "frontend": {"replicaCount": 2}, "backend": {"replicaCount": 1, "env": {"A": "1", "B": "2"}}}
    assert joined_values(BASE, [first, second]) == {
        "backend": {"replicaCount": 5, "env": {"A": "1", "B": "2"}},
        "frontend": {"replicaCount": 2},
        "ingress": {"annotations": {"a.b/c": "x"}},
    }


def test_what_one_step_takes_out_stays_out() -> None:
    first = {**BASE, "backend": {"replicaCount": 1}}
    second = {**BASE, "backend": {"replicaCount": 3, "env": {"A": "1"}}}
    assert joined_values(BASE, [first, second])["backend"] == {"replicaCount": 3}


def test_null_is_a_value() -> None:
    assert joined_values({"a": 1}, [{"a": None}, {"a": 1, "b": 2}]) == {"a": None, "b": 2}


def test_a_contradiction_is_refused() -> None:
    with pytest.raises(BadRequest, match="two different things"):
        joined_values({"n": 1}, [{"n": 2}, {"n": 3}])
